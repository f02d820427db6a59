//! Webhook events: storing, claiming and finishing them.

use crate::support::database::{Database, call};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// The arguments that store an event.
pub(crate) fn event(id: &str, now: &str) -> Value {
    json!({ "p_event_id": id, "p_event_type": "PAYMENT.CAPTURE.COMPLETED", "p_body": format!("{{\"id\":\"{id}\"}}"),
            "p_resource_id": "CAPTURE-1", "p_request_id": "req-1", "p_now": now })
}

/// Stores an event, checks the outcome and returns the work.
pub(crate) async fn store_event(client: &Client, id: &str, outcome: &str, now: &str) -> Value {
    let result = call(client, "store_webhook_event", event(id, now)).await;
    assert_eq!(result["outcome"], outcome, "{now}");
    result["work"].clone()
}

pub(crate) async fn claim_events(client: &Client, now: &str) -> Vec<Value> {
    let works = call(client, "claim_webhook_events", json!({ "p_now": now })).await;
    works.as_array().unwrap().clone()
}

pub(crate) async fn record_applied(client: &Client, work: &Value, now: &str) -> Value {
    let arguments = json!({ "p_event_id": work["eventId"], "p_lease": work["lease"], "p_result": "applied", "p_now": now });
    call(client, "record_webhook_result", arguments).await
}

pub(crate) async fn record_failure(client: &Client, work: &Value, now: &str) -> Value {
    let arguments = json!({ "p_event_id": work["eventId"], "p_lease": work["lease"], "p_error_code": "unknown_payment", "p_now": now });
    call(client, "record_webhook_failure", arguments).await
}

pub(crate) async fn replay_event(client: &Client, id: &str, now: &str) -> Value {
    let arguments =
        json!({ "p_event_id": id, "p_actor": "operator:1", "p_request_id": "req-2", "p_now": now });
    call(client, "replay_webhook_event", arguments).await
}

/// The result for a worker that does not have the claim.
pub(crate) fn lease_lost() -> Value {
    json!({ "outcome": "lease_lost" })
}

/// The status of an event, its result, and its attempts while it is open.
pub(crate) async fn event_status(db: &Database, id: &str) -> String {
    let sql = format!(
        "SELECT concat_ws(' ', e.status, e.result, r.attempts) FROM webhook_events AS e LEFT JOIN webhook_retries AS r USING (event_id) WHERE event_id = '{id}'"
    );
    db.value(&sql).await.unwrap()
}
