//! `GET, POST /api/admin/payments/reconcile`: the cron that compares all payments with PayPal.

use super::payments_drift::{FIRST_PAGE, drift_report};
use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::{
        payment::reconcile::{ReconcileRun, Stop, reconcile},
        traffic::admission::admit,
    },
    routes::{
        access::require_cron_or_admin,
        cron::{CronCounts, run_cron},
        problems::Problem,
    },
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;

/// The cron's name in `cron_runs`.
const NAME: &str = "reconcile-payments";

pub(in crate::routes) async fn run(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_cron_or_admin(app, request).await?;

    let work = reconcile(app, request.deadline);
    let run = run_cron(app, request, NAME, work, |run| CronCounts {
        succeeded: run.checked,
        failed: run.failed,
    })
    .await?;
    let drift = drift_report(app, request, FIRST_PAGE).await?;
    let ReconcileRun {
        checked,
        repaired,
        failed,
        stop,
    } = run;
    let mut body = json!(drift);
    for (name, value) in [
        (
            "success",
            json!(failed == 0 && stop != Some(Stop::RefusesUs)),
        ),
        ("checked", json!(checked)),
        ("repaired", json!(repaired)),
        ("failed", json!(failed)),
        ("stopped", json!(stop)),
    ] {
        body[name] = value;
    }
    Ok(Reply::json(StatusCode::OK, &body))
}
