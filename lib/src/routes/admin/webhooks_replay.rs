//! `POST /api/admin/webhooks/{id}/replay`: has a dead letter applied again, from the bytes that
//! were stored.

use crate::{
    app::App,
    clients::supabase::ReplayOutcome,
    domain::rate_limit::Tier,
    flows::{payment::webhook, traffic::admission::admit},
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
    let status = match (replay.outcome, replay.work) {
        (ReplayOutcome::EventNotFound, _) => return Err(Problem::new(Code::EventNotFound)),
        (_, Some(work)) if webhook::process(app, request.deadline, &work).await => "processed",
        (ReplayOutcome::AlreadyProcessed, _) => "processed",
        (ReplayOutcome::Replayed | ReplayOutcome::Waiting, _) => "waiting",
    };
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "eventId": event_id, "status": status }),
    ))
}
