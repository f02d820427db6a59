//! Authorizations that PayPal shows as ended: `record_observed_end`.

use crate::support::{
    cancellation::{by_operator, cancel},
    capture::{capture_failure, capture_payment, claim},
    concurrency::{call_concurrently, call_overlapping, outcome_counts},
    database::{call, try_call, with_database},
    fixtures::{
        NOW, UNKNOWN_ID, authorization, begin_authorization, book_and_pay, hold, order,
        upcoming_booking, with,
    },
    observation::{hold_end, observed_capture, observed_end, payment_and_operations, record_end},
    operator::{claim_reauthorization, operator_request},
};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

#[tokio::test]
async fn ended_authorization_closes_payment_and_operations() {
    for (status, paid_status, canceled_status) in [
        (
            "voided",
            "voided SOME_CODE (capture failed SOME_CODE)",
            "voided booking_cancelled (void succeeded authorization_voided)",
        ),
        (
            "expired",
            "expired SOME_CODE (capture failed SOME_CODE)",
            "expired booking_cancelled (void failed authorization_expired)",
        ),
    ] {
        with_database(move |db| async move {
            let (service, paid_booking) = upcoming_booking(&db).await;
            let canceled_booking = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
            let result = cancel(&service, by_operator(&canceled_booking.booking_id, NOW)).await;
            call(&service, "begin_void", json!({ "p_payment_id": canceled_booking.payment_id, "p_authorization_id": result["authorizationId"], "p_now": NOW })).await;
            let capture_claim = call(&service, "claim_payment_capture", operator_request(&paid_booking.booking_id, NOW)).await["claim"].clone();
            call(&service, "record_capture_failure", capture_failure(&capture_claim, "retryable", NOW, NOW)).await;

            assert_eq!(record_end(&service, &paid_booking.payment_id, status, "2030-02-08T12:00:00Z").await, "recorded");
            assert_eq!(record_end(&service, &canceled_booking.payment_id, status, "2030-02-08T12:00:00Z").await, "recorded");
            assert_eq!(payment_and_operations(&db, &paid_booking.payment_id).await, paid_status);
            assert_eq!(payment_and_operations(&db, &canceled_booking.payment_id).await, canceled_status);
            let void_count = if status == "voided" { 2 } else { 0 };
            assert_eq!(db.count("payments", "voided_at = '2030-02-08T12:00:00Z'").await, void_count);
            assert_eq!(db.count("bookings", "status = 'upcoming'").await, 1, "the booking is left to an operator");
            assert_eq!(db.count("payment_operations", "status = 'open'").await, 0);
            assert_eq!(claim(&service, 25, "2030-02-09T00:00:00Z").await, Vec::<Value>::new());
            for id in [&paid_booking.payment_id, &canceled_booking.payment_id] {
                for other in ["voided", "expired"] {
                    assert_eq!(record_end(&service, id, other, "2030-02-09T00:00:00Z").await, "unchanged");
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn claimed_payment_does_not_end() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        claim(&service, 1, "2030-01-19T10:00:00Z").await;
        assert_eq!(record_end(&service, &booking.payment_id, "expired", "2030-01-19T10:01:59Z").await, "unchanged");
        assert_eq!(record_end(&service, &booking.payment_id, "expired", "2030-01-19T10:02:00Z").await, "recorded");
        assert_eq!(payment_and_operations(&db, &booking.payment_id).await, "expired authorization_expired (capture failed authorization_expired, reauthorize failed authorization_expired)");
        // One caller reauthorizes while another observes the end.
        let other = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let reauthorization = ("claim_reauthorization", operator_request(&other.booking_id, NOW));
        let (result, observation) = call_overlapping(&db, reauthorization, ("record_observed_end", observed_end(&other.payment_id, "voided", NOW))).await;
        assert_eq!((&result["outcome"], &observation), (&json!("claimed"), &json!({ "outcome": "unchanged" })));
        let calls = (0..10).map(|_| observed_end(&other.payment_id, "expired", "2030-01-10T12:02:00Z")).collect();
        assert_eq!(call_concurrently(&db, "record_observed_end", calls).await, outcome_counts([("recorded", 1), ("unchanged", 9)]));
        assert_eq!(claim_reauthorization(&service, &other.booking_id, "2030-01-10T12:02:01Z").await, json!({ "outcome": "authorization_ended" }));
    })
    .await;
}

#[tokio::test]
async fn only_authorized_payments_end_as_voided_or_expired() {
    with_database(|db| async move {
        let (service, captured_payment) = upcoming_booking(&db).await;
        capture_payment(&service, &captured_payment, NOW).await;
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let payment = order(&service, &booking, NOW).await;
        let before = db.content().await;
        for id in [
            captured_payment.payment_id.as_str(),
            &payment.payment_id,
            UNKNOWN_ID,
        ] {
            assert_eq!(record_end(&service, id, "voided", NOW).await, "unchanged");
        }
        for status in [json!("failed"), json!("refunded"), Value::Null] {
            let arguments = with(
                observed_end(&captured_payment.payment_id, "", NOW),
                json!({ "p_status": status }),
            );
            let error = try_call(&service, "record_observed_end", arguments).await;
            assert_eq!(
                error.unwrap_err().code(),
                Some(&SqlState::INVALID_PARAMETER_VALUE)
            );
        }
        assert_eq!(db.content().await, before);
        // A mismatched payment fails when its authorization ends. The booking can be paid again.
        begin_authorization(&service, &payment.order_id, NOW).await;
        call(
            &service,
            "record_authorization",
            with(
                authorization(&payment.payment_id, NOW),
                json!({ "p_amount": "1.00" }),
            ),
        )
        .await;
        assert_eq!(
            record_end(&service, &payment.payment_id, "voided", NOW).await,
            "recorded"
        );
        assert_eq!(
            payment_and_operations(&db, &payment.payment_id).await,
            "failed payment_mismatch"
        );
    })
    .await;
}

/// A final capture in PayPal's console takes a part. PayPal shows the authorization as captured.
#[tokio::test]
async fn captured_authorization_ends_hold_and_nothing_else() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let before = db.content().await;
        assert_eq!(
            record_end(&service, id, "captured", NOW).await,
            "unchanged",
            "no capture is known"
        );
        assert_eq!(db.content().await, before);
        let part = with(
            observed_capture(id, "C1", NOW),
            json!({ "p_amount": "22.00" }),
        );
        call(&service, "record_observed_capture", part).await;
        assert_eq!(hold_end(&db, id).await, "held");
        assert_eq!(
            record_end(&service, id, "captured", "2030-01-11T12:00:00Z").await,
            "recorded"
        );
        assert_eq!(hold_end(&db, id).await, "11-12");
        assert_eq!(
            db.count(
                "payments",
                "status = 'captured' AND captured_amount = 22.00 AND voided_at IS NULL"
            )
            .await,
            1
        );
        assert_eq!(
            record_end(&service, id, "captured", "2030-01-12T12:00:00Z").await,
            "unchanged"
        );
        assert_eq!(hold_end(&db, id).await, "11-12");
    })
    .await;
}

/// PayPal has released the rest. If it declines the part, it may hold the whole again.
#[tokio::test]
async fn part_under_review_ends_hold_of_rest() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let part = |status: &str, returns_hold: bool, now: &str| {
            json!({ "p_payment_id": id, "p_capture_id": "C1", "p_amount": "22.00", "p_status": status,
                    "p_returns_hold": returns_hold, "p_now": now })
        };
        call(&service, "record_observed_capture", part("pending", false, NOW)).await;
        assert_eq!(hold_end(&db, id).await, "held");
        for outcome in ["recorded", "unchanged"] {
            let now = "2030-01-11T12:00:00Z";
            assert_eq!(record_end(&service, id, "captured", now).await, outcome);
        }
        assert_eq!(hold_end(&db, id).await, "11-12");
        assert_eq!(db.count("payments", "status = 'capture_pending'").await, 1);
        let later = "2030-01-12T12:00:00Z";
        let declined = call(&service, "record_observed_capture", part("declined", true, later)).await;
        assert_eq!(declined["outcome"], "capture_declined");
        assert_eq!(hold_end(&db, id).await, "held");
    })
    .await;
}

/// PayPal shows the original authorization as void, and does not list the reauthorization.
#[tokio::test]
async fn void_during_doubtful_reauthorization_ends_nothing() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let attempt = claim_reauthorization(&service, &booking.booking_id, NOW).await;
        // The record of the answer was lost, and the claim has expired.
        let now = "2030-01-10T12:10:00Z";
        let before = db.content().await;
        assert_eq!(record_end(&service, id, "voided", now).await, "unchanged");
        assert_eq!(db.content().await, before);
        let due = claim(&service, 1, "2030-01-19T10:00:00Z").await.remove(0);
        assert_eq!(due["reauthorizeRequestId"], attempt["requestId"]);
        let failure = |kind: &str| json!({ "p_payment_id": id, "p_request_id": due["reauthorizeRequestId"], "p_error_code": "SOME_CODE", "p_kind": kind, "p_now": "2030-01-19T10:00:01Z" });
        call(&service, "record_capture_failure", capture_failure(&due, "retryable", NOW, "2030-01-19T10:00:01Z")).await;
        call(&service, "record_reauthorization_failure", failure("unknown")).await;
        assert_eq!(record_end(&service, id, "voided", "2030-01-19T10:05:00Z").await, "unchanged");
        // Its refusal is an answer.
        call(&service, "record_reauthorization_failure", failure("ended")).await;
        assert_eq!(record_end(&service, id, "voided", "2030-01-19T10:05:00Z").await, "recorded");
        assert_eq!(payment_and_operations(&db, id).await, "voided SOME_CODE (reauthorize failed SOME_CODE, capture failed SOME_CODE)");
    })
    .await;
}
