//! What PayPal did, whoever asked for it: `record_observed_capture`, `record_observed_end`, `record_observed_refunds`.

use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::canceled_payments::{operators, upcoming};
use crate::cancellations::{by_operator, cancel};
use crate::captures::failed;
use crate::concurrency::{counts, in_turn, outcomes};
use crate::database::{Database, call, try_call, with_database};
use crate::fixtures::{
    NOW, authorization, begin, capture_of, claim, hold, order, paid, take, with,
};
use crate::operator_captures::{UNKNOWN, renew};

fn seen_capture(payment_id: &str, capture_id: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_capture_id": capture_id, "p_amount": "237.60", "p_now": now })
}

fn seen_end(payment_id: &str, status: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_status": status, "p_now": now })
}

async fn end(client: &Client, payment_id: &str, status: &str, now: &str) -> String {
    let answer = call(
        client,
        "record_observed_end",
        seen_end(payment_id, status, now),
    )
    .await;
    answer["outcome"].as_str().unwrap().to_owned()
}

async fn refunded(client: &Client, payment_id: &str, total: &str) -> String {
    let arguments = json!({ "p_payment_id": payment_id, "p_total": total, "p_now": NOW });
    let answer = call(client, "record_observed_refunds", arguments).await;
    answer["outcome"].as_str().unwrap().to_owned()
}

/// Where a payment stands: its status, why it failed, and the operations about it.
async fn standing(db: &Database, payment_id: &str) -> String {
    let operations = "SELECT string_agg(concat_ws(' ', operation, status, error_code), ', ' ORDER BY started_at, operation) FROM payment_operations AS o \
                      WHERE o.payment_id = p.id AND operation NOT IN ('order', 'authorize')";
    let sql = format!(
        "SELECT concat_ws(' ', status, failure_code, '(' || ({operations}) || ')') FROM payments AS p WHERE id = '{payment_id}'"
    );
    db.value(&sql).await.unwrap()
}

#[tokio::test]
async fn a_capture_is_recorded_from_wherever_the_payment_stands() {
    with_database(|db| async move {
        let (service, authorized) = upcoming(&db).await;
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let created = order(&service, &booking, NOW).await;
        for (id, capture) in [(&authorized.payment_id, "CAPTURE-1"), (&created.payment_id, "CAPTURE-2")] {
            let seen = seen_capture(id, capture, "2030-01-10T13:00:00Z");
            assert_eq!(call(&service, "record_observed_capture", seen).await, json!({ "outcome": "captured" }));
            let recorded = format!("id = '{id}' AND status = 'captured' AND capture_id = '{capture}' AND captured_amount = 237.60 AND captured_at = '2030-01-10T13:00:00Z'");
            assert_eq!(db.count("payments", &recorded).await, 1);
        }
        assert_eq!(db.count("bookings", "status = 'pending_payment'").await, 1, "only an authorization confirms");
        let before = db.content().await;
        let again = seen_capture(&authorized.payment_id, "CAPTURE-1", "2030-01-10T14:00:00Z");
        assert_eq!(call(&service, "record_observed_capture", again).await, json!({ "outcome": "replayed" }));
        assert_eq!(db.content().await, before);
        let other = seen_capture(&authorized.payment_id, "CAPTURE-3", "2030-01-10T14:00:00Z");
        assert_eq!(call(&service, "record_observed_capture", other).await, json!({ "outcome": "replayed" }));
        let noticed = "kind = 'duplicate_capture' AND detail ->> 'captureId' = 'CAPTURE-3' AND detail ->> 'recordedCaptureId' = 'CAPTURE-1' AND detail ->> 'amount' = '237.60'";
        assert_eq!(db.count("security_events", noticed).await, 1);
        assert_eq!(db.count("payments", "capture_id = 'CAPTURE-1'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_captures_what_was_observed_meanwhile_is_told_so() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let now = "2030-01-12T10:00:00Z";
        db.run("UPDATE bookings SET contract_signed_at = '2030-01-12T00:00:00Z'")
            .await;
        let claimed = claim(&service, 1, now).await.remove(0);
        let recorded = capture_of(&claimed, now);
        let seen = seen_capture(
            &booked.payment_id,
            recorded["p_capture_id"].as_str().unwrap(),
            now,
        );
        assert_eq!(
            call(&service, "record_observed_capture", seen).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            standing(&db, &booked.payment_id).await,
            "captured (capture succeeded)"
        );
        let late = failed(&claimed, "final", now, now);
        assert_eq!(
            call(&service, "record_capture_failure", late).await,
            json!({ "outcome": "lease_lost" })
        );
        assert_eq!(
            call(&service, "record_capture", recorded).await,
            json!({ "outcome": "replayed" })
        );
        assert_eq!(
            standing(&db, &booked.payment_id).await,
            "captured (capture succeeded)"
        );
        assert_eq!(db.count("security_events", "true").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_capture_is_recorded_once_however_many_see_it() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let calls = (0..10)
            .map(|_| seen_capture(&booked.payment_id, "CAPTURE-1", NOW))
            .collect();
        assert_eq!(
            outcomes(&db, "record_observed_capture", calls).await,
            counts([("captured", 1), ("replayed", 9)])
        );
        assert_eq!(
            db.count("audit_log", "action = 'payment.captured'").await,
            1
        );
        // The run that made it and a webhook about it.
        let other = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let claimed = claim(&service, 1, "2030-01-11T10:00:00Z").await.remove(0);
        let recorded = capture_of(&claimed, "2030-01-11T10:00:01Z");
        let seen = seen_capture(
            &other.payment_id,
            recorded["p_capture_id"].as_str().unwrap(),
            "2030-01-11T10:00:01Z",
        );
        let (first, second) = in_turn(
            &db,
            ("record_capture", recorded),
            ("record_observed_capture", seen),
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
async fn an_authorization_that_is_over_ends_the_payment_and_every_call_about_it() {
    for (status, ended, voided) in [
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
            let (service, booked) = upcoming(&db).await;
            let cancelled = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
            let answer = cancel(&service, by_operator(&cancelled.booking_id, NOW)).await;
            call(&service, "begin_void", json!({ "p_payment_id": cancelled.payment_id, "p_authorization_id": answer["authorizationId"], "p_now": NOW })).await;
            let claimed = call(&service, "claim_payment_capture", operators(&booked.booking_id, NOW)).await["claim"].clone();
            call(&service, "record_capture_failure", failed(&claimed, "retryable", NOW, NOW)).await;

            assert_eq!(end(&service, &booked.payment_id, status, "2030-02-08T12:00:00Z").await, "recorded");
            assert_eq!(end(&service, &cancelled.payment_id, status, "2030-02-08T12:00:00Z").await, "recorded");
            assert_eq!(standing(&db, &booked.payment_id).await, ended);
            assert_eq!(standing(&db, &cancelled.payment_id).await, voided);
            let at = if status == "voided" { 2 } else { 0 };
            assert_eq!(db.count("payments", "voided_at = '2030-02-08T12:00:00Z'").await, at);
            assert_eq!(db.count("bookings", "status = 'upcoming'").await, 1, "the booking stands: that is for an operator");
            assert_eq!(db.count("payment_operations", "status = 'open'").await, 0);
            assert_eq!(claim(&service, 25, "2030-02-09T00:00:00Z").await, Vec::<Value>::new());
            for id in [&booked.payment_id, &cancelled.payment_id] {
                for other in ["voided", "expired"] {
                    assert_eq!(end(&service, id, other, "2030-02-09T00:00:00Z").await, "unchanged");
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn what_somebody_is_at_work_on_does_not_end() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        claim(&service, 1, "2030-01-19T10:00:00Z").await;
        assert_eq!(end(&service, &booked.payment_id, "voided", "2030-01-19T10:01:59Z").await, "unchanged");
        assert_eq!(end(&service, &booked.payment_id, "voided", "2030-01-19T10:02:00Z").await, "recorded");
        assert_eq!(standing(&db, &booked.payment_id).await, "voided authorization_voided (capture failed authorization_voided, reauthorize failed authorization_voided)");
        // Renewed by one while another sees the end.
        let other = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let renewal = ("claim_reauthorization", operators(&other.booking_id, NOW));
        let (claimed, seen) = in_turn(&db, renewal, ("record_observed_end", seen_end(&other.payment_id, "voided", NOW))).await;
        assert_eq!((&claimed["outcome"], &seen), (&json!("claimed"), &json!({ "outcome": "unchanged" })));
        let calls = (0..10).map(|_| seen_end(&other.payment_id, "expired", "2030-01-10T12:02:00Z")).collect();
        assert_eq!(outcomes(&db, "record_observed_end", calls).await, counts([("recorded", 1), ("unchanged", 9)]));
        assert_eq!(renew(&service, &other.booking_id, "2030-01-10T12:02:01Z").await, json!({ "outcome": "not_authorized" }));
    })
    .await;
}

#[tokio::test]
async fn only_an_authorization_ends_and_only_as_void_or_lapsed() {
    with_database(|db| async move {
        let (service, captured) = upcoming(&db).await;
        take(&service, &captured, NOW).await;
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let ordered = order(&service, &booking, NOW).await;
        let before = db.content().await;
        for id in [captured.payment_id.as_str(), &ordered.payment_id, UNKNOWN] {
            assert_eq!(end(&service, id, "voided", NOW).await, "unchanged");
        }
        for status in [json!("failed"), json!("captured"), Value::Null] {
            let arguments = with(
                seen_end(&captured.payment_id, "", NOW),
                json!({ "p_status": status }),
            );
            let refused = try_call(&service, "record_observed_end", arguments).await;
            assert_eq!(
                refused.unwrap_err().code(),
                Some(&SqlState::INVALID_PARAMETER_VALUE)
            );
        }
        assert_eq!(db.content().await, before);
        // After a mismatch the payment has failed, and may be made anew.
        begin(&service, &ordered.order_id, NOW).await;
        call(
            &service,
            "record_authorization",
            with(
                authorization(&ordered.payment_id, NOW),
                json!({ "p_amount": "1.00" }),
            ),
        )
        .await;
        assert_eq!(
            end(&service, &ordered.payment_id, "voided", NOW).await,
            "recorded"
        );
        assert_eq!(
            standing(&db, &ordered.payment_id).await,
            "failed payment_mismatch"
        );
    })
    .await;
}

#[tokio::test]
async fn refunds_are_counted_up_to_what_was_captured() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let id = &booked.payment_id;
        let money = async || db.value("SELECT status || ' ' || refunded_amount FROM payments").await.unwrap();
        assert_eq!(refunded(&service, id, "10.00").await, "unchanged");
        assert_eq!(refunded(&service, UNKNOWN, "10.00").await, "unchanged");
        take(&service, &booked, NOW).await;
        for (total, outcome, expected) in [
            ("0.00", "unchanged", "captured 0.00"),
            ("10.00", "recorded", "partially_refunded 10.00"),
            ("10.00", "unchanged", "partially_refunded 10.00"),
            ("9.99", "unchanged", "partially_refunded 10.00"),
            ("20.00", "recorded", "partially_refunded 20.00"),
        ] {
            assert_eq!((refunded(&service, id, total).await.as_str(), money().await.as_str()), (outcome, expected), "{total}");
        }
        // A refund of ours that is under way will tell by itself; one that was refused will not.
        let order = call(&service, "order_refund", with(operators(&booked.booking_id, NOW), json!({ "p_amount": "5.00" }))).await;
        assert_eq!(refunded(&service, id, "25.00").await, "unchanged");
        let begun = call(&service, "begin_refund", json!({ "p_refund_id": order["refundId"], "p_now": NOW })).await;
        assert_eq!(refunded(&service, id, "25.00").await, "unchanged");
        let refused = json!({ "p_refund_id": order["refundId"], "p_request_id": begun["requestId"], "p_error_code": "SOME_CODE", "p_kind": "final", "p_now": NOW });
        call(&service, "record_refund_failure", refused).await;
        assert_eq!((refunded(&service, id, "25.00").await.as_str(), money().await.as_str()), ("recorded", "partially_refunded 25.00"));
        assert_eq!((refunded(&service, id, "237.61").await.as_str(), money().await.as_str()), ("recorded", "refunded 237.60"));
        assert_eq!((refunded(&service, id, "237.61").await.as_str(), money().await.as_str()), ("unchanged", "refunded 237.60"));
    })
    .await;
}
