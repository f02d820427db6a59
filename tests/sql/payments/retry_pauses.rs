//! The pauses between attempts that PayPal did not decide. A payment that fails alone waits up to a
//! day. In an outage, and for any capture, the pause is an hour at most.

use crate::support::{
    cancellation::{by_operator, cancel},
    capture::{capture_failure, claim, due_payment},
    database::{Database, call, with_database},
    fixtures::{NOW, OrderedBooking, upcoming_booking, with},
    refund::{begin_refund, captured_booking, keyed_refund, order_refund},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// The pauses in minutes after the first six failures without a decision.
const IN_OUTAGE: [u32; 6] = [10, 20, 40, 60, 60, 60];
const ALONE: [u32; 6] = [10, 20, 40, 80, 160, 320];

async fn minutes_until(db: &Database, column: &str, now: &str) -> u32 {
    let pause = format!("SELECT round(extract(epoch FROM {column} - '{now}') / 60)");
    db.value(&pause).await.unwrap().parse().unwrap()
}

async fn later(db: &Database, now: &str, minutes: u32) -> String {
    let sql =
        format!("SELECT internal.utc('{now}'::timestamptz + make_interval(mins => {minutes}))");
    db.value(&sql).await.unwrap()
}

/// PayPal makes something for another payment, or has not for a day.
async fn set_latest_success(db: &Database, is_outage: bool, now: &str) {
    let ago = if is_outage { "1 day" } else { "1 minute" };
    db.run(&format!(
        "UPDATE payment_operations SET finished_at = '{now}'::timestamptz - interval '{ago}' WHERE status = 'succeeded'"
    ))
    .await;
}

#[tokio::test]
async fn undecided_capture_waits_an_hour_at_most() {
    for (kind, is_outage) in [("unknown", true), ("unknown", false), ("retryable", false)] {
        with_database(move |db| async move {
            let (service, _) = due_payment(&db).await;
            let mut now = "2030-01-11T12:00:00Z".to_owned();
            for expected in IN_OUTAGE {
                set_latest_success(&db, is_outage, &now).await;
                let claims = claim(&service, 25, &now).await;
                assert_eq!(claims.len(), 1, "{kind} {now}");
                let failure = with(
                    capture_failure(&claims[0], kind, &now, &now),
                    json!({ "p_retry_at": null }),
                );
                call(&service, "record_capture_failure", failure).await;
                let pause =
                    minutes_until(&db, "(SELECT next_attempt_at FROM payments)", &now).await;
                assert_eq!(pause, expected, "{kind} {now}");
                now = later(&db, &now, pause).await;
            }
        })
        .await;
    }
}

/// A refused capture waits longer and longer, because the payer decides.
#[tokio::test]
async fn refused_capture_waits_up_to_a_day() {
    with_database(|db| async move {
        let (service, _) = due_payment(&db).await;
        let mut now = "2030-01-11T12:00:00Z".to_owned();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let claims = claim(&service, 25, &now).await;
            let failure = with(
                capture_failure(&claims[0], "declined", &now, &now),
                json!({ "p_retry_at": null }),
            );
            call(&service, "record_capture_failure", failure).await;
            let pause = minutes_until(&db, "(SELECT next_attempt_at FROM payments)", &now).await;
            pauses.push(pause);
            now = later(&db, &now, pause).await;
        }
        assert_eq!(pauses[..6], ALONE);
        assert_eq!(pauses[8..], [1440, 1440]);
    })
    .await;
}

#[tokio::test]
async fn captures_without_failures_are_claimed_first() {
    with_database(|db| async move {
        let (service, early) = due_payment(&db).await;
        let later = crate::support::fixtures::book_and_pay(
            &service,
            "plain",
            "2030-01-17",
            "2030-01-21",
            NOW,
        )
        .await;
        let now = "2030-01-16T12:00:00Z";
        let first = claim(&service, 1, now).await;
        assert_eq!(
            first[0]["paymentId"],
            json!(early.payment_id),
            "by schedule"
        );
        let failure = capture_failure(&first[0], "unknown", now, now);
        call(&service, "record_capture_failure", failure).await;
        let order: Vec<Value> = [claim(&service, 1, now).await, claim(&service, 1, now).await]
            .concat()
            .iter()
            .map(|claim| claim["paymentId"].clone())
            .collect();
        assert_eq!(order, [json!(later.payment_id), json!(early.payment_id)]);
    })
    .await;
}

#[tokio::test]
async fn undecided_void_doubles_unless_paypal_is_down() {
    for (is_outage, expected) in [(true, IN_OUTAGE), (false, ALONE)] {
        with_database(move |db| async move {
            let (service, booking) = upcoming_booking(&db).await;
            cancel(&service, by_operator(&booking.booking_id, NOW)).await;
            let mut now = later(&db, NOW, 3).await;
            for expected in expected {
                set_latest_success(&db, is_outage, &now).await;
                let due = call(&service, "authorizations_to_void", json!({ "p_now": now })).await;
                assert_eq!(due.as_array().unwrap().len(), 1, "{now}");
                let authorization = &due[0]["authorizationId"];
                let begin = json!({ "p_payment_id": booking.payment_id, "p_authorization_id": authorization, "p_now": now });
                let request_id = call(&service, "begin_void", begin).await["requestId"].clone();
                let failure = json!({ "p_payment_id": booking.payment_id, "p_request_id": request_id, "p_error_code": "unknown",
                                      "p_kind": "unknown", "p_now": now });
                call(&service, "record_void_failure", failure).await;
                let pause = minutes_until(&db, "(SELECT next_attempt_at FROM payments)", &now).await;
                assert_eq!(pause, expected, "{now}");
                // A payment that was just changed is left alone for two minutes.
                now = later(&db, &now, pause.max(3)).await;
            }
        })
        .await;
    }
}

/// Tries the refund and records the failure. Returns the pause in minutes and the response.
async fn fail_refund(
    db: &Database,
    client: &Client,
    refund_id: &Value,
    failure: [&str; 2],
    now: &str,
) -> (u32, Value) {
    let [code, kind] = failure;
    let request_id = begin_refund(client, refund_id, now).await["requestId"].clone();
    let failure = json!({ "p_refund_id": refund_id, "p_request_id": request_id, "p_error_code": code, "p_kind": kind, "p_now": now });
    let response = call(client, "record_refund_failure", failure).await;
    let pause = minutes_until(db, "(SELECT next_attempt_at FROM refunds)", now).await;
    (pause, response)
}

#[tokio::test]
async fn undecided_refund_doubles_unless_paypal_is_down() {
    for (is_outage, expected) in [(true, IN_OUTAGE), (false, ALONE)] {
        for failure in [
            ["unknown", "unknown"],
            ["TRANSACTION_DISPUTED", "retryable"],
            ["PENDING_CAPTURE", "retryable"],
            ["PERMISSION_DENIED", "retryable"],
        ] {
            with_database(move |db| async move {
                let (service, booking) = captured_booking(&db).await;
                let id =
                    order_refund(&service, keyed_refund(&booking.booking_id, "10.00", "a")).await;
                let mut now = NOW.to_owned();
                for expected in expected {
                    set_latest_success(&db, is_outage, &now).await;
                    let (pause, _) = fail_refund(&db, &service, &id, failure, &now).await;
                    assert_eq!(pause, expected, "{failure:?} {now}");
                    now = later(&db, &now, pause).await;
                    let due = call(&service, "refunds_due", json!({ "p_now": now })).await;
                    assert_eq!(due, json!([id]), "{failure:?} {now}");
                }
            })
            .await;
        }
    }
}

async fn record_dispute(client: &Client, booking: &OrderedBooking, is_resolved: bool, now: &str) {
    let capture = format!("CAPTURE-{}", booking.payment_id);
    let dispute = json!({ "p_dispute_id": "PP-D-1", "p_transactions": [capture], "p_is_resolved": is_resolved, "p_now": now });
    assert_eq!(
        call(client, "record_dispute", dispute).await["outcome"],
        "recorded"
    );
}

#[tokio::test]
async fn refund_waits_for_end_of_dispute() {
    for code in ["TRANSACTION_DISPUTED", "PENDING_CAPTURE"] {
        with_database(move |db| async move {
            let (service, booking) = captured_booking(&db).await;
            record_dispute(&service, &booking, false, NOW).await;
            let cancelled = cancel(&service, by_operator(&booking.booking_id, NOW)).await;
            let id = cancelled["settlements"][0]["refundId"].clone();
            let (pause, response) = fail_refund(&db, &service, &id, [code, "retryable"], NOW).await;
            assert_eq!(pause, 1440);
            assert_eq!(
                (&response["status"], &response["failureCode"]),
                (&json!("ordered"), &json!(code))
            );
            // Customer and operator read the reason.
            let shown = cancel(&service, by_operator(&booking.booking_id, NOW)).await;
            assert_eq!(
                (&shown["refundStatus"], &shown["failureCode"]),
                (&json!("pending"), &json!(code))
            );
            let finding = format!(
                "kind = 'refund_delayed' AND detail = '{} {code}' AND resolved_at IS NULL",
                id.as_str().unwrap()
            );
            assert_eq!(db.count("payment_findings", &finding).await, 1);
            // The event of the end may be lost.
            let next_day = later(&db, NOW, 1440).await;
            assert_eq!(
                call(&service, "refunds_due", json!({ "p_now": next_day })).await,
                json!([id])
            );
            let end = later(&db, NOW, 120).await;
            assert_eq!(
                call(&service, "refunds_due", json!({ "p_now": end })).await,
                json!([])
            );
            record_dispute(&service, &booking, true, &end).await;
            assert_eq!(
                call(&service, "refunds_due", json!({ "p_now": end })).await,
                json!([id])
            );
        })
        .await;
    }
}
