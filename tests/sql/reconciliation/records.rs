//! Looking up a payment, and its record.

use crate::support::{
    cancellation::{HALF_REFUND_AT, by_customer, cancel},
    capture::capture_payment,
    database::{call, with_database},
    fixtures::{
        Car, NOW, authorization, begin_authorization, book_and_pay, hold, order, upcoming_booking,
        with,
    },
    operator::{claim_reauthorization, operator_request},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn find_payment(client: &Client, arguments: Value) -> Value {
    call(client, "find_payment", arguments).await
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
        let id = &booking.payment_id;
        db.run(&format!(
            "INSERT INTO payment_captures (capture_id, payment_id, amount, status, first_seen_at, updated_at)
             VALUES ('CAPTURE-{id}', '{id}', 118.80, 'completed', '{HALF_REFUND_AT}', '{HALF_REFUND_AT}') ON CONFLICT DO NOTHING;
             INSERT INTO payment_captures (capture_id, payment_id, amount, status, first_seen_at, updated_at)
             VALUES ('CAPTURE-OTHER', '{id}', 7, 'pending', '2030-01-16T00:00:00Z', '2030-01-16T00:00:00Z');
             INSERT INTO refunds (payment_id, amount, idempotency_key, actor, status, paypal_refund_id, capture_id, ordered_at)
             VALUES ('{id}', 3, 'paypal:REFUND-1', 'paypal', 'pending', 'REFUND-1', 'CAPTURE-OTHER', '2030-01-16T00:00:00Z')"
        ))
        .await;
        let before = db.content().await;
        let record = find_payment(&service, json!({ "p_payment_id": booking.payment_id })).await;
        assert_eq!(record, json!({
            "paymentId": booking.payment_id, "status": "captured", "bookingId": booking.booking_id, "reference": record["reference"],
            "bookingStatus": "cancelled", "startDate": "2030-01-20", "isLatest": true, "amount": "237.60", "currency": "USD",
            "orderId": booking.order_id, "orderIds": [booking.order_id], "orderCreatedAt": NOW,
            "authorizationId": "AUTH-NEW", "originalAuthorizationId": format!("AUTH-{}", booking.payment_id),
            "authorizationExpiresAt": "2030-02-08T12:00:00Z", "holdEnded": true, "captureAmount": "118.80",
            "keptAmount": "118.80", "openFailures": [], "captureFailingSince": null,
            "captureId": format!("CAPTURE-{}", booking.payment_id), "capturedAmount": "118.80", "capturedAt": HALF_REFUND_AT,
            "refundedAmount": "0.00", "pendingSince": null, "voidReason": null, "failureCode": null,
            "captures": [
                { "captureId": format!("CAPTURE-{}", booking.payment_id), "amount": "118.80", "status": "completed" },
                { "captureId": "CAPTURE-OTHER", "amount": "7.00", "status": "pending" },
            ],
            "refunds": [
                { "refundId": record["refunds"][0]["refundId"], "paypalRefundId": "REFUND-1", "captureId": "CAPTURE-OTHER", "amount": "3.00", "status": "pending",
                  "orderedAt": "2030-01-16T00:00:00Z", "pendingSince": null, "failureCode": null, "isDisputed": false },
            ],
            "refundsOpen": true, "refundRefused": false, "refundedByUs": false, "disputed": false, "updatedAt": HALF_REFUND_AT,
        }));
        for id in [booking.order_id.clone(), "AUTH-NEW".into(), format!("AUTH-{id}"), format!("CAPTURE-{id}"), "CAPTURE-OTHER".into(), "REFUND-1".into()] {
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
        let refusal = json!({ "p_refund_id": refund, "p_request_id": attempt["requestId"], "p_error_code": "SOME_CODE", "p_kind": "ended", "p_now": NOW });
        call(&service, "record_refund_failure", refusal).await;
        let refused = find_payment(&service, json!({ "p_payment_id": booking.payment_id })).await;
        assert_eq!((&refused["refundsOpen"], &refused["refundRefused"]), (&json!(false), &json!(true)));
    })
    .await;
}

#[tokio::test]
async fn earlier_order_finds_payment() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let first = order(&service, &booking, NOW).await;
        let orders = async || {
            let record = find_payment(&service, json!({ "p_payment_id": first.payment_id })).await;
            record["orderIds"].clone()
        };
        assert_eq!(orders().await, json!([first.order_id]));
        // Later orders of the same payment. The payer may still approve the first.
        let second = |id: &str, at: &str| {
            format!(
                "INSERT INTO payment_operations (request_id, payment_id, operation, seq, status, in_doubt, result_id, started_at, finished_at)
                 SELECT payment_id || ':order:' || max(seq) + 1, payment_id, 'order', max(seq) + 1, 'succeeded', false, '{id}', '{at}', '{at}'
                 FROM payment_operations WHERE operation = 'order' GROUP BY payment_id;
                 UPDATE payments SET order_id = '{id}', order_created_at = '{at}'"
            )
        };
        db.run(&second("ORDER-B", "2030-01-10T15:05:00Z")).await;
        let record = find_payment(&service, json!({ "p_payment_id": first.payment_id })).await;
        assert_eq!(record["orderIds"], json!(["ORDER-B", first.order_id]));
        assert_eq!(find_payment(&service, json!({ "p_paypal_id": first.order_id })).await, record);
        assert_eq!(find_payment(&service, json!({ "p_paypal_id": "ORDER-B" })).await, record);
        // The first order is over.
        db.run(&second("ORDER-C", "2030-01-10T19:00:00Z")).await;
        assert_eq!(orders().await, json!(["ORDER-C", "ORDER-B"]));
        // Its authorization is in doubt.
        db.run(&format!(
            "INSERT INTO payment_operations (request_id, payment_id, operation, seq, subject_id, started_at)
             VALUES ('{0}:authorize:1', '{0}', 'authorize', 1, '{1}', '{NOW}')", first.payment_id, first.order_id)).await;
        assert_eq!(orders().await, json!(["ORDER-C", "ORDER-B", first.order_id]));
        // The current order has ended, and the payment has none.
        db.run("UPDATE payments SET order_id = NULL, order_created_at = NULL").await;
        assert_eq!(orders().await, json!(["ORDER-C", "ORDER-B", first.order_id]));
        db.run("UPDATE payment_operations SET error_code = 'ORDER_EXPIRED' WHERE result_id = 'ORDER-B'").await;
        assert_eq!(orders().await, json!(["ORDER-C", first.order_id]), "an ended order");
        db.run("UPDATE payments SET status = 'expired'").await;
        assert_eq!(orders().await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn refused_refund_is_over_when_money_went_back() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        capture_payment(&service, &booking, NOW).await;
        let id = &booking.payment_id;
        let flags = async || {
            let record = find_payment(&service, json!({ "p_payment_id": id })).await;
            (record["refundRefused"].clone(), record["refundedByUs"].clone())
        };
        let refund = |key: &str, actor: &str, amount: &str, status: &str, at: &str| {
            format!(
                "INSERT INTO refunds (payment_id, capture_id, amount, idempotency_key, actor, status, ordered_at, finished_at)
                 VALUES ('{id}', 'CAPTURE-{id}', {amount}, '{key}', '{actor}', '{status}', '{at}', '{at}')"
            )
        };
        assert_eq!(flags().await, (json!(false), json!(false)));
        db.run(&refund("operator", "operator:1", "100", "refused", "2030-01-11T00:00:00Z")).await;
        assert_eq!(flags().await, (json!(true), json!(false)));
        db.run(&refund("paypal:1", "paypal", "99.99", "refunded", "2030-01-12T00:00:00Z")).await;
        db.run("UPDATE payments SET refunded_amount = 99.99, status = 'partially_refunded'").await;
        assert_eq!(flags().await, (json!(true), json!(false)), "a cent is missing");
        db.run(&refund("paypal:2", "paypal", "0.01", "refunded", "2030-01-12T00:00:00Z")).await;
        db.run("UPDATE payments SET refunded_amount = 100").await;
        assert_eq!(flags().await, (json!(false), json!(false)));
        db.run(&refund("operator1", "operator:1", "137.60", "refused", "2030-01-13T00:00:00Z")).await;
        assert_eq!(flags().await.0, json!(true));
        db.run(&refund("operator2", "operator:1", "100", "refunded", "2030-01-14T00:00:00Z")).await;
        db.run("UPDATE payments SET refunded_amount = 200").await;
        assert_eq!(flags().await, (json!(false), json!(false)), "a new order replaces a refused one");
        db.run("DELETE FROM refunds WHERE actor = 'paypal'; UPDATE payments SET refunded_amount = 100").await;
        assert_eq!(flags().await.1, json!(true), "our refund explains all that went back");
    })
    .await;
}
