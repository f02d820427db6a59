//! Payments to compare with PayPal: the ones that are due, and looking up a payment.

use crate::support::{
    cancellation::{HALF_REFUND_AT, by_customer, cancel},
    capture::capture_payment,
    database::{call, with_database},
    fixtures::{
        Car, NOW, authorization, begin_authorization, book_and_pay, hold, order, payment_of,
        upcoming_booking, with,
    },
    operator::{claim_reauthorization, operator_request},
    reconciliation::{record_comparison, record_finding},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn find_payment(client: &Client, arguments: Value) -> Value {
    call(client, "find_payment", arguments).await
}

/// The ids of the payments to compare, in order.
async fn due_payments(client: &Client, now: &str) -> Vec<String> {
    let due = call(client, "payments_to_reconcile", json!({ "p_now": now })).await;
    let id = |record: &Value| record["paymentId"].as_str().unwrap().to_owned();
    due.as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn payment_is_found_by_each_id() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let reauthorization = claim_reauthorization(&service, &booking.booking_id, NOW).await;
        let success = json!({ "p_payment_id": booking.payment_id, "p_lease": reauthorization["lease"], "p_request_id": reauthorization["requestId"], "p_authorization_id": "AUTH-NEW", "p_now": NOW });
        call(&service, "record_reauthorization", success).await;
        call(&service, "release_payment", json!({ "p_payment_id": booking.payment_id, "p_lease": reauthorization["lease"], "p_now": NOW })).await;
        cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        capture_payment(&service, &booking, HALF_REFUND_AT).await;
        let before = db.content().await;
        let record = find_payment(&service, json!({ "p_payment_id": booking.payment_id })).await;
        assert_eq!(record, json!({
            "paymentId": booking.payment_id, "status": "captured", "bookingId": booking.booking_id, "reference": record["reference"],
            "bookingStatus": "cancelled", "isLatest": true, "amount": "237.60", "currency": "USD", "orderId": booking.order_id,
            "authorizationId": "AUTH-NEW", "authorizationExpiresAt": "2030-02-08T12:00:00Z", "captureAmount": "118.80",
            "captureId": format!("CAPTURE-{}", booking.payment_id), "refundedAmount": "0.00", "voidReason": null, "failureCode": null,
            "refundsOpen": false, "refundRefused": false, "orderCreatedAt": NOW, "updatedAt": HALF_REFUND_AT,
        }));
        for id in [booking.order_id.clone(), "AUTH-NEW".into(), format!("AUTH-{}", booking.payment_id), format!("CAPTURE-{}", booking.payment_id)] {
            assert_eq!(find_payment(&service, json!({ "p_paypal_id": id })).await, record, "{id}");
        }
        for nothing in [json!({ "p_paypal_id": "ORDER-OTHER" }), json!({ "p_paypal_id": "" }), json!({ "p_payment_id": "00000000-0000-4000-8000-000000000000" }), json!({})] {
            assert_eq!(find_payment(&service, nothing).await, Value::Null);
        }
        assert_eq!(db.content().await, before);
        // Our own id takes precedence over PayPal's.
        let other = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", "2030-01-16T00:00:00Z").await;
        assert_eq!(find_payment(&service, json!({ "p_payment_id": booking.payment_id, "p_paypal_id": other.order_id })).await, record);
    })
    .await;
}

#[tokio::test]
async fn payment_record_reports_open_items() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let unpaid = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let first = order(&service, &unpaid, NOW).await;
        begin_authorization(&service, &first.order_id, NOW).await;
        call(&service, "record_authorization", with(authorization(&first.payment_id, NOW), json!({ "p_amount": "1.00" }))).await;
        let second = order(&service, &unpaid, NOW).await;
        let old = find_payment(&service, json!({ "p_payment_id": first.payment_id })).await;
        assert_eq!((&old["isLatest"], &old["voidReason"], &old["status"]), (&json!(false), &json!("payment_mismatch"), &json!("authorized")));
        let new = find_payment(&service, json!({ "p_payment_id": second.payment_id })).await;
        assert_eq!((&new["isLatest"], &new["voidReason"], &new["status"]), (&json!(true), &Value::Null, &json!("created")));
        assert_eq!((&new["bookingStatus"], &new["authorizationId"]), (&json!("pending_payment"), &Value::Null));

        let booking = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        capture_payment(&service, &booking, NOW).await;
        let refund = call(&service, "order_refund", operator_request(&booking.booking_id, NOW)).await["refundId"].clone();
        let open = find_payment(&service, json!({ "p_payment_id": booking.payment_id })).await;
        assert_eq!((&open["refundsOpen"], &open["refundRefused"]), (&json!(true), &json!(false)));
        let attempt = call(&service, "begin_refund", json!({ "p_refund_id": refund, "p_now": NOW })).await;
        let refusal = json!({ "p_refund_id": refund, "p_request_id": attempt["requestId"], "p_error_code": "SOME_CODE", "p_kind": "final", "p_now": NOW });
        call(&service, "record_refund_failure", refusal).await;
        let refused = find_payment(&service, json!({ "p_payment_id": booking.payment_id })).await;
        assert_eq!((&refused["refundsOpen"], &refused["refundRefused"]), (&json!(false), &json!(true)));
    })
    .await;
}

#[tokio::test]
async fn oldest_comparison_is_due_after_fifty_minutes() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let mut ids = Vec::new();
        for (start, end) in [
            ("2030-01-12", "2030-01-16"),
            ("2030-01-17", "2030-01-21"),
            ("2030-01-22", "2030-01-26"),
            ("2030-01-27", "2030-01-31"),
        ] {
            ids.push(
                book_and_pay(&service, "plain", start, end, NOW)
                    .await
                    .payment_id,
            );
        }
        ids.sort();
        assert_eq!(
            due_payments(&service, NOW).await,
            ids,
            "never compared, so ordered by id"
        );
        record_comparison(&service, &ids[0], &[], "2030-01-10T12:10:00Z").await;
        record_comparison(&service, &ids[2], &[], "2030-01-10T12:00:00Z").await;
        let [first, second, third, fourth] = <[String; 4]>::try_from(ids).unwrap();
        assert_eq!(
            due_payments(&service, "2030-01-10T12:49:59Z").await,
            [second.clone(), fourth.clone()]
        );
        assert_eq!(
            due_payments(&service, "2030-01-10T12:50:00Z").await,
            [second.clone(), fourth.clone(), third.clone()]
        );
        assert_eq!(
            due_payments(&service, "2030-01-10T13:00:00Z").await,
            [second.clone(), fourth, third, first]
        );
        let one = call(
            &service,
            "payments_to_reconcile",
            json!({ "p_limit": 1, "p_now": "2030-01-10T13:00:00Z" }),
        )
        .await;
        assert_eq!(
            one,
            json!([find_payment(&service, json!({ "p_payment_id": second })).await])
        );
    })
    .await;
}

#[tokio::test]
async fn finished_payment_is_not_compared_after_week() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        // A payment without an order, one with an unapproved order, an authorized one and a
        // captured one.
        let without_order = hold(&service, "plain", "2030-02-01", "2030-02-05", NOW).await;
        call(&service, "open_payment", payment_of(&without_order, NOW)).await;
        let unpaid = hold(&service, "plain", "2030-02-06", "2030-02-10", NOW).await;
        let unapproved = order(&service, &unpaid, NOW).await.payment_id;
        let authorized = book_and_pay(&service, "plain", "2030-02-11", "2030-02-15", NOW)
            .await
            .payment_id;
        let captured = book_and_pay(&service, "plain", "2030-02-16", "2030-02-20", NOW).await;
        capture_payment(&service, &captured, NOW).await;
        let sorted = |ids: &[&String]| {
            let mut ids: Vec<_> = ids.iter().map(|id| (*id).clone()).collect();
            ids.sort();
            ids
        };
        assert_eq!(
            due_payments(&service, "2030-01-17T11:59:59Z").await,
            sorted(&[&unapproved, &authorized, &captured.payment_id])
        );
        assert_eq!(
            due_payments(&service, "2030-01-17T12:00:00Z").await,
            sorted(&[&unapproved, &authorized])
        );
        // An open finding keeps a payment on the list.
        record_finding(&service, &captured.payment_id, "disputed", "PP-D-1", NOW).await;
        assert_eq!(
            due_payments(&service, "2030-03-01T00:00:00Z").await,
            sorted(&[&unapproved, &authorized, &captured.payment_id])
        );
        db.run("UPDATE payment_findings SET resolved_at = now()")
            .await;
        assert_eq!(
            due_payments(&service, "2030-03-01T00:00:00Z").await,
            sorted(&[&unapproved, &authorized])
        );
    })
    .await;
}
