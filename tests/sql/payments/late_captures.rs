//! Captures that should not have happened: they are recorded, and a refund is ordered.

use crate::support::{
    cancellation::{
        HALF_REFUND_AT, by_customer, by_operator, cancel, refund_terms, void_authorization,
    },
    capture::{capture_failure, capture_of, claim},
    concurrency::call_overlapping,
    database::{call, with_database},
    fixtures::{
        Car, NOW, authorization, begin_authorization, book_and_pay, hold, order, upcoming_booking,
        with,
    },
    operator::operator_request,
    refund::refund_summary,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// The row of a full refund in [`refund_summary`].
const FULL_REFUND: &str = "237.60 cancellation system booking_cancelled ordered";

/// The arguments that record a capture observed at PayPal.
fn observed_capture(payment_id: &str, amount: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_capture_id": format!("OBSERVED-{payment_id}"), "p_amount": amount, "p_now": now })
}

#[tokio::test]
async fn slow_run_capture_is_refunded() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let first = claim(&service, 1, "2030-01-19T10:00:00Z").await.remove(0);
        let second = claim(&service, 1, "2030-01-19T10:02:00Z").await.remove(0);
        // The second run learns that nothing was captured. The first run was only slow.
        let failure = capture_failure(
            &second,
            "retryable",
            "2030-01-19T10:15:00Z",
            "2030-01-19T10:02:01Z",
        );
        assert_eq!(
            call(&service, "record_capture_failure", failure).await,
            json!({ "outcome": "recorded" })
        );
        cancel(
            &service,
            by_operator(&booking.booking_id, "2030-01-19T10:03:00Z"),
        )
        .await;
        let late = capture_of(&first, "2030-01-19T10:04:00Z");
        assert_eq!(
            call(&service, "record_capture", late.clone()).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(refund_summary(&db).await.as_deref(), Some(FULL_REFUND));
        assert_eq!(
            call(&service, "record_capture", late).await,
            json!({ "outcome": "replayed" })
        );
        assert_eq!(refund_summary(&db).await.as_deref(), Some(FULL_REFUND));
        let result = cancel(
            &service,
            by_customer(&booking.booking_id, "2030-01-19T10:05:00Z"),
        )
        .await;
        assert_eq!(refund_terms(&result), "100 237.60 pending refund");
        let due = call(
            &service,
            "refunds_due",
            json!({ "p_now": "2030-01-19T10:05:00Z" }),
        )
        .await;
        assert_eq!(due, json!([result["refundId"]]));
    })
    .await;
}

#[tokio::test]
async fn capture_beyond_kept_part_is_refunded() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        let capture = observed_capture(&booking.payment_id, "237.60", HALF_REFUND_AT);
        assert_eq!(
            call(&service, "record_observed_capture", capture).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            refund_summary(&db).await.as_deref(),
            Some("118.80 cancellation system booking_cancelled ordered")
        );
        let result = cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        assert_eq!(refund_terms(&result), "50 118.80 pending refund");
    })
    .await;
}

#[tokio::test]
async fn capture_after_void_is_refunded() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let result = cancel(&service, by_customer(&booking.booking_id, NOW)).await;
        void_authorization(
            &service,
            &booking.payment_id,
            &result["authorizationId"],
            NOW,
        )
        .await;
        let capture = observed_capture(&booking.payment_id, "237.60", "2030-01-10T13:00:00Z");
        assert_eq!(
            call(&service, "record_observed_capture", capture.clone()).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            call(&service, "record_observed_capture", capture).await,
            json!({ "outcome": "replayed" })
        );
        assert_eq!(
            db.count("payments", "status = 'captured' AND voided_at IS NOT NULL")
                .await,
            1
        );
        assert_eq!(refund_summary(&db).await.as_deref(), Some(FULL_REFUND));
    })
    .await;
}

#[tokio::test]
async fn capture_for_canceled_hold_is_refunded() {
    with_database(|db| async move {
        let (service, _) = upcoming_booking(&db).await;
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let payment = order(&service, &booking, NOW).await;
        cancel(&service, by_customer(&payment.booking_id, NOW)).await;
        let capture = observed_capture(&payment.payment_id, "237.60", "2030-01-10T13:00:00Z");
        assert_eq!(
            call(&service, "record_observed_capture", capture).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(refund_summary(&db).await.as_deref(), Some(FULL_REFUND));
    })
    .await;
}

#[tokio::test]
async fn mismatched_capture_is_refunded_without_cancellation() {
    with_database(|db| async move {
        let (service, _) = upcoming_booking(&db).await;
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let payment = order(&service, &booking, NOW).await;
        begin_authorization(&service, &payment.order_id, NOW).await;
        let wrong = with(
            authorization(&payment.payment_id, NOW),
            json!({ "p_amount": "1.00" }),
        );
        assert_eq!(
            call(&service, "record_authorization", wrong).await["outcome"],
            "payment_mismatch"
        );
        let capture = observed_capture(&payment.payment_id, "1.00", "2030-01-10T13:00:00Z");
        assert_eq!(
            call(&service, "record_observed_capture", capture).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            refund_summary(&db).await.as_deref(),
            Some("1.00 cancellation system payment_mismatch ordered")
        );
        assert_eq!(db.count("bookings", "status = 'cancelled'").await, 0);
    })
    .await;
}

#[tokio::test]
async fn capture_for_valid_booking_is_kept() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let capture = observed_capture(&booking.payment_id, "237.60", NOW);
        assert_eq!(
            call(&service, "record_observed_capture", capture).await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(refund_summary(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn concurrent_cancellation_and_capture_refund_once() {
    // In either order, one full refund is ordered.
    for (cancel_first, refund) in [
        (true, FULL_REFUND),
        (
            false,
            "237.60 cancellation operator:1 booking_cancelled ordered",
        ),
    ] {
        with_database(move |db| async move {
            let (_, booking) = upcoming_booking(&db).await;
            let cancellation = ("cancel_booking", by_operator(&booking.booking_id, NOW));
            let capture = (
                "record_observed_capture",
                observed_capture(&booking.payment_id, "237.60", NOW),
            );
            let (cancel_result, capture_result) = if cancel_first {
                call_overlapping(&db, cancellation, capture).await
            } else {
                let (capture_result, cancel_result) =
                    call_overlapping(&db, capture, cancellation).await;
                (cancel_result, capture_result)
            };
            assert_eq!(
                (&cancel_result["outcome"], &capture_result),
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
            assert_eq!(refund_summary(&db).await.as_deref(), Some(refund));
        })
        .await;
    }
}

#[tokio::test]
async fn run_skips_booking_being_canceled() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let now = "2030-01-19T10:00:00Z";
        service.batch_execute("BEGIN").await.unwrap();
        cancel(&service, by_operator(&booking.booking_id, now)).await;
        assert_eq!(
            claim(&db.service().await, 25, now).await,
            Vec::<Value>::new()
        );
        service.batch_execute("ROLLBACK").await.unwrap();
        // In the other order, the cancellation waits and is refused.
        let run = (
            "process_scheduled_payment_captures",
            json!({ "p_now": now }),
        );
        let (claims, cancellation) = call_overlapping(
            &db,
            run,
            ("cancel_booking", by_operator(&booking.booking_id, now)),
        )
        .await;
        assert_eq!(claims.as_array().unwrap().len(), 1);
        assert_eq!(
            cancellation,
            json!({ "outcome": "payment_in_progress", "paymentId": booking.payment_id })
        );
    })
    .await;
}

#[tokio::test]
async fn concurrent_operations_refund_once() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let clients = join_all((0..12).map(|_| db.service())).await;
        for round in 0..8 {
            let booking = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
            let id = &booking.booking_id;
            let kinds = [
                ("cancel_booking", by_customer(id, NOW)),
                ("claim_payment_capture", operator_request(id, NOW)),
                (
                    "record_observed_capture",
                    observed_capture(&booking.payment_id, "237.60", NOW),
                ),
                (
                    "order_refund",
                    with(operator_request(id, NOW), json!({ "p_amount": "100.00" })),
                ),
                ("claim_reauthorization", operator_request(id, NOW)),
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
            // After any order of calls, a last capture and cancellation leave one full refund.
            call(
                &service,
                "record_observed_capture",
                observed_capture(&booking.payment_id, "237.60", NOW),
            )
            .await;
            let result = cancel(&service, by_customer(id, NOW)).await;
            assert!(
                ["cancelled", "already_cancelled"].contains(&result["outcome"].as_str().unwrap()),
                "{result}"
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
            let refund_total = db
                .value(&format!(
                    "SELECT sum(amount) FROM refunds WHERE payment_id = '{}'",
                    booking.payment_id
                ))
                .await;
            assert_eq!(refund_total.as_deref(), Some("237.60"));
        }
        assert_eq!(db.count("security_events", "true").await, 0);
    })
    .await;
}
