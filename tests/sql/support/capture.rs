//! Captures: claiming those that are due, and recording their outcomes.

use crate::support::{
    database::{Database, call},
    fixtures::{Car, NOW, OrderedBooking, book_and_pay, with},
    operator::claim_capture,
};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// A payment that is due on the 11th at 10:00, a day before pickup.
pub(crate) async fn due_payment(db: &Database) -> (Client, OrderedBooking) {
    Car::default().insert(db).await;
    let service = db.service().await;
    let booking = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
    (service, booking)
}

/// Claims the due captures.
pub(crate) async fn claim(client: &Client, limit: u32, now: &str) -> Vec<Value> {
    let claims = call(
        client,
        "process_scheduled_payment_captures",
        json!({ "p_limit": limit, "p_now": now }),
    )
    .await;
    claims.as_array().unwrap().clone()
}

/// Captures a paid booking before its schedule, for an operator. Returns the claim.
pub(crate) async fn capture_payment(client: &Client, booking: &OrderedBooking, now: &str) -> Value {
    let result = call(
        client,
        "claim_payment_capture",
        json!({ "p_booking_id": booking.booking_id, "p_actor": "operator:1", "p_now": now }),
    )
    .await;
    assert_eq!(result["outcome"], "claimed", "{result}");
    let capture = capture_of(&result["claim"], now);
    assert_eq!(
        call(client, "record_capture", capture).await,
        json!({ "outcome": "captured" })
    );
    result["claim"].clone()
}

/// The arguments that record a capture of the claimed amount.
pub(crate) fn capture_of(claim: &Value, now: &str) -> Value {
    let payment_id = claim["paymentId"].as_str().unwrap();
    json!({ "p_payment_id": payment_id, "p_lease": claim["lease"], "p_request_id": claim["requestId"],
            "p_capture_id": format!("CAPTURE-{payment_id}"), "p_amount": claim["amount"], "p_now": now })
}

/// The arguments that record a capture that PayPal reviews.
pub(crate) fn pending_capture_of(claim: &Value, now: &str) -> Value {
    with(capture_of(claim, now), json!({ "p_status": "pending" }))
}

/// Captures a paid booking for an operator. PayPal reviews the capture. Returns the claim.
pub(crate) async fn capture_pending(client: &Client, booking: &OrderedBooking, now: &str) -> Value {
    let result = claim_capture(client, &booking.booking_id, now).await;
    let capture = pending_capture_of(&result["claim"], now);
    assert_eq!(
        call(client, "record_capture", capture).await,
        json!({ "outcome": "capture_pending" })
    );
    result["claim"].clone()
}

/// Records a capture that PayPal shows: id, amount and status. Returns the outcome.
pub(crate) async fn observe_capture(
    client: &Client,
    booking: &OrderedBooking,
    [id, amount, status]: [&str; 3],
    now: &str,
) -> String {
    let arguments = json!({ "p_payment_id": booking.payment_id, "p_capture_id": id,
                            "p_amount": amount, "p_status": status, "p_now": now });
    let result = call(client, "record_observed_capture", arguments).await;
    result["outcome"].as_str().unwrap().to_owned()
}

/// The payment's status, capture, captured and refunded sum, the time since which PayPal reviews
/// it, and its failure code.
pub(crate) async fn payment_sums(db: &Database, booking: &OrderedBooking) -> String {
    let since = "'since ' || to_char(pending_since AT TIME ZONE 'UTC', 'DD\"T\"HH24')";
    let sql = format!(
        "SELECT concat_ws(' ', status, capture_id, captured_amount, refunded_amount, {since}, failure_code) \
         FROM payments WHERE id = '{}'",
        booking.payment_id
    );
    db.value(&sql).await.unwrap()
}

pub(crate) fn capture_failure(claim: &Value, kind: &str, retry_at: &str, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_request_id": claim["requestId"],
            "p_error_code": "SOME_CODE", "p_kind": kind, "p_retry_at": retry_at, "p_now": now })
}
