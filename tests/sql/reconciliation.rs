//! Comparing payments with PayPal: which are due, and how they are found.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::canceled_payments::{HALF, operators, upcoming};
use crate::cancellations::{by_customer, cancel};
use crate::database::{call, with_database};
use crate::fixtures::{Car, NOW, authorization, begin, hold, order, paid, payment_of, take, with};
use crate::operator_captures::renew;

async fn find(client: &Client, arguments: Value) -> Value {
    call(client, "find_payment", arguments).await
}

/// The payments that are to be compared, in their order.
async fn due(client: &Client, now: &str) -> Vec<String> {
    let due = call(client, "payments_to_reconcile", json!({ "p_now": now })).await;
    let id = |record: &Value| record["paymentId"].as_str().unwrap().to_owned();
    due.as_array().unwrap().iter().map(id).collect()
}

/// Records a comparison that found each of `findings`: kind and detail.
pub(crate) async fn compared(
    client: &Client,
    payment_id: &str,
    findings: &[(&str, &str)],
    now: &str,
) {
    let findings: Vec<_> = findings
        .iter()
        .map(|(kind, detail)| json!({ "kind": kind, "detail": detail }))
        .collect();
    let arguments = json!({ "p_payment_id": payment_id, "p_findings": json!(findings).to_string(), "p_now": now });
    assert_eq!(
        call(client, "record_reconciliation", arguments).await,
        json!({ "outcome": "recorded" })
    );
}

/// Reports a finding that no comparison makes.
pub(crate) async fn report(client: &Client, payment_id: &str, kind: &str, detail: &str, now: &str) {
    let arguments =
        json!({ "p_payment_id": payment_id, "p_kind": kind, "p_detail": detail, "p_now": now });
    assert_eq!(
        call(client, "record_finding", arguments).await,
        json!({ "outcome": "recorded" })
    );
}

#[tokio::test]
async fn a_payment_is_found_by_each_of_its_ids() {
    with_database(|db| async move {
        let (service, booked) = upcoming(&db).await;
        let claimed = renew(&service, &booked.booking_id, NOW).await;
        let renewed = json!({ "p_payment_id": booked.payment_id, "p_lease": claimed["lease"], "p_request_id": claimed["requestId"], "p_authorization_id": "AUTH-NEW", "p_now": NOW });
        call(&service, "record_reauthorization", renewed).await;
        call(&service, "release_payment", json!({ "p_payment_id": booked.payment_id, "p_lease": claimed["lease"], "p_now": NOW })).await;
        cancel(&service, by_customer(&booked.booking_id, HALF)).await;
        take(&service, &booked, HALF).await;
        let before = db.content().await;
        let record = find(&service, json!({ "p_payment_id": booked.payment_id })).await;
        assert_eq!(record, json!({
            "paymentId": booked.payment_id, "status": "captured", "bookingId": booked.booking_id, "reference": record["reference"],
            "bookingStatus": "cancelled", "isLatest": true, "amount": "237.60", "currency": "USD", "orderId": booked.order_id,
            "authorizationId": "AUTH-NEW", "authorizationExpiresAt": "2030-02-08T12:00:00Z", "captureAmount": "118.80",
            "captureId": format!("CAPTURE-{}", booked.payment_id), "refundedAmount": "0.00", "voidReason": null, "failureCode": null,
            "refundsOpen": false, "refundRefused": false, "orderCreatedAt": NOW, "updatedAt": HALF,
        }));
        for id in [booked.order_id.clone(), "AUTH-NEW".into(), format!("AUTH-{}", booked.payment_id), format!("CAPTURE-{}", booked.payment_id)] {
            assert_eq!(find(&service, json!({ "p_paypal_id": id })).await, record, "{id}");
        }
        for nothing in [json!({ "p_paypal_id": "ORDER-OTHER" }), json!({ "p_paypal_id": "" }), json!({ "p_payment_id": "00000000-0000-4000-8000-000000000000" }), json!({})] {
            assert_eq!(find(&service, nothing).await, Value::Null);
        }
        assert_eq!(db.content().await, before);
        // Our own id goes before PayPal's.
        let other = paid(&service, "plain", "2030-01-20", "2030-01-24", "2030-01-16T00:00:00Z").await;
        assert_eq!(find(&service, json!({ "p_payment_id": booked.payment_id, "p_paypal_id": other.order_id })).await, record);
    })
    .await;
}

#[tokio::test]
async fn a_record_says_what_is_open_about_a_payment() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let first = order(&service, &booking, NOW).await;
        begin(&service, &first.order_id, NOW).await;
        call(&service, "record_authorization", with(authorization(&first.payment_id, NOW), json!({ "p_amount": "1.00" }))).await;
        let second = order(&service, &booking, NOW).await;
        let old = find(&service, json!({ "p_payment_id": first.payment_id })).await;
        assert_eq!((&old["isLatest"], &old["voidReason"], &old["status"]), (&json!(false), &json!("payment_mismatch"), &json!("authorized")));
        let new = find(&service, json!({ "p_payment_id": second.payment_id })).await;
        assert_eq!((&new["isLatest"], &new["voidReason"], &new["status"]), (&json!(true), &Value::Null, &json!("created")));
        assert_eq!((&new["bookingStatus"], &new["authorizationId"]), (&json!("pending_payment"), &Value::Null));

        let booked = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        take(&service, &booked, NOW).await;
        let refund = call(&service, "order_refund", operators(&booked.booking_id, NOW)).await["refundId"].clone();
        let open = find(&service, json!({ "p_payment_id": booked.payment_id })).await;
        assert_eq!((&open["refundsOpen"], &open["refundRefused"]), (&json!(true), &json!(false)));
        let begun = call(&service, "begin_refund", json!({ "p_refund_id": refund, "p_now": NOW })).await;
        let refused = json!({ "p_refund_id": refund, "p_request_id": begun["requestId"], "p_error_code": "SOME_CODE", "p_kind": "final", "p_now": NOW });
        call(&service, "record_refund_failure", refused).await;
        let refused = find(&service, json!({ "p_payment_id": booked.payment_id })).await;
        assert_eq!((&refused["refundsOpen"], &refused["refundRefused"]), (&json!(false), &json!(true)));
    })
    .await;
}

#[tokio::test]
async fn what_was_compared_longest_ago_comes_first_and_after_fifty_minutes() {
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
            ids.push(paid(&service, "plain", start, end, NOW).await.payment_id);
        }
        ids.sort();
        assert_eq!(due(&service, NOW).await, ids, "none was compared: by id");
        compared(&service, &ids[0], &[], "2030-01-10T12:10:00Z").await;
        compared(&service, &ids[2], &[], "2030-01-10T12:00:00Z").await;
        let [first, second, third, fourth] = <[String; 4]>::try_from(ids).unwrap();
        assert_eq!(
            due(&service, "2030-01-10T12:49:59Z").await,
            [second.clone(), fourth.clone()]
        );
        assert_eq!(
            due(&service, "2030-01-10T12:50:00Z").await,
            [second.clone(), fourth.clone(), third.clone()]
        );
        assert_eq!(
            due(&service, "2030-01-10T13:00:00Z").await,
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
            json!([find(&service, json!({ "p_payment_id": second })).await])
        );
    })
    .await;
}

#[tokio::test]
async fn what_ended_long_ago_is_left_alone() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        // Nothing to ask PayPal about, an order that was never approved, money that is held, and money that is taken.
        let unordered = hold(&service, "plain", "2030-02-01", "2030-02-05", NOW).await;
        call(&service, "open_payment", payment_of(&unordered, NOW)).await;
        let booking = hold(&service, "plain", "2030-02-06", "2030-02-10", NOW).await;
        let created = order(&service, &booking, NOW).await.payment_id;
        let held = paid(&service, "plain", "2030-02-11", "2030-02-15", NOW)
            .await
            .payment_id;
        let booked = paid(&service, "plain", "2030-02-16", "2030-02-20", NOW).await;
        take(&service, &booked, NOW).await;
        let sorted = |ids: &[&String]| {
            let mut ids: Vec<_> = ids.iter().map(|id| (*id).clone()).collect();
            ids.sort();
            ids
        };
        assert_eq!(
            due(&service, "2030-01-17T11:59:59Z").await,
            sorted(&[&created, &held, &booked.payment_id])
        );
        assert_eq!(
            due(&service, "2030-01-17T12:00:00Z").await,
            sorted(&[&created, &held])
        );
        // Unless something about it is open.
        report(&service, &booked.payment_id, "disputed", "PP-D-1", NOW).await;
        assert_eq!(
            due(&service, "2030-03-01T00:00:00Z").await,
            sorted(&[&created, &held, &booked.payment_id])
        );
        db.run("UPDATE payment_findings SET resolved_at = now()")
            .await;
        assert_eq!(
            due(&service, "2030-03-01T00:00:00Z").await,
            sorted(&[&created, &held])
        );
    })
    .await;
}
