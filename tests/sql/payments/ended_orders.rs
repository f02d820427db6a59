//! Orders that PayPal can never authorize.

use crate::support::{
    database::{call, with_database},
    fixtures::{NOW, begin_authorization, fail, order, ordered_booking, payment_of},
};
use serde_json::json;

#[tokio::test]
async fn ended_order_is_replaced_at_once() {
    with_database(|db| async move {
        let (service, booking, first) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &first.order_id, NOW).await;
        fail(&service, &claim, "ended", NOW).await;
        assert_eq!(db.count("payments", "order_id IS NULL AND approve_url IS NULL AND order_created_at IS NULL AND status = 'created'").await, 1);
        assert_eq!(begin_authorization(&service, &first.order_id, NOW).await, json!({ "outcome": "order_ended" }));
        let second = order(&service, &booking, NOW).await;
        assert_ne!(second.order_id, first.order_id);
        assert_eq!(second.payment_id, first.payment_id);
        assert_eq!(begin_authorization(&service, &second.order_id, NOW).await["outcome"], "authorize");
    })
    .await;
}

#[tokio::test]
async fn declined_payer_keeps_order() {
    with_database(|db| async move {
        let (service, booking, payment) = ordered_booking(&db).await;
        let claim = begin_authorization(&service, &payment.order_id, NOW).await;
        fail(&service, &claim, "declined", NOW).await;
        let opened = call(&service, "open_payment", payment_of(&booking, NOW)).await;
        assert_eq!(
            (&opened["outcome"], &opened["orderId"]),
            (&json!("order_exists"), &json!(payment.order_id))
        );
        assert_eq!(
            begin_authorization(&service, &payment.order_id, NOW).await["outcome"],
            "authorize"
        );
    })
    .await;
}

#[tokio::test]
async fn forgotten_order_ends() {
    with_database(|db| async move {
        let (service, booking, payment) = ordered_booking(&db).await;
        let end = |order: &str| json!({ "p_order_id": order, "p_error_code": "INVALID_RESOURCE_ID", "p_now": NOW });
        assert_eq!(call(&service, "end_paypal_order", end("UNKNOWN")).await, json!({ "outcome": "order_not_found" }));
        for _ in 0..2 {
            assert_eq!(call(&service, "end_paypal_order", end(&payment.order_id)).await, json!({ "outcome": "recorded" }));
        }
        assert_eq!(begin_authorization(&service, &payment.order_id, NOW).await, json!({ "outcome": "order_ended" }));
        let second = order(&service, &booking, NOW).await;
        // The end of the first order is reported once more, and the second one stays.
        call(&service, "end_paypal_order", end(&payment.order_id)).await;
        assert_eq!(db.count("payments", &format!("order_id = '{}'", second.order_id)).await, 1);
    })
    .await;
}
