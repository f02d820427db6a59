//! The money of canceled bookings: voided, kept in part, or refunded.

use crate::support::{
    cancellation::{
        HALF_REFUND_AT, by_customer, by_operator, cancel, refund_terms, void_authorization,
    },
    capture::{capture_failure, capture_of, capture_payment, claim},
    database::{call, with_database},
    fixtures::{Car, NOW, book_and_pay, upcoming_booking},
    operator::operator_request,
    refund::refund_summary,
};
use serde_json::{Value, json};

#[tokio::test]
async fn full_refund_voids_authorization() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let result = cancel(&service, by_customer(&booking.booking_id, NOW)).await;
        assert_eq!(refund_terms(&result), "100 237.60 pending void");
        assert_eq!(
            claim(&service, 25, "2030-02-01T00:00:00Z").await,
            Vec::<Value>::new()
        );
        let capture = call(
            &service,
            "claim_payment_capture",
            operator_request(&booking.booking_id, NOW),
        )
        .await;
        assert_eq!(capture, json!({ "outcome": "not_capturable" }));
        let due = call(
            &service,
            "authorizations_to_void",
            json!({ "p_now": "2030-01-10T12:02:00Z" }),
        )
        .await;
        assert_eq!(
            (&due[0]["authorizationId"], &due[0]["reason"]),
            (&result["authorizationId"], &json!("booking_cancelled"))
        );

        void_authorization(
            &service,
            &booking.payment_id,
            &result["authorizationId"],
            NOW,
        )
        .await;
        let after = cancel(&service, by_customer(&booking.booking_id, NOW)).await;
        assert_eq!(refund_terms(&after), "100 237.60 voided none");
        assert_eq!(refund_summary(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn only_kept_part_is_captured() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        let to_void = call(
            &service,
            "authorizations_to_void",
            json!({ "p_now": "2030-02-01T00:00:00Z" }),
        )
        .await;
        assert_eq!(to_void, json!([]));
        // The capture is due at once, days before the booking's schedule.
        let part = claim(&service, 25, HALF_REFUND_AT).await.remove(0);
        assert_eq!(
            (&part["amount"], &part["bookingId"]),
            (&json!("118.80"), &json!(booking.booking_id))
        );
        let meanwhile = cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        assert_eq!(refund_terms(&meanwhile), "50 118.80 pending none");
        assert_eq!(
            call(
                &service,
                "record_capture",
                capture_of(&part, HALF_REFUND_AT)
            )
            .await,
            json!({ "outcome": "captured" })
        );
        let after = cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        assert_eq!(refund_terms(&after), "50 118.80 voided none");
        assert_eq!(
            claim(&service, 25, "2030-02-01T00:00:00Z").await,
            Vec::<Value>::new()
        );
        assert_eq!(
            db.count(
                "payments",
                "status = 'captured' AND captured_amount = 118.80 AND amount = 237.60"
            )
            .await,
            1
        );
        assert_eq!(refund_summary(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn operator_captures_only_kept_part() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        assert_eq!(
            capture_payment(&service, &booking, HALF_REFUND_AT).await["amount"],
            "118.80"
        );
        assert_eq!(refund_summary(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn full_and_partial_captures_use_different_ids() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(
            &service,
            "plain",
            "2030-01-20",
            "2030-01-24",
            HALF_REFUND_AT,
        )
        .await;
        let whole = call(
            &service,
            "claim_payment_capture",
            operator_request(&booking.booking_id, HALF_REFUND_AT),
        )
        .await["claim"]
            .clone();
        assert_eq!(
            (&whole["amount"], &whole["requestId"]),
            (
                &json!("237.60"),
                &json!(format!("{}:capture:1", booking.payment_id))
            )
        );
        call(
            &service,
            "record_capture_failure",
            capture_failure(&whole, "retryable", "2030-01-15T12:00:00Z", HALF_REFUND_AT),
        )
        .await;
        cancel(
            &service,
            by_customer(&booking.booking_id, "2030-01-15T00:01:00Z"),
        )
        .await;
        // The retry delay of the full capture does not apply to the part.
        let part = claim(&service, 25, "2030-01-15T00:01:00Z").await.remove(0);
        assert_eq!(
            (&part["amount"], &part["reauthorizeRequestId"]),
            (&json!("118.80"), &Value::Null)
        );
        assert_eq!(
            (&part["requestId"], &part["resumed"]),
            (
                &json!(format!("{}:capture:2", booking.payment_id)),
                &json!(false)
            )
        );
    })
    .await;
}

#[tokio::test]
async fn cancellation_is_refused_during_capture() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let in_progress =
            json!({ "outcome": "payment_in_progress", "paymentId": booking.payment_id });
        let first = claim(&service, 1, "2030-01-19T10:00:00Z").await.remove(0);
        // An expired claim does not show whether PayPal captured.
        for now in [
            "2030-01-19T10:00:01Z",
            "2030-01-19T10:02:00Z",
            "2030-01-19T12:00:00Z",
        ] {
            assert_eq!(
                cancel(&service, by_operator(&booking.booking_id, now)).await,
                in_progress,
                "{now}"
            );
        }
        let second = claim(&service, 1, "2030-01-19T12:00:00Z").await.remove(0);
        let unknown = capture_failure(
            &second,
            "unknown",
            "2030-01-19T12:15:00Z",
            "2030-01-19T12:00:01Z",
        );
        call(&service, "record_capture_failure", unknown).await;
        assert_eq!(
            cancel(
                &service,
                by_operator(&booking.booking_id, "2030-01-19T12:00:02Z")
            )
            .await,
            in_progress
        );
        assert_eq!(db.count("bookings", "status = 'upcoming'").await, 1);
        call(
            &service,
            "record_capture",
            capture_of(&first, "2030-01-19T12:00:03Z"),
        )
        .await;
        let result = cancel(
            &service,
            by_operator(&booking.booking_id, "2030-01-19T12:00:04Z"),
        )
        .await;
        assert_eq!(refund_terms(&result), "100 237.60 pending refund");
    })
    .await;
}

#[tokio::test]
async fn abandoned_reauthorization_does_not_block_cancellation() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let reauthorization = call(
            &service,
            "claim_reauthorization",
            operator_request(&booking.booking_id, NOW),
        )
        .await;
        assert_eq!(reauthorization["outcome"], "claimed");
        let early = cancel(
            &service,
            by_customer(&booking.booking_id, "2030-01-10T12:01:59Z"),
        )
        .await;
        assert_eq!(
            early,
            json!({ "outcome": "payment_in_progress", "paymentId": booking.payment_id })
        );
        let result = cancel(
            &service,
            by_customer(&booking.booking_id, "2030-01-10T12:02:00Z"),
        )
        .await;
        assert_eq!(refund_terms(&result), "100 237.60 pending void");
        assert_eq!(
            db.count(
                "payments",
                "status = 'authorized' AND lease_id IS NULL AND void_reason = 'booking_cancelled'"
            )
            .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn cancellation_refunds_captured_remainder() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        capture_payment(&service, &booking, NOW).await;
        let result = cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        assert_eq!(refund_terms(&result), "50 118.80 pending refund");
        assert_eq!(refund_summary(&db).await.as_deref(), Some("118.80 cancellation customer booking_cancelled ordered"));
        assert_eq!(result["refundId"].as_str(), db.value("SELECT id FROM refunds").await.as_deref());
        let attempt = call(&service, "begin_refund", json!({ "p_refund_id": result["refundId"], "p_now": HALF_REFUND_AT })).await;
        let success = json!({ "p_refund_id": result["refundId"], "p_request_id": attempt["requestId"], "p_paypal_refund_id": "REFUND-1", "p_now": HALF_REFUND_AT });
        assert_eq!(call(&service, "record_refund", success).await["outcome"], "recorded");
        let after = cancel(&service, by_customer(&booking.booking_id, HALF_REFUND_AT)).await;
        assert_eq!(refund_terms(&after), "50 118.80 refunded none");

        // Money that went back before, or is on its way, counts.
        for (by_paypal, by_us, expected) in [
            ("50.00", Some("40.00"), "50 28.80 pending refund"),
            ("100.00", Some("18.80"), "50 0.00 none none"),
            ("150.00", Some("50.00"), "50 0.00 none none"),
            ("237.60", None, "50 0.00 none none"),
        ] {
            let other = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
            capture_payment(&service, &other, NOW).await;
            let seen = json!({ "p_payment_id": other.payment_id, "p_paypal_refund_id": format!("SEEN-{}", other.payment_id),
                               "p_capture_id": format!("CAPTURE-{}", other.payment_id), "p_amount": by_paypal, "p_status": "refunded", "p_now": NOW });
            assert_eq!(call(&service, "record_observed_refund", seen).await["outcome"], "recorded");
            if let Some(amount) = by_us {
                let order = json!({ "p_booking_id": other.booking_id, "p_actor": "operator:1", "p_amount": amount, "p_now": NOW });
                assert_eq!(call(&service, "order_refund", order).await["outcome"], "ordered");
            }
            assert_eq!(refund_terms(&cancel(&service, by_customer(&other.booking_id, HALF_REFUND_AT)).await), expected);
        }
    })
    .await;
}
