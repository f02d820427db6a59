//! The 180 days in which PayPal refunds a capture.

use crate::support::{
    cancellation::{by_customer, cancel, refund_terms},
    capture::observe_capture,
    database::{call, with_database},
    fixtures::{Car, NOW, book_and_pay, upcoming_booking, with},
    operator::operator_request,
    refund::{begin_refund, keyed_refund},
};
use serde_json::json;

#[tokio::test]
async fn money_of_old_captures_is_refused_without_call() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        observe_capture(&service, &booking, ["OLD", "100.00", "completed"], NOW).await;
        observe_capture(&service, &booking, ["NEW", "137.60", "completed"], "2030-01-11T12:00:00Z").await;
        let at = |now: &str, amount: &str, key: &str| with(keyed_refund(&booking.booking_id, amount, key), json!({ "p_now": now }));
        let over = "2030-07-09T12:00:00Z";
        let refusal = call(&service, "order_refund", at(over, "137.61", "a")).await;
        assert_eq!(refusal, json!({ "outcome": "refund_window_over", "rest": "137.60", "currency": "USD", "refundableUntil": over }));
        // All that is left means all that PayPal still refunds.
        let rest = call(&service, "order_refund", operator_request(&booking.booking_id, over)).await;
        assert_eq!((&rest["outcome"], &rest["amount"]), (&json!("ordered"), &json!("137.60")));
        assert_eq!(call(&service, "order_refund", at(over, "1.00", "b")).await["outcome"], "refund_window_over");
        // The ordered part was never sent, and its time ends.
        let late = begin_refund(&service, &rest["refundId"], "2030-07-10T12:00:00Z").await;
        assert_eq!((&late["outcome"], &late["status"], &late["failureCode"]), (&json!("nothing_to_do"), &json!("refused"), &json!("refund_window_over")));
        assert_eq!(db.count("payment_operations", "operation = 'refund'").await, 0);
    })
    .await;
}

#[tokio::test]
async fn cancellation_after_180_days_says_refused() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(&service, "plain", "2030-12-01", "2030-12-05", NOW).await;
        observe_capture(
            &service,
            &booking,
            ["C1", "237.60", "completed"],
            "2030-02-06T12:00:00Z",
        )
        .await;
        let before = cancel(
            &service,
            by_customer(&booking.booking_id, "2030-08-06T12:00:00Z"),
        )
        .await;
        assert_eq!(refund_terms(&before), "100 237.60 refused none");
        assert_eq!(
            (&before["failureCode"], &before["settlements"]),
            (&json!("refund_window_over"), &json!([]))
        );
        assert_eq!(
            call(
                &service,
                "refunds_due",
                json!({ "p_now": "2030-08-07T00:00:00Z" })
            )
            .await,
            json!([])
        );
    })
    .await;
}
