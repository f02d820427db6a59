//! Cancellations, and the void that follows one.

use crate::support::{database::call, fixtures::with};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Five days before the pick-up: a cancellation refunds half of the price.
pub(crate) const HALF_REFUND_AT: &str = "2030-01-15T00:00:00Z";

/// The arguments with which a customer cancels.
pub(crate) fn by_customer(booking_id: &str, now: &str) -> Value {
    json!({ "p_booking_id": booking_id, "p_actor": "customer", "p_request_id": "req-1", "p_now": now })
}

/// The arguments with which an operator cancels.
pub(crate) fn by_operator(booking_id: &str, now: &str) -> Value {
    with(
        by_customer(booking_id, now),
        json!({ "p_actor": "operator:1", "p_by_operator": true }),
    )
}

pub(crate) async fn cancel(client: &Client, arguments: Value) -> Value {
    call(client, "cancel_booking", arguments).await
}

/// The refund in a result: percent, amount, status, and the settlement that is still open.
pub(crate) fn refund_terms(result: &Value) -> String {
    let word = |member: &str| result[member].as_str().unwrap().to_owned();
    let (amount, status, settlement) = (word("amount"), word("refundStatus"), word("settlement"));
    format!("{} {amount} {status} {settlement}", result["percent"])
}

/// Voids an authorization and returns the request id.
pub(crate) async fn void_authorization(
    client: &Client,
    payment_id: &str,
    authorization_id: &Value,
    now: &str,
) -> String {
    let arguments =
        json!({ "p_payment_id": payment_id, "p_authorization_id": authorization_id, "p_now": now });
    let attempt = call(client, "begin_void", arguments).await;
    assert_eq!(attempt["outcome"], "void");
    let success =
        json!({ "p_payment_id": payment_id, "p_request_id": attempt["requestId"], "p_now": now });
    assert_eq!(
        call(client, "record_void", success).await,
        json!({ "outcome": "recorded" })
    );
    attempt["requestId"].as_str().unwrap().to_owned()
}
