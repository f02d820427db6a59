//! `GET, POST /api/admin/payments/reconcile`: the cron that compares our payments with what PayPal shows.

use super::{access::require_cron_or_admin, admin_payments_drift::drift};
use crate::{
    app::App,
    clients::supabase::DatabaseError,
    domain::rate_limit::Tier,
    flows::{
        admission::admit,
        reconcile::{Reconciled, reconcile},
    },
    http::{reply::Reply, request::Request},
    problem::Problem,
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

/// The cron's name in `cron_runs`.
const NAME: &str = "reconcile-payments";

pub(super) async fn run(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_cron_or_admin(app, request).await?;

    let database = app.database(request.deadline);
    let run = database.begin_cron_run(NAME).await?;
    let done = match reconcile(app, request.deadline).await {
        Ok(done) => done,
        Err(error) => return Err(cut_off(app, request, run, error).await),
    };
    database
        .finish_cron_run(run, done.checked, done.failed, None)
        .await?;
    let drift = drift(app, request).await?;
    let Reconciled {
        checked,
        repaired,
        failed,
    } = done;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "success": failed == 0,
            "checked": checked,
            "repaired": repaired,
            "failed": failed,
            "drift": drift.findings,
            "deadLetters": drift.dead_letters,
        }),
    ))
}

async fn cut_off(app: &App, request: &Request, run: Uuid, error: DatabaseError) -> Problem {
    let noted = app
        .database(request.deadline)
        .finish_cron_run(run, 0, 0, Some("database_unavailable"))
        .await;
    if let Err(error) = noted {
        log::error!("request={} {NAME}: {error}", request.id);
    }
    error.into()
}
