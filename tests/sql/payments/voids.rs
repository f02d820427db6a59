//! Voiding authorizations: `begin_void`, `record_void`, `authorizations_to_void`.

use crate::support::{
    capture::claim,
    database::{call, with_database},
    fixtures::{
        Car, NOW, authorization, begin_authorization, book_and_pay, hold, order, payment_of, with,
    },
};
use serde_json::{Value, json};

fn void_arguments(payment_id: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_authorization_id": format!("AUTH-{payment_id}"), "p_reason": "cancelled", "p_now": NOW })
}

#[tokio::test]
async fn void_is_begun_and_recorded_once() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let request_id = format!("{}:void:1", booking.payment_id);
        for _ in 0..2 {
            assert_eq!(
                call(&service, "begin_void", void_arguments(&booking.payment_id)).await,
                json!({ "outcome": "void", "requestId": request_id })
            );
        }
        assert_eq!(
            claim(&service, 25, "2030-01-13T00:00:00Z").await,
            Vec::<Value>::new(),
            "a payment to void is not captured"
        );
        let record =
            json!({ "p_payment_id": booking.payment_id, "p_request_id": request_id, "p_now": NOW });
        for _ in 0..2 {
            assert_eq!(
                call(&service, "record_void", record.clone()).await,
                json!({ "outcome": "recorded" })
            );
        }
        assert_eq!(
            db.count("payments", "status = 'voided' AND voided_at IS NOT NULL")
                .await,
            1
        );
        assert_eq!(db.count("audit_log", "action = 'payment.voided'").await, 1);
        assert_eq!(
            call(&service, "begin_void", void_arguments(&booking.payment_id)).await,
            json!({ "outcome": "already_voided", "requestId": null })
        );
    })
    .await;
}

#[tokio::test]
async fn payment_being_captured_is_not_voidable() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let not_voidable = json!({ "outcome": "not_voidable", "requestId": null });
        let unknown = "00000000-0000-4000-8000-000000000000";
        assert_eq!(call(&service, "begin_void", void_arguments(unknown)).await, not_voidable);
        let booking = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let claims = claim(&service, 1, "2030-01-12T00:00:00Z").await;
        assert_eq!(call(&service, "begin_void", void_arguments(&booking.payment_id)).await, not_voidable);
        let capture = json!({ "p_payment_id": booking.payment_id, "p_lease": claims[0]["lease"], "p_request_id": claims[0]["requestId"], "p_capture_id": "CAP-1", "p_amount": "237.60", "p_now": NOW });
        assert_eq!(call(&service, "record_capture", capture).await["outcome"], "captured");
        assert_eq!(call(&service, "begin_void", void_arguments(&booking.payment_id)).await, not_voidable);
    })
    .await;
}

#[tokio::test]
async fn mismatched_payment_fails_and_booking_stays_payable() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let payment = order(&service, &booking, NOW).await;
        begin_authorization(&service, &payment.order_id, NOW).await;
        call(&service, "record_authorization", with(authorization(&payment.payment_id, NOW), json!({ "p_amount": "1.00" }))).await;
        let attempt = call(&service, "begin_void", void_arguments(&payment.payment_id)).await;
        call(&service, "record_void", json!({ "p_payment_id": payment.payment_id, "p_request_id": attempt["requestId"], "p_now": NOW })).await;
        assert_eq!(db.count("payments", "status = 'failed' AND failure_code = 'payment_mismatch' AND voided_at IS NOT NULL").await, 1);
        let again = call(&service, "open_payment", payment_of(&booking, NOW)).await;
        assert_eq!(again["outcome"], "create_order");
        assert_ne!(again["paymentId"], payment.payment_id);
    })
    .await;
}

#[tokio::test]
async fn forgotten_void_is_found() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let due = async |now: &str| call(&service, "authorizations_to_void", json!({ "p_now": now })).await;
        assert_eq!(due("2030-01-11T12:00:00Z").await, json!([]));
        db.run("UPDATE bookings SET status = 'cancelled', cancelled_at = now()").await;
        assert_eq!(due("2030-01-10T12:01:59Z").await, json!([]));
        let voids = due("2030-01-10T12:02:00Z").await;
        assert_eq!(voids.as_array().unwrap().len(), 1);
        assert_eq!((&voids[0]["paymentId"], &voids[0]["reason"]), (&json!(booking.payment_id), &json!("booking_cancelled")));
        let attempt = call(&service, "begin_void", void_arguments(&booking.payment_id)).await;
        call(&service, "record_void", json!({ "p_payment_id": booking.payment_id, "p_request_id": attempt["requestId"], "p_now": NOW })).await;
        assert_eq!(due("2030-01-11T12:00:00Z").await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn second_authorization_never_replaces_first() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let second = with(authorization(&booking.payment_id, NOW), json!({ "p_authorization_id": "AUTH-2" }));
        assert_eq!(call(&service, "record_authorization", second).await["outcome"], "already_paid");
        let row = format!("status = 'authorized' AND void_reason IS NULL AND authorization_id = 'AUTH-{}'", booking.payment_id);
        assert_eq!(db.count("payments", &row).await, 1);
        let void = json!({ "p_payment_id": booking.payment_id, "p_authorization_id": "AUTH-2", "p_reason": "already_paid", "p_now": NOW });
        let attempt = call(&service, "begin_void", void).await;
        call(&service, "record_void", json!({ "p_payment_id": booking.payment_id, "p_request_id": attempt["requestId"], "p_now": NOW })).await;
        assert_eq!(db.count("payments", &row).await, 1);
    })
    .await;
}
