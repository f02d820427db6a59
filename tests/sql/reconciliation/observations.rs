//! Changes observed at PayPal, whatever their cause: `record_observed_capture`,
//! `record_observed_end`, `record_observed_refunds`.

use crate::support::{
    cancellation::{HALF_REFUND_AT, by_customer, by_operator, cancel},
    capture::{capture_failure, capture_of, capture_payment, claim},
    concurrency::{call_concurrently, call_overlapping, outcome_counts},
    database::{Database, call, try_call, with_database},
    fixtures::{
        NOW, UNKNOWN_ID, authorization, begin_authorization, book_and_pay, hold, order,
        upcoming_booking, with,
    },
    operator::{claim_reauthorization, operator_request},
};
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

fn observed_capture(payment_id: &str, capture_id: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_capture_id": capture_id, "p_amount": "237.60", "p_now": now })
}

fn observed_end(payment_id: &str, status: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_status": status, "p_now": now })
}

async fn record_end(client: &Client, payment_id: &str, status: &str, now: &str) -> String {
    let result = call(
        client,
        "record_observed_end",
        observed_end(payment_id, status, now),
    )
    .await;
    result["outcome"].as_str().unwrap().to_owned()
}

/// A payment's status, its failure code, and its operations.
async fn payment_status(db: &Database, payment_id: &str) -> String {
    let operations = "SELECT string_agg(concat_ws(' ', operation, status, error_code), ', ' ORDER BY started_at, operation) FROM payment_operations AS o \
                      WHERE o.payment_id = p.id AND operation NOT IN ('order', 'authorize')";
    let sql = format!(
        "SELECT concat_ws(' ', status, failure_code, '(' || ({operations}) || ')') FROM payments AS p WHERE id = '{payment_id}'"
    );
    db.value(&sql).await.unwrap()
}

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
            payment_status(&db, &booking.payment_id).await,
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
            payment_status(&db, &booking.payment_id).await,
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
            assert_eq!(payment_status(&db, &paid_booking.payment_id).await, paid_status);
            assert_eq!(payment_status(&db, &canceled_booking.payment_id).await, canceled_status);
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
        assert_eq!(payment_status(&db, &booking.payment_id).await, "expired authorization_expired (capture failed authorization_expired, reauthorize failed authorization_expired)");
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
            payment_status(&db, &payment.payment_id).await,
            "failed payment_mismatch"
        );
    })
    .await;
}

/// Since when PayPal holds nothing more, as `D-HH`, or `held`.
async fn hold_end(db: &Database, payment_id: &str) -> String {
    let sql = format!(
        "SELECT coalesce(to_char(hold_ended_at AT TIME ZONE 'UTC', 'FMDD-HH24'), 'held') FROM payments WHERE id = '{payment_id}'"
    );
    db.value(&sql).await.unwrap()
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
            payment_status(&db, id).await,
            "captured (void open)",
            "a rest is held"
        );
        let rest = with(
            observed_capture(id, "C2", NOW),
            json!({ "p_amount": "215.60" }),
        );
        call(&service, "record_observed_capture", rest).await;
        assert_eq!(
            payment_status(&db, id).await,
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
        assert_eq!(payment_status(&db, id).await, "failed capture_declined (capture succeeded)");
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
        assert_eq!(payment_status(&db, id).await, "voided SOME_CODE (reauthorize failed SOME_CODE, capture failed SOME_CODE)");
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
            payment_status(&db, id).await,
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
