//! Orders whose response was lost and whose customers left.

use crate::support::{
    database::{call, with_database},
    fixtures::{Car, NOW, begin_authorization, hold, payment_of},
};
use serde_json::json;

#[tokio::test]
async fn lost_order_is_searched_then_closed() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let payment = call(&service, "open_payment", payment_of(&booking, NOW)).await;
        let lost = async |now: &str| call(&service, "lost_orders", json!({ "p_now": now })).await;
        let close = async |now: &str| call(&service, "close_lost_orders", json!({ "p_now": now })).await;
        assert_eq!(lost("2030-01-10T12:09:59Z").await, json!([]));
        let expected = json!([{
            "paymentId": payment["paymentId"], "bookingId": booking["bookingId"], "reference": booking["reference"],
            "carName": "Car plain", "startDate": "2030-01-20", "endDate": "2030-01-24", "amount": "237.60",
            "currency": "USD", "requestId": payment["requestId"],
        }]);
        assert_eq!(lost("2030-01-10T12:10:00Z").await, expected);
        assert_eq!(close("2030-01-10T16:59:59Z").await, json!({ "outcome": "closed", "count": 0 }));
        assert_eq!(lost("2030-01-10T16:59:59Z").await, expected);
        assert_eq!(lost("2030-01-10T17:00:00Z").await, json!([]));
        assert_eq!(close("2030-01-10T17:00:00Z").await, json!({ "outcome": "closed", "count": 1 }));
        assert_eq!(close("2030-01-10T17:00:00Z").await, json!({ "outcome": "closed", "count": 0 }));
        assert_eq!(db.count("payments", "status = 'expired' AND failure_code = 'order_abandoned'").await, 1);
        assert_eq!(db.count("payment_operations", "status = 'failed' AND error_code = 'abandoned' AND NOT in_doubt").await, 1);
    })
    .await;
}

#[tokio::test]
async fn found_order_belongs_to_payment() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let payment = call(&service, "open_payment", payment_of(&booking, NOW)).await;
        let found = json!({ "p_payment_id": payment["paymentId"], "p_request_id": payment["requestId"], "p_order_id": "O1", "p_approve_url": "https://paypal.test/1", "p_now": "2030-01-10T16:00:00Z" });
        call(&service, "record_paypal_order", found).await;
        let close = json!({ "p_now": "2030-01-11T12:00:00Z" });
        assert_eq!(call(&service, "close_lost_orders", close).await["count"], 0);
        assert_eq!(db.count("payments", "status = 'created' AND order_id = 'O1'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn ended_payment_keeps_no_open_attempt() {
    with_database(|db| async move {
        let (service, _, payment) = crate::support::fixtures::ordered_booking(&db).await;
        begin_authorization(&service, &payment.order_id, NOW).await;
        let close = json!({ "p_now": "2030-01-11T12:00:00Z" });
        assert_eq!(
            call(&service, "close_lost_orders", close.clone()).await["count"],
            0
        );
        db.run("UPDATE payments SET status = 'expired'").await;
        assert_eq!(call(&service, "close_lost_orders", close).await["count"], 1);
        assert_eq!(db.count("payment_operations", "status = 'open'").await, 0);
    })
    .await;
}

#[tokio::test]
async fn late_response_does_not_replace_later_order() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let payment = call(&service, "open_payment", payment_of(&booking, NOW)).await;
        let record = |request: String, order: &str| json!({ "p_payment_id": payment["paymentId"], "p_request_id": request, "p_order_id": order, "p_approve_url": "https://paypal.test/1", "p_now": NOW });
        let id = payment["paymentId"].as_str().unwrap();
        db.run("UPDATE payment_operations SET status = 'failed', finished_at = started_at").await;
        call(&service, "open_payment", payment_of(&booking, NOW)).await;
        call(&service, "record_paypal_order", record(format!("{id}:order:2"), "O2")).await;
        call(&service, "record_paypal_order", record(format!("{id}:order:1"), "O1")).await;
        assert_eq!(db.count("payments", "order_id = 'O2'").await, 1);
        // The customer may still pay by either.
        assert_eq!(begin_authorization(&service, "O1", NOW).await["outcome"], "authorize");
    })
    .await;
}
