//! Ordering captured money back: once per key, and never more than there is.

use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::canceled_payments::{operators, upcoming};
use crate::cancellations::{by_customer, by_operator, cancel, terms};
use crate::concurrency::{counts, in_turn, outcomes};
use crate::database::{Database, call, try_call, with_database};
use crate::fixtures::{NOW, Ordered, hold, paid, take, with};

/// A booking whose 237.60 are captured.
pub(crate) async fn captured(db: &Database) -> (Client, Ordered) {
    let (service, booked) = upcoming(db).await;
    take(&service, &booked, NOW).await;
    (service, booked)
}

/// The arguments by which an operator orders a refund under a key.
pub(crate) fn part(booking_id: &str, amount: &str, key: &str) -> Value {
    with(
        operators(booking_id, NOW),
        json!({ "p_amount": amount, "p_idempotency_key": key }),
    )
}

/// Orders a refund that must be possible, and gives its id.
pub(crate) async fn ordered(client: &Client, arguments: Value) -> Value {
    let answer = call(client, "order_refund", arguments).await;
    assert_eq!(answer["outcome"], "ordered", "{answer}");
    answer["refundId"].clone()
}

/// Begins to make a refund.
pub(crate) async fn begin(client: &Client, refund_id: &Value, now: &str) -> Value {
    let arguments = json!({ "p_refund_id": refund_id, "p_now": now });
    call(client, "begin_refund", arguments).await
}

/// The arguments by which a refund is recorded.
pub(crate) fn made(refund_id: &Value, request_id: &Value, now: &str) -> Value {
    json!({ "p_refund_id": refund_id, "p_request_id": request_id, "p_paypal_refund_id": "REFUND-1", "p_now": now })
}

/// Where a payment stands: its status and what went back of it.
pub(crate) async fn standing(db: &Database) -> String {
    let standing = db
        .value("SELECT status || ' ' || refunded_amount FROM payments")
        .await;
    standing.unwrap()
}

#[tokio::test]
async fn a_refund_is_ordered_made_and_recorded() {
    with_database(|db| async move {
        let (service, booked) = captured(&db).await;
        let order = with(operators(&booked.booking_id, NOW), json!({ "p_reason": "a scratch" }));
        let answer = call(&service, "order_refund", order).await;
        let id = answer["refundId"].clone();
        let refund = |outcome: &str, status: &str, paypal_id: Value| json!({
            "outcome": outcome, "refundId": id, "paymentId": booked.payment_id, "bookingId": booked.booking_id, "amount": "237.60",
            "currency": "USD", "status": status, "paypalRefundId": paypal_id, "failureCode": null,
        });
        assert_eq!(answer, refund("ordered", "ordered", Value::Null));
        let entry = db.value("SELECT to_jsonb(a) - 'id' FROM audit_log AS a WHERE action = 'refund.ordered'").await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&entry).unwrap(), json!({
            "occurred_at": "2030-01-10T12:00:00+00:00", "actor": "operator:1", "action": "refund.ordered", "subject_type": "payment",
            "subject_id": booked.payment_id, "request_id": "req-2",
            "detail": { "bookingId": booked.booking_id, "refundId": id, "amount": "237.60", "reason": "a scratch" },
        }));
        let begun = begin(&service, &id, NOW).await;
        let request_id = json!(format!("{}:refund:1", booked.payment_id));
        assert_eq!(begun, with(refund("refund", "ordered", Value::Null), json!({
            "requestId": request_id, "captureId": format!("CAPTURE-{}", booked.payment_id), "attempt": 1 })));
        assert_eq!(standing(&db).await, "captured 0.00");
        let recorded = call(&service, "record_refund", made(&id, &request_id, NOW)).await;
        assert_eq!(recorded, refund("recorded", "refunded", json!("REFUND-1")));
        assert_eq!(standing(&db).await, "refunded 237.60");
        let content = db.content().await;
        let other_id = with(made(&id, &request_id, NOW), json!({ "p_paypal_refund_id": "REFUND-2" }));
        assert_eq!(call(&service, "record_refund", other_id).await, refund("replayed", "refunded", json!("REFUND-1")));
        assert_eq!(begin(&service, &id, NOW).await, refund("nothing_to_do", "refunded", json!("REFUND-1")));
        let again = call(&service, "order_refund", operators(&booked.booking_id, NOW)).await;
        assert_eq!(again, refund("replayed", "refunded", json!("REFUND-1")));
        assert_eq!(db.content().await, content);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_captured_is_not_refunded() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let hold = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let before = db.content().await;
        for (booking_id, outcome) in [
            ("00000000-0000-4000-8000-000000000000", "booking_not_found"),
            (hold["bookingId"].as_str().unwrap(), "not_captured"),
            (booked.booking_id.as_str(), "not_captured"),
        ] {
            let refused = call(&service, "order_refund", operators(booking_id, NOW)).await;
            assert_eq!(refused, json!({ "outcome": outcome }));
        }
        assert_eq!(db.content().await, before);
        take(&service, &booked, NOW).await;
        for amount in ["0.00", "-1.00"] {
            let refused = try_call(
                &service,
                "order_refund",
                part(&booked.booking_id, amount, "a"),
            )
            .await;
            assert_eq!(
                refused.unwrap_err().code(),
                Some(&SqlState::CHECK_VIOLATION)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_one_refund() {
    with_database(|db| async move {
        let (service, booked) = captured(&db).await;
        let id = &booked.booking_id;
        let first = call(&service, "order_refund", part(id, "10.00", "a")).await;
        let replayed = with(first.clone(), json!({ "outcome": "replayed" }));
        let by_key = with(operators(id, NOW), json!({ "p_idempotency_key": "a" }));
        for again in [part(id, "10.00", "a"), by_key] {
            assert_eq!(call(&service, "order_refund", again).await, replayed);
        }
        let reused = call(&service, "order_refund", part(id, "10.01", "a")).await;
        assert_eq!(
            reused,
            with(first, json!({ "outcome": "idempotency_key_reused" }))
        );
        assert_eq!(db.count("refunds", "true").await, 1);

        // No key is a key, and none is that of a cancellation.
        ordered(
            &service,
            with(operators(id, NOW), json!({ "p_amount": "20.00" })),
        )
        .await;
        let other = call(
            &service,
            "order_refund",
            with(operators(id, NOW), json!({ "p_amount": "30.00" })),
        )
        .await;
        assert_eq!(
            (&other["outcome"], &other["amount"]),
            (&json!("idempotency_key_reused"), &json!("20.00"))
        );
        ordered(&service, part(id, "30.00", "cancellation")).await;
        let cancelled = cancel(&service, by_operator(id, NOW)).await;
        assert_eq!(terms(&cancelled), "100 177.60 pending refund");
        assert_eq!(
            db.value("SELECT sum(amount) FROM refunds").await.as_deref(),
            Some("237.60")
        );
    })
    .await;
}

#[tokio::test]
async fn no_more_goes_back_than_is_left() {
    with_database(|db| async move {
        let (service, booked) = captured(&db).await;
        let id = &booked.booking_id;
        let exceeds = |rest: &str| json!({ "outcome": "refund_exceeds_rest", "rest": rest, "currency": "USD" });
        assert_eq!(call(&service, "order_refund", part(id, "237.61", "a")).await, exceeds("237.60"));
        let first = ordered(&service, part(id, "100.00", "b")).await;
        // What is ordered counts, before it is made and after.
        assert_eq!(call(&service, "order_refund", part(id, "137.61", "c")).await, exceeds("137.60"));
        let begun = begin(&service, &first, NOW).await;
        call(&service, "record_refund", made(&first, &begun["requestId"], NOW)).await;
        assert_eq!(standing(&db).await, "partially_refunded 100.00");
        assert_eq!(call(&service, "order_refund", part(id, "137.61", "d")).await, exceeds("137.60"));
        // Without an amount, all that is left.
        let rest = call(&service, "order_refund", operators(id, NOW)).await;
        assert_eq!((&rest["outcome"], &rest["amount"]), (&json!("ordered"), &json!("137.60")));
        assert_eq!(call(&service, "order_refund", with(operators(id, NOW), json!({ "p_idempotency_key": "e" }))).await, exceeds("0.00"));
        let begun = begin(&service, &rest["refundId"], NOW).await;
        assert_eq!(begun["requestId"], format!("{}:refund:2", booked.payment_id));
        let second = with(made(&rest["refundId"], &begun["requestId"], NOW), json!({ "p_paypal_refund_id": "REFUND-2" }));
        call(&service, "record_refund", second).await;
        assert_eq!(standing(&db).await, "refunded 237.60");
        assert_eq!(call(&service, "order_refund", part(id, "0.01", "f")).await, exceeds("0.00"));
        assert_eq!(db.count("audit_log", "action IN ('payment.partially_refunded', 'payment.refunded')").await, 2);
    })
    .await;
}

#[tokio::test]
async fn many_orders_at_once_never_exceed_the_capture() {
    with_database(|db| async move {
        let (_, booked) = captured(&db).await;
        let id = &booked.booking_id;
        let different = (0..10)
            .map(|n| part(id, "50.00", &format!("key-{n}")))
            .collect();
        assert_eq!(
            outcomes(&db, "order_refund", different).await,
            counts([("ordered", 4), ("refund_exceeds_rest", 6)])
        );
        let same = (0..10).map(|_| part(id, "37.60", "same")).collect();
        assert_eq!(
            outcomes(&db, "order_refund", same).await,
            counts([("ordered", 1), ("replayed", 9)])
        );
        assert_eq!(
            db.value("SELECT sum(amount) FROM refunds").await.as_deref(),
            Some("237.60")
        );
        let refund_id: Value = json!(db.value("SELECT id FROM refunds LIMIT 1").await);
        let begins = (0..10)
            .map(|_| json!({ "p_refund_id": refund_id, "p_now": NOW }))
            .collect();
        assert_eq!(
            outcomes(&db, "begin_refund", begins).await,
            counts([("payment_in_progress", 9), ("refund", 1)])
        );
        // A cancellation that waits for an order finds what it leaves.
        let other = paid(
            &db.service().await,
            "plain",
            "2030-01-12",
            "2030-01-16",
            NOW,
        )
        .await;
        take(&db.service().await, &other, NOW).await;
        let order = ("order_refund", part(&other.booking_id, "200.00", "a"));
        let (_, cancelled) = in_turn(
            &db,
            order,
            ("cancel_booking", by_customer(&other.booking_id, NOW)),
        )
        .await;
        assert_eq!(terms(&cancelled), "50 37.60 pending refund");
    })
    .await;
}
