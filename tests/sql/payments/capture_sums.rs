//! Captures in parts and twice: the sums of a payment, and the refunds of each capture.

use crate::support::{
    cancellation::{
        HALF_REFUND_AT, by_customer, by_operator, cancel, refund_terms, void_authorization,
    },
    capture::{observe_capture, payment_sums},
    database::{call, with_database},
    fixtures::{NOW, upcoming_booking, with},
    operator::operator_request,
    refund::{begin_refund, keyed_refund, order_refund, refund_success},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Makes a part of a refund.
async fn make_refund(client: &Client, part: &Value, paypal_id: &str) -> Value {
    let attempt = begin_refund(client, &part["refundId"], NOW).await;
    assert_eq!(attempt["captureId"], part["captureId"]);
    let success = with(
        refund_success(&part["refundId"], &attempt["requestId"], NOW),
        json!({ "p_paypal_refund_id": paypal_id }),
    );
    call(client, "record_refund", success).await
}

#[tokio::test]
async fn captures_in_parts_are_refunded_by_capture() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        assert_eq!(
            observe_capture(&service, &booking, ["C1", "100.00", "completed"], NOW).await,
            "captured"
        );
        assert_eq!(
            observe_capture(
                &service,
                &booking,
                ["C2", "137.60", "completed"],
                "2030-01-10T13:00:00Z"
            )
            .await,
            "captured"
        );
        assert_eq!(payment_sums(&db, &booking).await, "captured C1 237.60 0.00");
        assert_eq!(
            db.count("security_events", "true").await,
            0,
            "together they are the price"
        );
        // The newest capture gives first.
        let refund = call(
            &service,
            "order_refund",
            keyed_refund(&booking.booking_id, "200.00", "a"),
        )
        .await;
        let parts = refund["parts"].as_array().unwrap().clone();
        let shares: Vec<_> = parts
            .iter()
            .map(|part| {
                (
                    part["captureId"].as_str().unwrap(),
                    part["amount"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(shares, [("C2", "137.60"), ("C1", "62.40")]);
        assert_eq!(
            (&refund["amount"], &refund["status"]),
            (&json!("200.00"), &json!("ordered"))
        );
        let half = make_refund(&service, &parts[0], "R1").await;
        assert_eq!(half["status"], "ordered", "a part is still to be made");
        assert_eq!(
            payment_sums(&db, &booking).await,
            "partially_refunded C1 237.60 137.60"
        );
        let whole = make_refund(&service, &parts[1], "R2").await;
        assert_eq!(whole["status"], "refunded");
        assert_eq!(
            payment_sums(&db, &booking).await,
            "partially_refunded C1 237.60 200.00"
        );
        let rest = order_refund(&service, operator_request(&booking.booking_id, NOW)).await;
        assert_eq!(
            db.value(
                &format!("SELECT capture_id || ' ' || amount FROM refunds WHERE id = {rest}")
                    .replace('"', "'")
            )
            .await
            .as_deref(),
            Some("C1 37.60")
        );
    })
    .await;
}

#[tokio::test]
async fn excess_capture_goes_back_from_its_own_capture() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        observe_capture(&service, &booking, ["C1", "237.60", "completed"], NOW).await;
        observe_capture(
            &service,
            &booking,
            ["C2", "237.60", "completed"],
            "2030-01-10T13:00:00Z",
        )
        .await;
        assert_eq!(
            db.count(
                "security_events",
                "kind = 'duplicate_capture' AND detail ->> 'captureId' = 'C2'"
            )
            .await,
            1
        );
        let refund = call(
            &service,
            "order_refund",
            keyed_refund(&booking.booking_id, "237.60", "a"),
        )
        .await;
        assert_eq!(refund["parts"][0]["captureId"], "C2");
        make_refund(&service, &refund["parts"][0], "R1").await;
        assert_eq!(
            payment_sums(&db, &booking).await,
            "partially_refunded C1 475.20 237.60"
        );
        // A cancellation keeps its share of the price, and nothing of the excess.
        let result = cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        assert_eq!(refund_terms(&result), "50 118.80 pending refund");
    })
    .await;
}

#[tokio::test]
async fn rest_of_part_capture_is_voided_after_cancellation() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        observe_capture(&service, &booking, ["C1", "100.00", "completed"], NOW).await;
        let due = async |now: &str| {
            call(&service, "authorizations_to_void", json!({ "p_now": now })).await
        };
        assert_eq!(
            due("2030-01-11T00:00:00Z").await,
            json!([]),
            "the desk may capture the rest"
        );
        let result = cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        assert_eq!(refund_terms(&result), "50 50.00 pending refund");
        let kinds: Vec<_> = result["settlements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call["settlement"].clone())
            .collect();
        assert_eq!(kinds.len(), 2);
        assert!(kinds.contains(&json!("void")), "{result}");
        let authorization = json!(format!("AUTH-{}", booking.payment_id));
        assert_eq!(
            due("2030-01-15T00:02:00Z").await[0]["authorizationId"],
            authorization
        );
        void_authorization(
            &service,
            &booking.payment_id,
            &authorization,
            "2030-01-15T00:02:00Z",
        )
        .await;
        assert_eq!(due("2030-01-16T00:00:00Z").await, json!([]));
        assert_eq!(
            payment_sums(&db, &booking).await,
            "captured C1 100.00 0.00",
            "the capture is kept in part"
        );
        assert_eq!(
            db.count("payments", "void_reason IS NULL AND voided_at IS NOT NULL")
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn capture_of_replaced_payment_goes_back() {
    with_database(|db| async move {
        let (service, first) = upcoming_booking(&db).await;
        // The first authorization ends, and the customer pays again.
        call(&service, "record_observed_end", json!({ "p_payment_id": first.payment_id, "p_status": "voided", "p_now": "2030-01-11T00:00:00Z" })).await;
        db.run(&format!(
            "INSERT INTO payments (id, booking_id, status, amount, currency, order_id, order_created_at, authorization_id, authorized_at, authorization_expires_at, created_at, updated_at) \
             VALUES (gen_random_uuid(), '{}', 'authorized', 237.60, 'USD', 'O2', '{NOW}', 'A2', '{NOW}', '2030-02-08T12:00:00Z', '2030-01-11T01:00:00Z', '2030-01-11T01:00:00Z')",
            first.booking_id
        ))
        .await;
        assert_eq!(observe_capture(&service, &first, ["LATE", "237.60", "completed"], "2030-01-11T02:00:00Z").await, "captured");
        let row = format!("id = '{}' AND status = 'captured' AND void_reason = 'replaced'", first.payment_id);
        assert_eq!(db.count("payments", &row).await, 1);
        assert_eq!(db.count("refunds", "amount = 237.60 AND capture_id = 'LATE' AND reason = 'replaced' AND status = 'ordered'").await, 1);
        // The booking's own cancellation is about the second payment.
        let result = cancel(&service, by_operator(&first.booking_id, "2030-01-11T03:00:00Z")).await;
        assert_eq!((&result["amount"], &result["refundStatus"]), (&json!("237.60"), &json!("pending")));
        let due = call(&service, "authorizations_to_void", json!({ "p_now": "2030-01-11T03:02:00Z" })).await;
        assert_eq!((&due[0]["authorizationId"], &due[1]), (&json!("A2"), &Value::Null));
    })
    .await;
}
