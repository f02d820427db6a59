//! The locks of the functions of webhook events.

use crate::support::{
    database::Database,
    fixtures::NOW,
    row_locks::{LockCase, row},
    webhook::{event, store_event},
};
use serde_json::json;

pub(super) async fn cases(db: &Database) -> Vec<LockCase> {
    let service = db.service().await;
    let work = store_event(&service, "WH-1", "stored", NOW).await;
    let retry = || row("event", "webhook_retries", "event_id", "WH-1");
    let result = json!({ "p_event_id": "WH-1", "p_lease": work["lease"], "p_result": "applied" });
    let failure = json!({ "p_event_id": "WH-1", "p_lease": work["lease"], "p_error_code": "X" });
    let replay = json!({ "p_event_id": "WH-1", "p_actor": "operator:1" });
    vec![
        LockCase::waits("store_webhook_event", event("WH-1", NOW), [retry()]),
        LockCase::waits("record_webhook_result", result, [retry()]),
        LockCase::waits("record_webhook_failure", failure, [retry()]),
        LockCase::waits(
            "replay_webhook_event",
            replay,
            [row("event", "webhook_events", "event_id", "WH-1")],
        ),
        LockCase::skips(
            "claim_webhook_events",
            json!({ "p_now": "2030-01-10T12:05:00Z" }),
            [("public.claim_webhook_events", retry())],
        ),
    ]
}
