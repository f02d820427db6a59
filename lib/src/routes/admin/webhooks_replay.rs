//! `POST /api/admin/webhooks/{id}/replay`: applies a dead letter again, from its stored body.

use crate::{
    app::App,
    clients::supabase::EventReplay,
    domain::rate_limit::Tier,
    flows::{payment::webhook::process_event, traffic::admission::admit},
    routes::{
        access::require_admin,
        problems::{Code, Problem},
    },
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;

pub(in crate::routes) async fn replay(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    let operator = require_admin(app, request).await?;
    let event_id = request.parameter.as_deref().unwrap_or_default();

    let replay = app
        .database(request.deadline)
        .replay_webhook_event(event_id, &operator.name, &request.id)
        .await?;
    let is_processed = match replay {
        EventReplay::Replayed { claim } => process_event(app, request.deadline, &claim).await,
        EventReplay::AlreadyProcessed => true,
        EventReplay::Waiting => false,
        EventReplay::EventNotFound => return Err(Problem::new(Code::EventNotFound)),
    };
    let status = if is_processed { "processed" } else { "waiting" };
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "eventId": event_id, "status": status }),
    ))
}
