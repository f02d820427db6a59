//! Ordering refunds: once per key, and never more than was captured.

use crate::support::{
    cancellation::{HALF_REFUND_AT, by_customer, by_operator, cancel, refund_terms},
    capture::capture_payment,
    concurrency::{call_concurrently, call_overlapping, outcome_counts},
    database::{call, try_call, with_database},
    fixtures::{NOW, hold, upcoming_booking, with},
    operator::operator_request,
    refund::{
        begin_refund, captured_booking, keyed_refund, order_refund, payment_status, refund_success,
    },
};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

#[tokio::test]
async fn refund_is_ordered_made_and_recorded() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let order = with(operator_request(&booking.booking_id, NOW), json!({ "p_reason": "a scratch" }));
        let result = call(&service, "order_refund", order).await;
        let id = result["refundId"].clone();
        let refund = |outcome: &str, status: &str, paypal_id: Value| json!({
            "outcome": outcome, "refundId": id, "paymentId": booking.payment_id, "bookingId": booking.booking_id, "amount": "237.60",
            "currency": "USD", "status": status, "paypalRefundId": paypal_id, "failureCode": null,
            "parts": [{ "refundId": id, "captureId": format!("CAPTURE-{}", booking.payment_id), "amount": "237.60", "status": status, "failureCode": null }],
        });
        assert_eq!(result, refund("ordered", "ordered", Value::Null));
        let entry = db.value("SELECT to_jsonb(a) - 'id' FROM audit_log AS a WHERE action = 'refund.ordered'").await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&entry).unwrap(), json!({
            "occurred_at": "2030-01-10T12:00:00+00:00", "actor": "operator:1", "action": "refund.ordered", "subject_type": "payment",
            "subject_id": booking.payment_id, "request_id": "req-2",
            "detail": { "bookingId": booking.booking_id, "refundId": id, "amount": "237.60", "reason": "a scratch" },
        }));
        let attempt = begin_refund(&service, &id, NOW).await;
        let request_id = json!(format!("{}:refund:1", booking.payment_id));
        assert_eq!(attempt, json!({
            "outcome": "refund", "refundId": id, "paymentId": booking.payment_id, "amount": "237.60", "currency": "USD",
            "requestId": request_id, "captureId": format!("CAPTURE-{}", booking.payment_id), "attempt": 1 }));
        assert_eq!(payment_status(&db).await, "captured 0.00");
        let result = call(&service, "record_refund", refund_success(&id, &request_id, NOW)).await;
        assert_eq!(result, refund("recorded", "refunded", json!("REFUND-1")));
        assert_eq!(payment_status(&db).await, "refunded 237.60");
        let content = db.content().await;
        let other_id = with(refund_success(&id, &request_id, NOW), json!({ "p_paypal_refund_id": "REFUND-2" }));
        assert_eq!(call(&service, "record_refund", other_id).await, refund("replayed", "refunded", json!("REFUND-1")));
        assert_eq!(begin_refund(&service, &id, NOW).await, refund("nothing_to_do", "refunded", json!("REFUND-1")));
        let again = call(&service, "order_refund", operator_request(&booking.booking_id, NOW)).await;
        assert_eq!(again, refund("replayed", "refunded", json!("REFUND-1")));
        assert_eq!(db.content().await, content);
    })
    .await;
}

#[tokio::test]
async fn uncaptured_payment_is_not_refunded() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let unpaid = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let before = db.content().await;
        for (booking_id, outcome) in [
            ("00000000-0000-4000-8000-000000000000", "booking_not_found"),
            (unpaid["bookingId"].as_str().unwrap(), "not_captured"),
            (booking.booking_id.as_str(), "not_captured"),
        ] {
            let result = call(&service, "order_refund", operator_request(booking_id, NOW)).await;
            assert_eq!(result, json!({ "outcome": outcome }));
        }
        assert_eq!(db.content().await, before);
        capture_payment(&service, &booking, NOW).await;
        for amount in ["0.00", "-1.00"] {
            let result = try_call(
                &service,
                "order_refund",
                keyed_refund(&booking.booking_id, amount, "a"),
            )
            .await;
            assert_eq!(result.unwrap_err().code(), Some(&SqlState::CHECK_VIOLATION));
        }
    })
    .await;
}

#[tokio::test]
async fn refund_key_names_one_refund() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let id = &booking.booking_id;
        let first = call(&service, "order_refund", keyed_refund(id, "10.00", "a")).await;
        let replayed = with(first.clone(), json!({ "outcome": "replayed" }));
        let by_key = with(
            operator_request(id, NOW),
            json!({ "p_idempotency_key": "a" }),
        );
        for again in [keyed_refund(id, "10.00", "a"), by_key] {
            assert_eq!(call(&service, "order_refund", again).await, replayed);
        }
        let reused = call(&service, "order_refund", keyed_refund(id, "10.01", "a")).await;
        assert_eq!(
            reused,
            with(first, json!({ "outcome": "idempotency_key_reused" }))
        );
        assert_eq!(db.count("refunds", "true").await, 1);

        // Calls without a key share one key. An operator's key never equals a cancellation's key.
        order_refund(
            &service,
            with(operator_request(id, NOW), json!({ "p_amount": "20.00" })),
        )
        .await;
        let other = call(
            &service,
            "order_refund",
            with(operator_request(id, NOW), json!({ "p_amount": "30.00" })),
        )
        .await;
        assert_eq!(
            (&other["outcome"], &other["amount"]),
            (&json!("idempotency_key_reused"), &json!("20.00"))
        );
        order_refund(&service, keyed_refund(id, "30.00", "cancellation")).await;
        let cancellation = cancel(&service, by_operator(id, NOW)).await;
        assert_eq!(refund_terms(&cancellation), "100 177.60 pending refund");
        assert_eq!(
            db.value("SELECT sum(amount) FROM refunds").await.as_deref(),
            Some("237.60")
        );
    })
    .await;
}

#[tokio::test]
async fn refund_beyond_remainder_is_refused() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let id = &booking.booking_id;
        let exceeds = |rest: &str| json!({ "outcome": "refund_exceeds_rest", "rest": rest, "currency": "USD" });
        assert_eq!(call(&service, "order_refund", keyed_refund(id, "237.61", "a")).await, exceeds("237.60"));
        let first = order_refund(&service, keyed_refund(id, "100.00", "b")).await;
        // An ordered refund counts, before and after it is made.
        assert_eq!(call(&service, "order_refund", keyed_refund(id, "137.61", "c")).await, exceeds("137.60"));
        let attempt = begin_refund(&service, &first, NOW).await;
        call(&service, "record_refund", refund_success(&first, &attempt["requestId"], NOW)).await;
        assert_eq!(payment_status(&db).await, "partially_refunded 100.00");
        assert_eq!(call(&service, "order_refund", keyed_refund(id, "137.61", "d")).await, exceeds("137.60"));
        // Without an amount, the remainder is refunded.
        let rest = call(&service, "order_refund", operator_request(id, NOW)).await;
        assert_eq!((&rest["outcome"], &rest["amount"]), (&json!("ordered"), &json!("137.60")));
        assert_eq!(call(&service, "order_refund", with(operator_request(id, NOW), json!({ "p_idempotency_key": "e" }))).await, exceeds("0.00"));
        let attempt = begin_refund(&service, &rest["refundId"], NOW).await;
        assert_eq!(attempt["requestId"], format!("{}:refund:2", booking.payment_id));
        let second = with(refund_success(&rest["refundId"], &attempt["requestId"], NOW), json!({ "p_paypal_refund_id": "REFUND-2" }));
        call(&service, "record_refund", second).await;
        assert_eq!(payment_status(&db).await, "refunded 237.60");
        assert_eq!(call(&service, "order_refund", keyed_refund(id, "0.01", "f")).await, exceeds("0.00"));
        assert_eq!(db.count("audit_log", "action IN ('payment.partially_refunded', 'payment.refunded')").await, 2);
    })
    .await;
}

#[tokio::test]
async fn concurrent_refunds_never_exceed_capture() {
    with_database(|db| async move {
        let (_, booking) = captured_booking(&db).await;
        let refund = |n| keyed_refund(&booking.booking_id, "50.00", &format!("key-{n}"));
        let outcomes = call_concurrently(&db, "order_refund", (0..10).map(refund).collect()).await;
        assert_eq!(
            outcomes,
            outcome_counts([("ordered", 4), ("refund_exceeds_rest", 6)])
        );
        let total = db.value("SELECT sum(amount) FROM refunds").await;
        assert_eq!(total.as_deref(), Some("200.00"));
    })
    .await;
}

#[tokio::test]
async fn concurrent_orders_of_one_key_order_once() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let id = &booking.booking_id;
        order_refund(&service, keyed_refund(id, "200.00", "other")).await;
        let calls = (0..10).map(|_| keyed_refund(id, "37.60", "same")).collect();
        let outcomes = call_concurrently(&db, "order_refund", calls).await;
        assert_eq!(outcomes, outcome_counts([("ordered", 1), ("replayed", 9)]));
        let total = db.value("SELECT sum(amount) FROM refunds").await;
        assert_eq!(total.as_deref(), Some("237.60"));
    })
    .await;
}

#[tokio::test]
async fn concurrent_workers_begin_refund_once() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let refund_id =
            order_refund(&service, keyed_refund(&booking.booking_id, "50.00", "a")).await;
        let calls = (0..10)
            .map(|_| json!({ "p_refund_id": refund_id, "p_now": NOW }))
            .collect();
        let outcomes = call_concurrently(&db, "begin_refund", calls).await;
        assert_eq!(
            outcomes,
            outcome_counts([("payment_in_progress", 9), ("refund", 1)])
        );
    })
    .await;
}

#[tokio::test]
async fn cancellation_waits_for_concurrent_refund_order() {
    with_database(|db| async move {
        let (_, booking) = captured_booking(&db).await;
        let id = &booking.booking_id;
        let order = ("order_refund", keyed_refund(id, "200.00", "a"));
        let cancellation = ("cancel_booking", by_customer(id, HALF_REFUND_AT));
        let (_, result) = call_overlapping(&db, order, cancellation).await;
        assert_eq!(
            refund_terms(&result),
            "50 0.00 none none",
            "more than half went back before"
        );
    })
    .await;
}
