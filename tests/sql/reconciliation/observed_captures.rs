//! Captures that PayPal shows, whatever their cause: `record_observed_capture`.

use crate::support::{
    cancellation::{HALF_REFUND_AT, by_customer, by_operator, cancel},
    capture::{capture_failure, capture_of, claim},
    concurrency::{call_concurrently, call_overlapping, outcome_counts},
    database::{call, with_database},
    fixtures::{NOW, book_and_pay, hold, order, upcoming_booking, with},
    observation::{hold_end, observed_capture, payment_and_operations, record_end},
    operator::operator_request,
};
use serde_json::{Value, json};

#[tokio::test]
async fn observed_capture_applies_in_any_state() {
    with_database(|db| async move {
        let (service, authorized_payment) = upcoming_booking(&db).await;
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let ordered_payment = order(&service, &booking, NOW).await;
        for (id, capture) in [(&authorized_payment.payment_id, "CAPTURE-1"), (&ordered_payment.payment_id, "CAPTURE-2")] {
            let observation = observed_capture(id, capture, "2030-01-10T13:00:00Z");
            assert_eq!(call(&service, "record_observed_capture", observation).await, json!({ "outcome": "captured" }));
            let row = format!("id = '{id}' AND status = 'captured' AND capture_id = '{capture}' AND captured_amount = 237.60 AND captured_at = '2030-01-10T13:00:00Z'");
            assert_eq!(db.count("payments", &row).await, 1);
        }
        assert_eq!(db.count("bookings", "status = 'pending_payment'").await, 1, "only an authorization confirms a booking");
        let before = db.content().await;
        let again = observed_capture(&authorized_payment.payment_id, "CAPTURE-1", "2030-01-10T14:00:00Z");
        assert_eq!(call(&service, "record_observed_capture", again).await, json!({ "outcome": "replayed" }));
        assert_eq!(db.content().await, before);
        let other = observed_capture(&authorized_payment.payment_id, "CAPTURE-3", "2030-01-10T14:00:00Z");
        assert_eq!(call(&service, "record_observed_capture", other).await, json!({ "outcome": "captured" }));
        let event = "kind = 'duplicate_capture' AND detail ->> 'captureId' = 'CAPTURE-3' AND detail ->> 'recordedCaptureId' = 'CAPTURE-1' AND detail ->> 'amount' = '237.60'";
        assert_eq!(db.count("security_events", event).await, 1);
        assert_eq!(db.count("payments", "capture_id = 'CAPTURE-1' AND captured_amount = 475.20").await, 1);
    })
    .await;
}

#[tokio::test]
async fn run_learns_of_observed_capture() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let now = "2030-01-12T10:00:00Z";
        db.run("UPDATE bookings SET contract_signed_at = '2030-01-12T00:00:00Z'")
            .await;
        let capture_claim = claim(&service, 1, now).await.remove(0);
        let success = capture_of(&capture_claim, now);
        let capture = observed_capture(
            &booking.payment_id,
            success["p_capture_id"].as_str().unwrap(),
            now,
        );
        assert_eq!(
            call(&service, "record_observed_capture", capture).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            payment_and_operations(&db, &booking.payment_id).await,
            "captured (capture succeeded)"
        );
        let failure = capture_failure(&capture_claim, "declined", now, now);
        assert_eq!(
            call(&service, "record_capture_failure", failure).await,
            json!({ "outcome": "lease_lost" })
        );
        assert_eq!(
            call(&service, "record_capture", success).await,
            json!({ "outcome": "replayed" })
        );
        assert_eq!(
            payment_and_operations(&db, &booking.payment_id).await,
            "captured (capture succeeded)"
        );
        assert_eq!(db.count("security_events", "true").await, 0);
    })
    .await;
}

#[tokio::test]
async fn concurrent_observers_record_one_capture() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let calls = (0..10)
            .map(|_| observed_capture(&booking.payment_id, "CAPTURE-1", NOW))
            .collect();
        assert_eq!(
            call_concurrently(&db, "record_observed_capture", calls).await,
            outcome_counts([("captured", 1), ("replayed", 9)])
        );
        assert_eq!(
            db.count("audit_log", "action = 'payment.captured'").await,
            1
        );
        // A run records its capture while a webhook reports the same capture.
        let other = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let capture_claim = claim(&service, 1, "2030-01-11T10:00:00Z").await.remove(0);
        let success = capture_of(&capture_claim, "2030-01-11T10:00:01Z");
        let capture = observed_capture(
            &other.payment_id,
            success["p_capture_id"].as_str().unwrap(),
            "2030-01-11T10:00:01Z",
        );
        let (first, second) = call_overlapping(
            &db,
            ("record_capture", success),
            ("record_observed_capture", capture),
        )
        .await;
        assert_eq!(
            (&first, &second),
            (
                &json!({ "outcome": "captured" }),
                &json!({ "outcome": "replayed" })
            )
        );
        assert_eq!(db.count("security_events", "true").await, 0);
    })
    .await;
}

/// The record of a final capture was lost, and a comparison or an event records it.
#[tokio::test]
async fn observed_capture_of_ours_ends_hold() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        let now = "2030-01-15T10:00:00Z";
        let kept = claim(&service, 1, now).await.remove(0);
        assert_eq!(kept["amount"], "118.80");
        let capture = json!({ "p_payment_id": booking.payment_id, "p_capture_id": "C1", "p_amount": "118.80", "p_now": now });
        assert_eq!(
            call(&service, "record_observed_capture", capture).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(hold_end(&db, &booking.payment_id).await, "15-10");

        // PayPal reviews the capture first.
        let reviewed = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let cancelled_at = "2030-01-10T13:00:00Z";
        cancel(&service, by_customer(&reviewed.booking_id, cancelled_at)).await;
        db.run(&format!("UPDATE payments SET capture_amount = 118.80 WHERE id = '{}'", reviewed.payment_id)).await;
        let kept = claim(&service, 1, cancelled_at).await.remove(0);
        let pending = with(capture_of(&kept, cancelled_at), json!({ "p_capture_id": "C2", "p_status": "pending" }));
        assert_eq!(
            call(&service, "record_capture", pending).await,
            json!({ "outcome": "capture_pending" })
        );
        assert_eq!(hold_end(&db, &reviewed.payment_id).await, "10-13", "PayPal reviews the part");
        let decided = json!({ "p_payment_id": reviewed.payment_id, "p_capture_id": "C2", "p_amount": "118.80", "p_now": now });
        call(&service, "record_observed_capture", decided).await;
        assert_eq!(hold_end(&db, &reviewed.payment_id).await, "10-13");
    })
    .await;
}

/// A capture of another amount is none of ours, though the outcome of ours is unknown.
#[tokio::test]
async fn capture_of_other_amount_is_not_ours() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let attempt = call(
            &service,
            "claim_payment_capture",
            operator_request(&booking.booking_id, NOW),
        )
        .await["claim"]
            .clone();
        call(
            &service,
            "record_capture_failure",
            capture_failure(&attempt, "unknown", NOW, NOW),
        )
        .await;
        let part = with(
            observed_capture(id, "C1", NOW),
            json!({ "p_amount": "22.00" }),
        );
        assert_eq!(
            call(&service, "record_observed_capture", part).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            payment_and_operations(&db, id).await,
            "captured (capture failed captured_elsewhere)"
        );
        assert_eq!(hold_end(&db, id).await, "held");
        assert_eq!(
            claim(&service, 25, "2030-01-19T10:00:00Z").await,
            Vec::<Value>::new()
        );
        let rest = with(
            observed_capture(id, "C2", "2030-01-11T12:00:00Z"),
            json!({ "p_amount": "215.60" }),
        );
        assert_eq!(
            call(&service, "record_observed_capture", rest).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(hold_end(&db, id).await, "11-12", "the sum is the whole");
    })
    .await;
}

/// A void has no known outcome, and the whole is captured in PayPal's console.
#[tokio::test]
async fn foreign_capture_overtakes_void() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        cancel(&service, by_operator(&booking.booking_id, NOW)).await;
        let authorization = db
            .value(&format!(
                "SELECT authorization_id FROM payments WHERE id = '{id}'"
            ))
            .await;
        let void = json!({ "p_payment_id": id, "p_authorization_id": authorization, "p_now": NOW });
        assert_eq!(call(&service, "begin_void", void).await["outcome"], "void");
        let part = with(
            observed_capture(id, "C1", NOW),
            json!({ "p_amount": "22.00" }),
        );
        call(&service, "record_observed_capture", part).await;
        assert_eq!(
            payment_and_operations(&db, id).await,
            "captured (void open)",
            "a rest is held"
        );
        let rest = with(
            observed_capture(id, "C2", NOW),
            json!({ "p_amount": "215.60" }),
        );
        call(&service, "record_observed_capture", rest).await;
        assert_eq!(
            payment_and_operations(&db, id).await,
            "captured (void failed captured_elsewhere)"
        );
    })
    .await;
}

/// The console's capture of a part was final, and a void has no known outcome.
#[tokio::test]
async fn final_foreign_capture_overtakes_void() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        cancel(&service, by_operator(&booking.booking_id, NOW)).await;
        let authorization = db
            .value(&format!(
                "SELECT authorization_id FROM payments WHERE id = '{id}'"
            ))
            .await;
        let void = json!({ "p_payment_id": id, "p_authorization_id": authorization, "p_now": NOW });
        assert_eq!(call(&service, "begin_void", void).await["outcome"], "void");
        let part = with(
            observed_capture(id, "C1", NOW),
            json!({ "p_amount": "22.00" }),
        );
        call(&service, "record_observed_capture", part).await;
        assert_eq!(record_end(&service, id, "captured", NOW).await, "recorded");
        assert_eq!(
            payment_and_operations(&db, id).await,
            "captured (void failed captured_elsewhere)"
        );
    })
    .await;
}

/// PayPal declines the reviewed part, and the authorization holds all of its money again or not.
#[tokio::test]
async fn declined_part_returns_hold() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        let now = "2030-01-15T10:00:00Z";
        let kept = claim(&service, 1, now).await.remove(0);
        let pending = with(capture_of(&kept, now), json!({ "p_capture_id": "C1", "p_status": "pending" }));
        call(&service, "record_capture", pending).await;
        let declined = |capture: &str, returns_hold: bool| {
            json!({ "p_payment_id": id, "p_capture_id": capture, "p_amount": "118.80", "p_status": "declined",
                    "p_returns_hold": returns_hold, "p_now": "2030-01-15T12:00:00Z" })
        };
        let result = call(&service, "record_observed_capture", declined("C1", true)).await;
        assert_eq!(result, json!({ "outcome": "capture_declined" }));
        assert_eq!(hold_end(&db, id).await, "held");
        assert_eq!(db.count("payments", "status = 'failed' AND failure_code = 'capture_declined'").await, 1);
        let authorization = db.value(&format!("SELECT authorization_id FROM payments WHERE id = '{id}'")).await;
        let void = json!({ "p_payment_id": id, "p_authorization_id": authorization, "p_now": now });
        assert_eq!(call(&service, "begin_void", void).await["outcome"], "void", "nothing of it is kept");
    })
    .await;
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        let now = "2030-01-15T10:00:00Z";
        let kept = claim(&service, 1, now).await.remove(0);
        let pending = with(capture_of(&kept, now), json!({ "p_capture_id": "C1", "p_status": "pending" }));
        call(&service, "record_capture", pending).await;
        let declined = json!({ "p_payment_id": id, "p_capture_id": "C1", "p_amount": "118.80", "p_status": "declined", "p_now": now });
        call(&service, "record_observed_capture", declined).await;
        assert_eq!(hold_end(&db, id).await, "15-10", "PayPal has closed the authorization");
    })
    .await;
}
