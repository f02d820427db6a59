//! Money that PayPal took although it should not have: it is recorded, and ordered back.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::canceled_payments::{HALF, operators, refunds, upcoming, void};
use crate::cancellations::{by_customer, by_operator, cancel, terms};
use crate::captures::failed;
use crate::concurrency::in_turn;
use crate::database::{call, with_database};
use crate::fixtures::{Car, NOW, authorization, begin, capture_of, claim, hold, order, paid, with};

const OWED: &str = "237.60 cancellation system booking_cancelled ordered";

/// The arguments by which a capture is recorded that PayPal shows.
fn observed(payment_id: &str, amount: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_capture_id": format!("SEEN-{payment_id}"), "p_amount": amount, "p_now": now })
}

#[tokio::test]
async fn the_capture_of_a_slow_run_goes_back() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let first = claim(&service, 1, "2030-01-19T10:00:00Z").await.remove(0);
        let second = claim(&service, 1, "2030-01-19T10:02:00Z").await.remove(0);
        // The second run is told that nothing was captured. The first was only slow.
        let nothing = failed(
            &second,
            "retryable",
            "2030-01-19T10:15:00Z",
            "2030-01-19T10:02:01Z",
        );
        assert_eq!(
            call(&service, "record_capture_failure", nothing).await,
            json!({ "outcome": "recorded" })
        );
        cancel(
            &service,
            by_operator(&booked.booking_id, "2030-01-19T10:03:00Z"),
        )
        .await;
        let late = capture_of(&first, "2030-01-19T10:04:00Z");
        assert_eq!(
            call(&service, "record_capture", late.clone()).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(refunds(&db).await.as_deref(), Some(OWED));
        assert_eq!(
            call(&service, "record_capture", late).await,
            json!({ "outcome": "replayed" })
        );
        assert_eq!(refunds(&db).await.as_deref(), Some(OWED));
        let answer = cancel(
            &service,
            by_customer(&booked.booking_id, "2030-01-19T10:05:00Z"),
        )
        .await;
        assert_eq!(terms(&answer), "100 237.60 pending refund");
        let due = call(
            &service,
            "refunds_due",
            json!({ "p_now": "2030-01-19T10:05:00Z" }),
        )
        .await;
        assert_eq!(due, json!([answer["refundId"]]));
    })
    .await;
}

#[tokio::test]
async fn more_than_is_kept_goes_back() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        cancel(&service, by_customer(&booked.booking_id, HALF)).await;
        let seen = observed(&booked.payment_id, "237.60", HALF);
        assert_eq!(
            call(&service, "record_observed_capture", seen).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            refunds(&db).await.as_deref(),
            Some("118.80 cancellation system booking_cancelled ordered")
        );
        let answer = cancel(&service, by_customer(&booked.booking_id, HALF)).await;
        assert_eq!(terms(&answer), "50 118.80 pending refund");
    })
    .await;
}

#[tokio::test]
async fn what_was_void_and_is_captured_goes_back() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let answer = cancel(&service, by_customer(&booked.booking_id, NOW)).await;
        void(
            &service,
            &booked.payment_id,
            &answer["authorizationId"],
            NOW,
        )
        .await;
        let seen = observed(&booked.payment_id, "237.60", "2030-01-10T13:00:00Z");
        assert_eq!(
            call(&service, "record_observed_capture", seen.clone()).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            call(&service, "record_observed_capture", seen).await,
            json!({ "outcome": "replayed" })
        );
        assert_eq!(
            db.count("payments", "status = 'captured' AND voided_at IS NOT NULL")
                .await,
            1
        );
        assert_eq!(refunds(&db).await.as_deref(), Some(OWED));
    })
    .await;
}

#[tokio::test]
async fn what_is_captured_for_a_hold_that_was_given_up_goes_back() {
    with_database(|db| async move {
        let (service, _) = upcoming(&db).await;
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let ordered = order(&service, &booking, NOW).await;
        cancel(&service, by_customer(&ordered.booking_id, NOW)).await;
        let seen = observed(&ordered.payment_id, "237.60", "2030-01-10T13:00:00Z");
        assert_eq!(
            call(&service, "record_observed_capture", seen).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(refunds(&db).await.as_deref(), Some(OWED));
    })
    .await;
}

#[tokio::test]
async fn what_should_have_been_void_for_another_reason_goes_back_without_a_cancellation() {
    with_database(|db| async move {
        let (service, _) = upcoming(&db).await;
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let ordered = order(&service, &booking, NOW).await;
        begin(&service, &ordered.order_id, NOW).await;
        let wrong = with(
            authorization(&ordered.payment_id, NOW),
            json!({ "p_amount": "1.00" }),
        );
        assert_eq!(
            call(&service, "record_authorization", wrong).await["outcome"],
            "payment_mismatch"
        );
        let seen = observed(&ordered.payment_id, "1.00", "2030-01-10T13:00:00Z");
        assert_eq!(
            call(&service, "record_observed_capture", seen).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            refunds(&db).await.as_deref(),
            Some("1.00 cancellation system payment_mismatch ordered")
        );
        assert_eq!(db.count("bookings", "status = 'cancelled'").await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_stands_is_kept() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let seen = observed(&booked.payment_id, "237.60", NOW);
        assert_eq!(
            call(&service, "record_observed_capture", seen).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(refunds(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_cancellation_and_a_capture_at_once_come_to_one_end() {
    // Whichever is first, what was taken is ordered back in full, once.
    for (cancel_first, owed) in [
        (true, OWED),
        (
            false,
            "237.60 cancellation operator:1 booking_cancelled ordered",
        ),
    ] {
        with_database(move |db| async move {
            let (_, booked) = upcoming(&db).await;
            let cancellation = ("cancel_booking", by_operator(&booked.booking_id, NOW));
            let capture = (
                "record_observed_capture",
                observed(&booked.payment_id, "237.60", NOW),
            );
            let (cancelled, captured) = if cancel_first {
                in_turn(&db, cancellation, capture).await
            } else {
                let (captured, cancelled) = in_turn(&db, capture, cancellation).await;
                (cancelled, captured)
            };
            assert_eq!(
                (&cancelled["outcome"], &captured),
                (&json!("cancelled"), &json!({ "outcome": "captured" }))
            );
            assert_eq!(
                db.count(
                    "payments",
                    "status = 'captured' AND captured_amount = 237.60"
                )
                .await,
                1
            );
            assert_eq!(refunds(&db).await.as_deref(), Some(owed));
        })
        .await;
    }
}

#[tokio::test]
async fn a_run_does_not_claim_what_is_being_cancelled() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let now = "2030-01-19T10:00:00Z";
        service.batch_execute("BEGIN").await.unwrap();
        cancel(&service, by_operator(&booked.booking_id, now)).await;
        assert_eq!(
            claim(&db.service().await, 25, now).await,
            Vec::<Value>::new()
        );
        service.batch_execute("ROLLBACK").await.unwrap();
        // The other way round, the cancellation waits and is told.
        let run = (
            "process_scheduled_payment_captures",
            json!({ "p_now": now }),
        );
        let (claimed, refused) = in_turn(
            &db,
            run,
            ("cancel_booking", by_operator(&booked.booking_id, now)),
        )
        .await;
        assert_eq!(claimed.as_array().unwrap().len(), 1);
        assert_eq!(
            refused,
            json!({ "outcome": "payment_in_progress", "paymentId": booked.payment_id })
        );
    })
    .await;
}

#[tokio::test]
async fn everything_at_once_comes_to_one_end() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let clients = join_all((0..12).map(|_| db.service())).await;
        for round in 0..8 {
            let booked = paid(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
            let id = &booked.booking_id;
            let kinds = [
                ("cancel_booking", by_customer(id, NOW)),
                ("claim_payment_capture", operators(id, NOW)),
                (
                    "record_observed_capture",
                    observed(&booked.payment_id, "237.60", NOW),
                ),
                (
                    "order_refund",
                    with(operators(id, NOW), json!({ "p_amount": "100.00" })),
                ),
                ("claim_reauthorization", operators(id, NOW)),
                (
                    "process_scheduled_payment_captures",
                    json!({ "p_now": "2030-01-19T10:00:00Z" }),
                ),
            ];
            let calls = clients.iter().enumerate().map(|(n, client)| {
                let (function, arguments) = kinds[(n + round) % kinds.len()].clone();
                call(client, function, arguments)
            });
            join_all(calls).await;
            // Whatever came first, the last of each finds it and nothing goes back twice.
            call(
                &service,
                "record_observed_capture",
                observed(&booked.payment_id, "237.60", NOW),
            )
            .await;
            let answer = cancel(&service, by_customer(id, NOW)).await;
            assert!(
                ["cancelled", "already_cancelled"].contains(&answer["outcome"].as_str().unwrap()),
                "{answer}"
            );
            assert_eq!(
                db.count(
                    "payments",
                    &format!(
                        "booking_id = '{id}' AND status = 'captured' AND captured_amount = 237.60"
                    )
                )
                .await,
                1
            );
            let owed = db
                .value(&format!(
                    "SELECT sum(amount) FROM refunds WHERE payment_id = '{}'",
                    booked.payment_id
                ))
                .await;
            assert_eq!(owed.as_deref(), Some("237.60"));
        }
        assert_eq!(db.count("security_events", "true").await, 0);
    })
    .await;
}
