//! `GET, POST /api/admin/retention`: the cron that deletes old rows of the logs.

use crate::{
    app::App,
    clients::supabase::DatabaseError,
    domain::rate_limit::Tier,
    flows::traffic::admission::admit,
    routes::{
        access::require_cron_or_admin,
        cron::{CronCounts, run_cron},
        problems::Problem,
    },
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// The cron's name in `cron_runs`.
const NAME: &str = "retention";
/// The rows of one transaction, which takes some milliseconds.
const BATCH: u32 = 1_000;
/// No batch begins later than this before the deadline.
const LAST_BATCH: Duration = Duration::from_secs(20);
/// PayPal refunds and disputes captures for 180 days.
const WEBHOOK_DAYS: u32 = 180;
const CRON_DAYS: u32 = 90;

/// The deletions from one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TableReport {
    table: &'static str,
    keep_days: u32,
    deleted: u32,
    /// The table is complete since then.
    kept_since: Timestamp,
    /// Whether rows may be left for the next run.
    has_more: bool,
}

pub(in crate::routes) async fn run(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_cron_or_admin(app, request).await?;

    let work = delete_expired_rows(app, request);
    let tables = run_cron(app, request, NAME, work, |tables| CronCounts {
        succeeded: tables.iter().map(|table| table.deleted as usize).sum(),
        failed: 0,
    })
    .await?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "tables": tables }),
    ))
}

async fn delete_expired_rows(
    app: &App,
    request: &Request,
) -> Result<Vec<TableReport>, DatabaseError> {
    let audit_days = app.config().audit_retention_days;
    let mut tables = Vec::new();
    for (table, keep_days) in [
        ("audit_log", audit_days),
        ("security_events", audit_days),
        ("booking_events", audit_days),
        ("webhook_events", WEBHOOK_DAYS),
        ("cron_runs", CRON_DAYS),
    ] {
        tables.push(delete_from(app, request, table, keep_days).await?);
    }
    Ok(tables)
}

/// Deletes batch after batch, until the table has no old rows or the time is short.
async fn delete_from(
    app: &App,
    request: &Request,
    table: &'static str,
    keep_days: u32,
) -> Result<TableReport, DatabaseError> {
    let database = app.database(request.deadline);
    let last_batch = request.deadline.earlier(LAST_BATCH);
    let mut deleted = 0;
    loop {
        let batch = database
            .delete_expired_rows(table, keep_days, BATCH)
            .await?;
        deleted += batch.count;
        let has_more = batch.count == BATCH;
        if !has_more || last_batch.left(app.platform().now()).is_zero() {
            return Ok(TableReport {
                table,
                keep_days,
                deleted,
                kept_since: batch.kept_since,
                has_more,
            });
        }
    }
}
