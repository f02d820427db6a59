//! `GET, POST /api/admin/process-payment-captures`: the cron that takes the money that is due, ends holds that lapsed, moves
//! bookings on, and gives back money that may not be kept.

use super::access::{CronCaller, cron_caller};
use crate::{
    app::App,
    clients::supabase::DatabaseError,
    domain::rate_limit::Tier,
    flows::{
        admission::admit,
        cache::days_changed,
        capture::{CaptureResult, capture_due},
        refund::make_leftovers,
        void::void_leftovers,
    },
    http::{reply::Reply, request::Request},
    problem::Problem,
};
use http::StatusCode;
use serde_json::{Value, json};

/// The cron's name in `cron_runs`.
const NAME: &str = "process-payment-captures";
const MESSAGE: &str = "Payment capture processor is running";
/// Holds ended, and bookings moved on, in one run.
const MOST_BOOKINGS: u32 = 500;

pub(super) async fn run(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    match cron_caller(app, request)? {
        CronCaller::Anyone => last_run(app, request).await,
        CronCaller::Cron => process(app, request).await,
    }
}

async fn last_run(app: &App, request: &Request) -> Result<Reply, Problem> {
    let last_run = app.database(request.deadline).last_cron_run(NAME).await?;
    Ok(answer(&[], &json!({ "lastRun": last_run })))
}

async fn process(app: &App, request: &Request) -> Result<Reply, Problem> {
    let database = app.database(request.deadline);
    let run = database.begin_cron_run(NAME).await?;
    let results = match work(app, request).await {
        Ok(results) => results,
        Err(error) => {
            database
                .finish_cron_run(run, 0, 0, Some("database_unavailable"))
                .await?;
            return Err(error.into());
        }
    };
    let failed = results
        .iter()
        .filter(|result| result.result.is_err())
        .count();
    database
        .finish_cron_run(run, results.len() - failed, failed, None)
        .await?;
    Ok(answer(&results, &json!({})))
}

/// What a crash, a lost answer or the mere passing of time left to do.
async fn work(app: &App, request: &Request) -> Result<Vec<CaptureResult>, DatabaseError> {
    let (database, deadline) = (app.database(request.deadline), request.deadline);
    let freed = database.expire_holds(MOST_BOOKINGS).await?;
    days_changed(app, freed).await;
    database.advance_bookings(MOST_BOOKINGS).await?;
    void_leftovers(app, deadline).await?;
    make_leftovers(app, deadline).await?;
    capture_due(app, deadline).await
}

fn answer(results: &[CaptureResult], more: &Value) -> Reply {
    let rows: Vec<Value> = results
        .iter()
        .map(|CaptureResult { booking, result }| match result {
            Ok(capture_id) => {
                json!({ "booking_id": booking, "success": true, "capture_id": capture_id })
            }
            Err(failed) => {
                json!({ "booking_id": booking, "success": false, "error": failed.code })
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
