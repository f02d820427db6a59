//! Refunds: ordering, making and reading them.

use crate::support::{
    capture::capture_payment,
    database::{Database, call},
    fixtures::{NOW, OrderedBooking, upcoming_booking, with},
    operator::operator_request,
};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// A booking with 237.60 captured.
pub(crate) async fn captured_booking(db: &Database) -> (Client, OrderedBooking) {
    let (service, booking) = upcoming_booking(db).await;
    capture_payment(&service, &booking, NOW).await;
    (service, booking)
}

/// The arguments with which an operator orders a refund under a key.
pub(crate) fn keyed_refund(booking_id: &str, amount: &str, key: &str) -> Value {
    with(
        operator_request(booking_id, NOW),
        json!({ "p_amount": amount, "p_idempotency_key": key }),
    )
}

/// Orders a refund, which must be accepted, and returns its id.
pub(crate) async fn order_refund(client: &Client, arguments: Value) -> Value {
    let result = call(client, "order_refund", arguments).await;
    assert_eq!(result["outcome"], "ordered", "{result}");
    result["refundId"].clone()
}

pub(crate) async fn begin_refund(client: &Client, refund_id: &Value, now: &str) -> Value {
    let arguments = json!({ "p_refund_id": refund_id, "p_now": now });
    call(client, "begin_refund", arguments).await
}

/// The arguments that record a refund.
pub(crate) fn refund_success(refund_id: &Value, request_id: &Value, now: &str) -> Value {
    json!({ "p_refund_id": refund_id, "p_request_id": request_id, "p_paypal_refund_id": "REFUND-1", "p_now": now })
}

/// The status of the payment and its refunded amount.
pub(crate) async fn payment_status(db: &Database) -> String {
    let status = db
        .value("SELECT status || ' ' || refunded_amount FROM payments")
        .await;
    status.unwrap()
}

/// All refunds: amount, key, actor, reason and status of each.
pub(crate) async fn refund_summary(db: &Database) -> Option<String> {
    let each = "concat_ws(' ', amount, idempotency_key, actor, reason, status)";
    db.value(&format!(
        "SELECT string_agg({each}, ', ' ORDER BY ordered_at, id) FROM refunds"
    ))
    .await
}
