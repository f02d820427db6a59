//! Captures in parts, twice, pending and declined: what a payment's sums and state become.

use crate::support::{
    cancellation::{
        HALF_REFUND_AT, by_customer, by_operator, cancel, refund_terms, void_authorization,
    },
    capture::{capture_of, claim},
    database::{Database, call, with_database},
    fixtures::{NOW, OrderedBooking, book_and_pay, upcoming_booking, with},
    operator::{claim_capture, operator_request},
    refund::{begin_refund, keyed_refund, order_refund, refund_success},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn observe(
    client: &Client,
    booking: &OrderedBooking,
    id: &str,
    amount: &str,
    status: &str,
    now: &str,
) -> String {
    let arguments = json!({ "p_payment_id": booking.payment_id, "p_capture_id": id, "p_amount": amount, "p_status": status, "p_now": now });
    let result = call(client, "record_observed_capture", arguments).await;
    result["outcome"].as_str().unwrap().to_owned()
}

/// The payment's status, capture, captured and refunded sum, and since when PayPal reviews it.
async fn sums(db: &Database, booking: &OrderedBooking) -> String {
    let sql = format!(
        "SELECT concat_ws(' ', status, capture_id, captured_amount, refunded_amount, CASE WHEN pending_since IS NOT NULL THEN 'since ' || to_char(pending_since AT TIME ZONE 'UTC', 'DD\"T\"HH24') END, failure_code) \
         FROM payments WHERE id = '{}'",
        booking.payment_id
    );
    db.value(&sql).await.unwrap()
}

/// Makes a part of a refund.
async fn make(client: &Client, part: &Value, paypal_id: &str) -> Value {
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
            observe(&service, &booking, "C1", "100.00", "completed", NOW).await,
            "captured"
        );
        assert_eq!(
            observe(
                &service,
                &booking,
                "C2",
                "137.60",
                "completed",
                "2030-01-10T13:00:00Z"
            )
            .await,
            "captured"
        );
        assert_eq!(sums(&db, &booking).await, "captured C1 237.60 0.00");
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
        let half = make(&service, &parts[0], "R1").await;
        assert_eq!(half["status"], "ordered", "a part is still to be made");
        assert_eq!(
            sums(&db, &booking).await,
            "partially_refunded C1 237.60 137.60"
        );
        let whole = make(&service, &parts[1], "R2").await;
        assert_eq!(whole["status"], "refunded");
        assert_eq!(
            sums(&db, &booking).await,
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
        observe(&service, &booking, "C1", "237.60", "completed", NOW).await;
        observe(
            &service,
            &booking,
            "C2",
            "237.60",
            "completed",
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
        make(&service, &refund["parts"][0], "R1").await;
        assert_eq!(
            sums(&db, &booking).await,
            "partially_refunded C1 475.20 237.60"
        );
        // A cancellation keeps its share of the price, and nothing of the excess.
        let result = cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        assert_eq!(refund_terms(&result), "50 118.80 pending refund");
    })
    .await;
}

#[tokio::test]
async fn pending_capture_is_no_money() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let capture_claim =
            claim_capture(&service, &booking.booking_id, NOW).await["claim"].clone();
        let pending = with(
            capture_of(&capture_claim, NOW),
            json!({ "p_status": "pending" }),
        );
        assert_eq!(
            call(&service, "record_capture", pending.clone()).await,
            json!({ "outcome": "capture_pending" })
        );
        assert_eq!(
            call(&service, "record_capture", pending).await,
            json!({ "outcome": "replayed" })
        );
        let id = format!("CAPTURE-{}", booking.payment_id);
        assert_eq!(
            sums(&db, &booking).await,
            format!("capture_pending {id} 0.00 since 10T12")
        );
        assert_eq!(
            claim(&service, 25, "2030-01-20T00:00:00Z").await,
            Vec::<Value>::new()
        );
        assert_eq!(
            claim_capture(&service, &booking.booking_id, NOW).await,
            json!({ "outcome": "capture_pending", "captureId": id })
        );
        assert_eq!(
            call(
                &service,
                "order_refund",
                operator_request(&booking.booking_id, NOW)
            )
            .await,
            json!({ "outcome": "capture_pending" })
        );
        assert_eq!(
            observe(&service, &booking, &id, "237.60", "pending", NOW).await,
            "replayed"
        );
        assert_eq!(
            observe(
                &service,
                &booking,
                &id,
                "237.60",
                "completed",
                "2030-01-12T12:00:00Z"
            )
            .await,
            "captured"
        );
        assert_eq!(
            sums(&db, &booking).await,
            format!("captured {id} 237.60 0.00")
        );
        for late in ["pending", "declined"] {
            assert_eq!(
                observe(
                    &service,
                    &booking,
                    &id,
                    "237.60",
                    late,
                    "2030-01-12T12:00:01Z"
                )
                .await,
                "replayed"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn declined_review_is_tried_again() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let capture_claim =
            claim_capture(&service, &booking.booking_id, NOW).await["claim"].clone();
        call(
            &service,
            "record_capture",
            with(
                capture_of(&capture_claim, NOW),
                json!({ "p_status": "pending" }),
            ),
        )
        .await;
        let id = format!("CAPTURE-{}", booking.payment_id);
        assert_eq!(
            observe(
                &service,
                &booking,
                &id,
                "237.60",
                "declined",
                "2030-01-13T12:00:00Z"
            )
            .await,
            "capture_declined"
        );
        assert_eq!(sums(&db, &booking).await, "failed 0.00 capture_declined");
        assert_eq!(
            claim(&service, 25, "2030-01-14T11:59:59Z").await,
            Vec::<Value>::new()
        );
        let again = claim(&service, 25, "2030-01-14T12:00:00Z").await.remove(0);
        assert_eq!(again["resumed"], false);
        assert_ne!(again["requestId"], capture_claim["requestId"]);
    })
    .await;
}

#[tokio::test]
async fn pending_capture_of_cancelled_booking_goes_back() {
    for (status, terms) in [
        ("completed", "50 118.80 pending refund"),
        ("declined", "50 0.00 none none"),
    ] {
        with_database(move |db| async move {
            let (service, booking) = upcoming_booking(&db).await;
            let capture_claim =
                claim_capture(&service, &booking.booking_id, NOW).await["claim"].clone();
            call(
                &service,
                "record_capture",
                with(
                    capture_of(&capture_claim, NOW),
                    json!({ "p_status": "pending" }),
                ),
            )
            .await;
            let result = cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
            assert_eq!(refund_terms(&result), "50 118.80 pending none");
            let id = format!("CAPTURE-{}", booking.payment_id);
            observe(
                &service,
                &booking,
                &id,
                "237.60",
                status,
                "2030-01-16T00:00:00Z",
            )
            .await;
            let after = cancel(
                &service,
                by_customer(&booking.booking_id, "2030-01-16T00:00:01Z"),
            )
            .await;
            if status == "completed" {
                assert_eq!(refund_terms(&after), terms);
            } else {
                let due = call(
                    &service,
                    "authorizations_to_void",
                    json!({ "p_now": "2030-01-16T00:02:00Z" }),
                )
                .await;
                assert_eq!(
                    due.as_array().unwrap().len(),
                    1,
                    "the authorization may live: {after}"
                );
                assert_eq!(
                    claim(&service, 25, "2030-01-20T00:00:00Z").await,
                    Vec::<Value>::new()
                );
            }
        })
        .await;
    }
}

#[tokio::test]
async fn rest_of_part_capture_is_voided_after_cancellation() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        observe(&service, &booking, "C1", "100.00", "completed", NOW).await;
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
            sums(&db, &booking).await,
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
        assert_eq!(observe(&service, &first, "LATE", "237.60", "completed", "2030-01-11T02:00:00Z").await, "captured");
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

#[tokio::test]
async fn money_of_old_captures_is_refused_without_call() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        observe(&service, &booking, "OLD", "100.00", "completed", NOW).await;
        observe(&service, &booking, "NEW", "137.60", "completed", "2030-01-11T12:00:00Z").await;
        let at = |now: &str, amount: &str, key: &str| with(keyed_refund(&booking.booking_id, amount, key), json!({ "p_now": now }));
        let over = "2030-07-09T12:00:00Z";
        let refusal = call(&service, "order_refund", at(over, "137.61", "a")).await;
        assert_eq!(refusal, json!({ "outcome": "refund_window_over", "rest": "137.60", "currency": "USD", "refundableUntil": over }));
        // All that is left means all that PayPal still refunds.
        let rest = call(&service, "order_refund", with(operator_request(&booking.booking_id, over), json!({}))).await;
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
        crate::support::fixtures::Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(&service, "plain", "2030-12-01", "2030-12-05", NOW).await;
        observe(
            &service,
            &booking,
            "C1",
            "237.60",
            "completed",
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
