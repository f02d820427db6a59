//! Row locks of orders and authorizations. Each second call begins before the first is committed.

use crate::support::{
    concurrency::call_overlapping,
    database::{call, with_database},
    fixtures::{
        Car, NOW, authorization, begin_authorization, fail, hold, order, ordered_booking,
        payment_of, with,
    },
};
use serde_json::{Value, json};

fn failure(claim: &Value, kind: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_request_id": claim["requestId"], "p_error_code": "SOME_CODE", "p_kind": kind, "p_now": NOW })
}

#[tokio::test]
async fn first_recorded_order_stays() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let payment = call(&service, "open_payment", payment_of(&booking, NOW)).await;
        let record = |order: &str| json!({ "p_payment_id": payment["paymentId"], "p_request_id": payment["requestId"], "p_order_id": order, "p_approve_url": "https://paypal.test/1", "p_now": NOW });
        let (first, second) = call_overlapping(&db, ("record_paypal_order", record("O1")), ("record_paypal_order", record("O2"))).await;
        assert_eq!((&first["outcome"], &second["outcome"]), (&json!("recorded"), &json!("replayed")));
        assert_eq!(db.count("payments", "order_id = 'O1'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn failure_does_not_undo_authorization() {
    with_database(|db| async move {
        let (service, _, payment) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &payment.order_id, NOW).await;
        let recorded = (
            "record_authorization",
            authorization(&payment.payment_id, NOW),
        );
        let (first, _) = call_overlapping(
            &db,
            recorded,
            ("record_payment_failure", failure(&claim, "ended")),
        )
        .await;
        assert_eq!(first["outcome"], "confirmed");
        assert_eq!(
            db.count(
                "payment_operations",
                "operation = 'authorize' AND status = 'succeeded'"
            )
            .await,
            1
        );
        assert_eq!(
            db.count("payments", &format!("order_id = '{}'", payment.order_id))
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn second_record_of_authorization_is_replayed() {
    with_database(|db| async move {
        let (service, _, payment) = ordered_booking(&db).await;
        begin_authorization(&service, &payment.order_id, NOW).await;
        let record = authorization(&payment.payment_id, NOW);
        let (first, second) = call_overlapping(
            &db,
            ("record_authorization", record.clone()),
            ("record_authorization", record),
        )
        .await;
        assert_eq!(
            (&first["outcome"], &second["outcome"]),
            (&json!("confirmed"), &json!("replayed"))
        );
    })
    .await;
}

#[tokio::test]
async fn claim_waits_for_end_of_order() {
    with_database(|db| async move {
        let (service, _, payment) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &payment.order_id, NOW).await;
        let begin = (
            "begin_authorization",
            json!({ "p_order_id": payment.order_id, "p_now": NOW }),
        );
        let ended = ("record_payment_failure", failure(&claim, "ended"));
        let (_, second) = call_overlapping(&db, ended, begin).await;
        assert_eq!(second, json!({ "outcome": "order_ended" }));
    })
    .await;
}

#[tokio::test]
async fn authorization_and_new_order_exclude_each_other() {
    with_database(|db| async move {
        let (service, booking, payment) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &payment.order_id, NOW).await;
        let recorded = (
            "record_authorization",
            with(
                authorization(&payment.payment_id, NOW),
                json!({ "p_request_id": claim["requestId"] }),
            ),
        );
        let (_, second) =
            call_overlapping(&db, recorded, ("open_payment", payment_of(&booking, NOW))).await;
        assert_eq!(second, json!({ "outcome": "already_paid" }));
        assert_eq!(db.count("payments", "true").await, 1);
    })
    .await;
}

#[tokio::test]
async fn lost_orders_in_use_are_skipped() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        call(&service, "open_payment", payment_of(&booking, NOW)).await;
        let close = json!({ "p_now": "2030-01-11T12:00:00Z" });
        db.run("BEGIN; SELECT FROM payments FOR UPDATE").await;
        assert_eq!(
            call(&service, "close_lost_orders", close.clone()).await["count"],
            0
        );
        db.run("COMMIT").await;
        assert_eq!(call(&service, "close_lost_orders", close).await["count"], 1);
    })
    .await;
}

#[tokio::test]
async fn ended_order_makes_room_for_one_other() {
    with_database(|db| async move {
        let (service, booking, first) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &first.order_id, NOW).await;
        fail(&service, &claim, "ended", NOW).await;
        let open = || ("open_payment", payment_of(&booking, NOW));
        let (one, two) = call_overlapping(&db, open(), open()).await;
        assert_eq!(one["requestId"], two["requestId"]);
        assert_eq!(
            (&one["resumed"], &two["resumed"]),
            (&json!(false), &json!(true))
        );
        assert_ne!(
            order(&service, &booking, NOW).await.order_id,
            first.order_id
        );
    })
    .await;
}
