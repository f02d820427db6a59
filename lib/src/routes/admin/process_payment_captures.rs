//! `GET, POST /api/admin/process-payment-captures`: the cron that expires holds, moves bookings on,
//! captures due payments and makes open voids and refunds.

use crate::{
    app::App,
    clients::supabase::DatabaseError,
    domain::rate_limit::Tier,
    flows::{
        cache::invalidate::invalidate_days,
        payment::{
            capture::{CaptureResult, capture_due},
            refund::make_due_refunds,
            void::void_due_authorizations,
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
use http::StatusCode;
use serde_json::{Value, json};

/// The cron's name in `cron_runs`.
const NAME: &str = "process-payment-captures";
const MESSAGE: &str = "Payment capture processor is running";
/// The most holds that one run expires, and the most bookings that it moves on.
const MAX_BOOKINGS: u32 = 500;

pub(in crate::routes) async fn run(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    match cron_caller(app, request)? {
        CronCaller::Anonymous => {
            let last_run = app.database(request.deadline).last_cron_run(NAME).await?;
            Ok(reply(&[], &json!({ "lastRun": last_run })))
        }
        CronCaller::Cron => {
            let results = run_cron(app, request, NAME, process(app, request), |results| {
                let failed = results.iter().filter(|result| result.result.is_err());
                let failed = failed.count();
                CronCounts {
                    succeeded: results.len() - failed,
                    failed,
                }
            })
            .await?;
            Ok(reply(&results, &json!({})))
        }
    }
}

async fn process(app: &App, request: &Request) -> Result<Vec<CaptureResult>, DatabaseError> {
    let (database, deadline) = (app.database(request.deadline), request.deadline);
    let freed = database.expire_holds(MAX_BOOKINGS).await?;
    invalidate_days(app, freed).await;
    database.advance_bookings(MAX_BOOKINGS).await?;
    void_due_authorizations(app, deadline).await?;
    make_due_refunds(app, deadline).await?;
    capture_due(app, deadline).await
}

fn reply(results: &[CaptureResult], more: &Value) -> Reply {
    let rows: Vec<Value> = results
        .iter()
        .map(|CaptureResult { booking_id, result }| match result {
            Ok(capture_id) => {
                json!({ "booking_id": booking_id, "success": true, "capture_id": capture_id })
            }
            Err(failed) => {
                json!({ "booking_id": booking_id, "success": false, "error": failed.code })
            }
        })
        .collect();
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
