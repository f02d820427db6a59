//! Giving authorizations back: `begin_void`, `record_void`, `authorizations_to_void`.

use serde_json::{Value, json};

use crate::database::{call, with_database};
use crate::fixtures::{Car, NOW, authorization, begin, claim, hold, order, paid, payment_of, with};

fn void_of(payment_id: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_authorization_id": format!("AUTH-{payment_id}"), "p_reason": "cancelled", "p_now": NOW })
}

#[tokio::test]
async fn a_void_is_marked_called_and_recorded_once() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let settled = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let request_id = format!("{}:void:1", settled.payment_id);
        for _ in 0..2 {
            assert_eq!(
                call(&service, "begin_void", void_of(&settled.payment_id)).await,
                json!({ "outcome": "void", "requestId": request_id })
            );
        }
        assert_eq!(
            claim(&service, 25, "2030-01-13T00:00:00Z").await,
            Vec::<Value>::new(),
            "what is to be given back is not captured"
        );
        let record =
            json!({ "p_payment_id": settled.payment_id, "p_request_id": request_id, "p_now": NOW });
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
            call(&service, "begin_void", void_of(&settled.payment_id)).await,
            json!({ "outcome": "already_voided", "requestId": null })
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_being_captured_is_not_voidable() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let not_voidable = json!({ "outcome": "not_voidable", "requestId": null });
        let unknown = "00000000-0000-4000-8000-000000000000";
        assert_eq!(call(&service, "begin_void", void_of(unknown)).await, not_voidable);
        let settled = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let claimed = claim(&service, 1, "2030-01-12T00:00:00Z").await;
        assert_eq!(call(&service, "begin_void", void_of(&settled.payment_id)).await, not_voidable);
        let capture = json!({ "p_payment_id": settled.payment_id, "p_lease": claimed[0]["lease"], "p_request_id": claimed[0]["requestId"], "p_capture_id": "CAP-1", "p_amount": "237.60", "p_now": NOW });
        assert_eq!(call(&service, "record_capture", capture).await["outcome"], "captured");
        assert_eq!(call(&service, "begin_void", void_of(&settled.payment_id)).await, not_voidable);
    })
    .await;
}

#[tokio::test]
async fn after_a_mismatch_the_payment_fails_and_the_booking_can_be_paid_anew() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let ordered = order(&service, &booking, NOW).await;
        begin(&service, &ordered.order_id, NOW).await;
        call(&service, "record_authorization", with(authorization(&ordered.payment_id, NOW), json!({ "p_amount": "1.00" }))).await;
        let begun = call(&service, "begin_void", void_of(&ordered.payment_id)).await;
        call(&service, "record_void", json!({ "p_payment_id": ordered.payment_id, "p_request_id": begun["requestId"], "p_now": NOW })).await;
        assert_eq!(db.count("payments", "status = 'failed' AND failure_code = 'payment_mismatch' AND voided_at IS NOT NULL").await, 1);
        let again = call(&service, "open_payment", payment_of(&booking, NOW)).await;
        assert_eq!(again["outcome"], "create_order");
        assert_ne!(again["paymentId"], ordered.payment_id);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_voided_is_found() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let settled = paid(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let due = async |now: &str| call(&service, "authorizations_to_void", json!({ "p_now": now })).await;
        assert_eq!(due("2030-01-11T12:00:00Z").await, json!([]));
        db.run("UPDATE bookings SET status = 'cancelled', cancelled_at = now()").await;
        assert_eq!(due("2030-01-10T12:01:59Z").await, json!([]));
        let found = due("2030-01-10T12:02:00Z").await;
        assert_eq!(found.as_array().unwrap().len(), 1);
        assert_eq!((&found[0]["paymentId"], &found[0]["reason"]), (&json!(settled.payment_id), &json!("booking_cancelled")));
        let begun = call(&service, "begin_void", void_of(&settled.payment_id)).await;
        call(&service, "record_void", json!({ "p_payment_id": settled.payment_id, "p_request_id": begun["requestId"], "p_now": NOW })).await;
        assert_eq!(due("2030-01-11T12:00:00Z").await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_second_authorization_does_not_replace_the_first() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let settled = paid(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let second = with(authorization(&settled.payment_id, NOW), json!({ "p_authorization_id": "AUTH-2" }));
        assert_eq!(call(&service, "record_authorization", second).await["outcome"], "payment_mismatch");
        let kept = format!("status = 'authorized' AND void_reason IS NULL AND authorization_id = 'AUTH-{}'", settled.payment_id);
        assert_eq!(db.count("payments", &kept).await, 1);
        let void = json!({ "p_payment_id": settled.payment_id, "p_authorization_id": "AUTH-2", "p_reason": "payment_mismatch", "p_now": NOW });
        let begun = call(&service, "begin_void", void).await;
        call(&service, "record_void", json!({ "p_payment_id": settled.payment_id, "p_request_id": begun["requestId"], "p_now": NOW })).await;
        assert_eq!(db.count("payments", &kept).await, 1);
    })
    .await;
}
