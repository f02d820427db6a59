//! The outcomes of an operator's capture or reauthorization, by the states of the payments.

use crate::support::{
    database::{Database, with_database},
    fixtures::{OrderedBooking, upcoming_booking},
    operator::{claim_capture, claim_reauthorization},
};
use serde_json::Value;

const LATER: &str = "2030-01-12T12:00:00Z";
const NOT_AUTHORIZED: &str = "authorization_id = NULL, authorized_at = NULL, authorization_expires_at = NULL, original_authorization_id = NULL";
const CAPTURED: &str = "capture_id = 'C1', captured_at = now(), captured_amount = 237.60";

/// Sets the state of a payment without its triggers, which refuse most changes.
async fn set(db: &Database, payment: &OrderedBooking, change: &str) {
    db.run(&format!(
        "SET session_replication_role = replica; UPDATE payments SET {change} WHERE id = '{}'; RESET session_replication_role",
        payment.payment_id
    ))
    .await;
}

fn outcome(result: &Value) -> String {
    result["outcome"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_authorized_money_is_charged() {
    let states = [
        (
            format!("status = 'created', {NOT_AUTHORIZED}"),
            "not_capturable",
        ),
        (
            format!("status = 'expired', {NOT_AUTHORIZED}"),
            "not_capturable",
        ),
        (
            format!("status = 'voided', {NOT_AUTHORIZED}"),
            "not_capturable",
        ),
        (
            format!("status = 'failed', {NOT_AUTHORIZED}"),
            "not_capturable",
        ),
        ("status = 'expired'".to_owned(), "authorization_ended"),
        (
            "status = 'voided', voided_at = now()".to_owned(),
            "authorization_ended",
        ),
        (
            "status = 'failed', hold_ended_at = now()".to_owned(),
            "authorization_ended",
        ),
        (
            "status = 'failed', failure_code = 'authorization_denied'".to_owned(),
            "authorization_ended",
        ),
        (
            "status = 'failed', authorization_expires_at = '2030-01-12T11:59:59Z'".to_owned(),
            "authorization_ended",
        ),
        (
            "status = 'authorized', void_reason = 'canceled'".to_owned(),
            "not_capturable",
        ),
        (
            "status = 'authorization_pending'".to_owned(),
            "authorization_pending",
        ),
        (
            "status = 'capture_pending', capture_id = 'C1'".to_owned(),
            "capture_pending",
        ),
        (
            format!("status = 'captured', {CAPTURED}"),
            "already_captured",
        ),
        (
            format!("status = 'partially_refunded', {CAPTURED}, refunded_amount = 1"),
            "already_captured",
        ),
        (
            format!("status = 'refunded', {CAPTURED}, refunded_amount = 237.60"),
            "already_refunded",
        ),
        (
            "status = 'failed', failure_code = 'PAYER_CANNOT_PAY'".to_owned(),
            "claimed",
        ),
        ("status = 'authorized'".to_owned(), "claimed"),
    ];
    for (change, expected) in states {
        with_database(move |db| async move {
            let (service, booking) = upcoming_booking(&db).await;
            set(&db, &booking, &change).await;
            let reauthorization = claim_reauthorization(&service, &booking.booking_id, LATER).await;
            let for_reauthorization = if expected == "not_capturable" {
                "not_authorized"
            } else {
                expected
            };
            assert_eq!(
                outcome(&reauthorization),
                for_reauthorization,
                "reauthorize: {change}"
            );
            set(
                &db,
                &booking,
                &format!("lease_id = NULL, lease_expires_at = NULL, {change}"),
            )
            .await;
            let capture = claim_capture(&service, &booking.booking_id, LATER).await;
            assert_eq!(outcome(&capture), expected, "capture: {change}");
        })
        .await;
    }
}
