//! `GET, POST /api/admin/process-payment-captures`: the cron that expires holds, moves bookings on,
//! captures due payments, and then makes open voids and refunds side by side.

use crate::{
    app::App,
    clients::supabase::DatabaseError,
    domain::rate_limit::Tier,
    flows::{
        cache::invalidate::invalidate_days,
        payment::{
            capture::{CaptureResult, capture_due},
            due_voids::void_due_authorizations,
            refund::make_due_refunds,
            run::{RunLimits, SharedStop},
        },
        traffic::admission::admit,
    },
    routes::{
        access::{CronCaller, cron_caller},
        cron::{CronCounts, run_cron},
        problems::Problem,
    },
    web::{reply::Reply, request::Request},
};
use futures_util::future::join;
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// The cron's name in `cron_runs`.
const NAME: &str = "process-payment-captures";
const MESSAGE: &str = "Payment capture processor is running";
/// The most holds that one run expires, and the most bookings that it moves on.
const MAX_BOOKINGS: u32 = 500;
/// The time to record the outcomes of the last calls and the end of the run.
const RECORDING: Duration = Duration::from_secs(20);

pub(in crate::routes) async fn run(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    match cron_caller(app, request)? {
        CronCaller::Anonymous => {
            let last_run = app.database(request.deadline).last_cron_run(NAME).await?;
            Ok(reply(&[], &json!({ "lastRun": last_run })))
        }
        CronCaller::Cron => {
            let results = run_cron(app, request, NAME, process(app, request), |results| {
                let made = results
                    .iter()
                    .filter_map(|result| result.result.as_ref().ok());
                let succeeded = made.filter(|capture| !capture.is_pending).count();
                CronCounts {
                    succeeded,
                    failed: results.len() - succeeded,
                }
            })
            .await?;
            Ok(reply(&results, &json!({})))
        }
    }
}

/// Captures come first, because an authorization ends and a debt does not. The other parts keep a
/// quarter of the time, and nothing of PayPal's slowness takes the time to record the run.
async fn process(app: &App, request: &Request) -> Result<Vec<CaptureResult>, DatabaseError> {
    let (database, deadline) = (app.database(request.deadline), request.deadline);
    let freed = database.expire_holds(MAX_BOOKINGS).await?;
    invalidate_days(app, freed).await;
    database.advance_bookings(MAX_BOOKINGS).await?;

    let stop = SharedStop::new();
    let calls_until = deadline.earlier(RECORDING);
    let share = calls_until.left(app.platform().now()) / 4;
    let captures = RunLimits::new(calls_until.earlier(share), deadline, &stop);
    let results = capture_due(app, &captures).await?;
    let rest = RunLimits::new(calls_until, deadline, &stop);
    let (voids, refunds) = join(
        void_due_authorizations(app, &rest),
        make_due_refunds(app, &rest),
    )
    .await;
    // The captures are reported even if a later part failed.
    for error in [voids.err(), refunds.err()].into_iter().flatten() {
        log::error!("request={} {NAME}: {error}", request.id);
    }
    Ok(results)
}

fn reply(results: &[CaptureResult], more: &Value) -> Reply {
    let rows: Vec<Value> = results.iter().map(row).collect();
    let mut body = json!({
        "success": true,
        "message": MESSAGE,
        "processed_count": results.len(),
        "results": rows,
    });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    Reply::json(StatusCode::OK, &body)
}

fn row(CaptureResult { booking_id, result }: &CaptureResult) -> Value {
    match result {
        Ok(capture) if !capture.is_pending => {
            json!({ "booking_id": booking_id, "success": true, "capture_id": capture.id })
        }
        Ok(_) => json!({ "booking_id": booking_id, "success": false, "error": "capture_pending" }),
        Err(failed) => {
            json!({ "booking_id": booking_id, "success": false, "error": failed.code })
        }
    }
}
