//! Captures and ends of authorizations that PayPal shows.

use crate::support::database::{Database, call};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// The arguments that record a capture of 237.60.
pub(crate) fn observed_capture(payment_id: &str, capture_id: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_capture_id": capture_id, "p_amount": "237.60", "p_now": now })
}

/// The arguments that record the end of an authorization.
pub(crate) fn observed_end(payment_id: &str, status: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_status": status, "p_now": now })
}

/// Records the end of an authorization and returns the outcome.
pub(crate) async fn record_end(
    client: &Client,
    payment_id: &str,
    status: &str,
    now: &str,
) -> String {
    let result = call(
        client,
        "record_observed_end",
        observed_end(payment_id, status, now),
    )
    .await;
    result["outcome"].as_str().unwrap().to_owned()
}

/// A payment's status, its failure code, and its operations.
pub(crate) async fn payment_and_operations(db: &Database, payment_id: &str) -> String {
    let operations = "SELECT string_agg(concat_ws(' ', operation, status, error_code), ', ' ORDER BY started_at, operation) FROM payment_operations AS o \
                      WHERE o.payment_id = p.id AND operation NOT IN ('order', 'authorize')";
    let sql = format!(
        "SELECT concat_ws(' ', status, failure_code, '(' || ({operations}) || ')') FROM payments AS p WHERE id = '{payment_id}'"
    );
    db.value(&sql).await.unwrap()
}

/// Since when PayPal holds nothing more, as `D-HH`, or `held`.
pub(crate) async fn hold_end(db: &Database, payment_id: &str) -> String {
    let sql = format!(
        "SELECT coalesce(to_char(hold_ended_at AT TIME ZONE 'UTC', 'FMDD-HH24'), 'held') FROM payments WHERE id = '{payment_id}'"
    );
    db.value(&sql).await.unwrap()
}
