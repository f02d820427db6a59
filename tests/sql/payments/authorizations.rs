//! From an approved order to a confirmed booking: `begin_authorization`, `record_authorization`,
//! `record_payment_failure`.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::{
        Car, NOW, OrderedBooking, authorization, begin_authorization, hold, order, rental, with,
    },
};
use serde_json::{Value, json};

async fn ordered_booking(db: &Database) -> OrderedBooking {
    Car::default().insert(db).await;
    let service = db.service().await;
    let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
    order(&service, &booking, NOW).await
}

fn failure(payment_id: &str, seq: u32, kind: &str, now: &str) -> Value {
    json!({ "p_payment_id": payment_id, "p_request_id": format!("{payment_id}:authorize:{seq}"), "p_error_code": "SOME_CODE", "p_kind": kind, "p_now": now })
}

#[tokio::test]
async fn authorization_confirms_booking_and_schedules_capture() {
    with_database(|db| async move {
        let booking = ordered_booking(&db).await;
        let service = db.service().await;
        let attempt = begin_authorization(&service, &booking.order_id, NOW).await;
        let mut expected = json!({
            "outcome": "authorize", "paymentId": booking.payment_id, "bookingId": booking.booking_id, "reference": attempt["reference"], "bookingStatus": "pending_payment",
            "amount": "237.60", "currency": "USD", "requestId": format!("{}:authorize:1", booking.payment_id), "resumed": false,
            "authorizationId": null, "captureScheduledAt": null, "holdExpiresAt": "2030-01-10T12:15:00Z", "carId": attempt["carId"], "carSlug": "plain",
        });
        assert_eq!(attempt, expected);
        let result = call(&service, "record_authorization", authorization(&booking.payment_id, NOW)).await;
        let authorization_id = json!(format!("AUTH-{}", booking.payment_id));
        expected = with(expected, json!({ "outcome": "confirmed", "bookingStatus": "upcoming", "authorizationId": authorization_id, "captureScheduledAt": "2030-01-19T10:00:00Z", "holdExpiresAt": null }));
        assert_eq!(result, expected);
        let replay = call(&service, "record_authorization", authorization(&booking.payment_id, NOW)).await;
        assert_eq!(replay, with(expected.clone(), json!({ "outcome": "replayed" })));
        assert_eq!(begin_authorization(&service, &booking.order_id, NOW).await, with(expected, json!({ "outcome": "already_authorized" })));

        let details = call(&service, "get_booking", json!({ "p_booking_id": booking.booking_id, "p_now": "2030-01-10T18:00:00Z" })).await;
        assert_eq!((&details["status"], &details["holdExpiresAt"]), (&json!("upcoming"), &Value::Null));
        assert_eq!(details["payment"], json!({
            "paymentId": booking.payment_id, "status": "authorized", "orderId": booking.order_id, "amount": "237.60", "currency": "USD",
            "authorizationId": authorization_id, "authorizationExpiresAt": "2030-02-08T12:00:00Z", "captureId": null, "capturedAt": null, "captureScheduledAt": "2030-01-19T10:00:00Z",
            "captureAmount": "237.60", "waitsForPayPalSince": null, "failureCode": null,
        }));
        assert_eq!(db.count("audit_log", "action = 'payment.authorized'").await, 1);
        assert_eq!(db.count("booking_events", "from_status = 'pending_payment' AND to_status = 'upcoming'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn unknown_order_authorizes_nothing() {
    with_database(|db| async move {
        let booking = ordered_booking(&db).await;
        let service = db.service().await;
        assert_eq!(
            begin_authorization(&service, "ORDER-UNKNOWN", NOW).await,
            json!({ "outcome": "order_not_found" })
        );
        assert_eq!(
            begin_authorization(&service, &format!("{}:order:1", booking.payment_id), NOW).await,
            json!({ "outcome": "order_not_found" })
        );
    })
    .await;
}

#[tokio::test]
async fn lost_authorization_is_retried_under_same_id() {
    with_database(|db| async move {
        let booking = ordered_booking(&db).await;
        let service = db.service().await;
        let first = begin_authorization(&service, &booking.order_id, NOW).await;
        assert_eq!(
            begin_authorization(&service, &booking.order_id, "2030-01-10T12:00:59Z").await,
            json!({ "outcome": "payment_in_progress" })
        );
        let second = begin_authorization(&service, &booking.order_id, "2030-01-10T12:01:00Z").await;
        assert_eq!(
            second,
            with(
                first.clone(),
                json!({ "resumed": true, "holdExpiresAt": "2030-01-10T12:16:00Z" })
            )
        );
        // An unknown outcome releases the claim at once and keeps the request id.
        call(
            &service,
            "record_payment_failure",
            failure(&booking.payment_id, 1, "unknown", "2030-01-10T12:01:01Z"),
        )
        .await;
        assert_eq!(
            begin_authorization(&service, &booking.order_id, "2030-01-10T12:01:02Z").await,
            with(second, json!({ "holdExpiresAt": "2030-01-10T12:16:02Z" }))
        );
        assert_eq!(
            call(
                &service,
                "record_authorization",
                authorization(&booking.payment_id, NOW)
            )
            .await["outcome"],
            "confirmed"
        );
    })
    .await;
}

#[tokio::test]
async fn payer_may_retry_after_refusal() {
    with_database(|db| async move {
        let booking = ordered_booking(&db).await;
        let service = db.service().await;
        begin_authorization(&service, &booking.order_id, NOW).await;
        let refusal = failure(&booking.payment_id, 1, "declined", NOW);
        assert_eq!(
            call(&service, "record_payment_failure", refusal.clone()).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(
            call(&service, "record_payment_failure", refusal).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(db.count("payments", "status = 'created'").await, 1);
        let retry = begin_authorization(&service, &booking.order_id, NOW).await;
        assert_eq!(
            (&retry["outcome"], &retry["resumed"]),
            (&json!("authorize"), &json!(false))
        );
        assert_eq!(
            retry["requestId"],
            format!("{}:authorize:2", booking.payment_id)
        );
    })
    .await;
}

#[tokio::test]
async fn wrong_amount_or_currency_confirms_nothing() {
    for (amount, currency) in [
        ("237.59", "USD"),
        ("1.00", "USD"),
        ("237.61", "USD"),
        ("237.60", "EUR"),
    ] {
        with_database(move |db| async move {
            let booking = ordered_booking(&db).await;
            let service = db.service().await;
            begin_authorization(&service, &booking.order_id, NOW).await;
            let wrong = with(
                authorization(&booking.payment_id, NOW),
                json!({ "p_amount": amount, "p_currency": currency }),
            );
            for _ in 0..2 {
                let result = call(&service, "record_authorization", wrong.clone()).await;
                assert_eq!(
                    (&result["outcome"], &result["captureScheduledAt"]),
                    (&json!("payment_mismatch"), &Value::Null)
                );
            }
            assert_eq!(db.count("bookings", "status = 'pending_payment'").await, 1);
            assert_eq!(
                db.count("security_events", "kind = 'payment_mismatch'")
                    .await,
                1
            );
            assert_eq!(
                begin_authorization(&service, &booking.order_id, "2030-01-10T12:05:00Z").await,
                json!({ "outcome": "order_ended" })
            );
        })
        .await;
    }
}

#[tokio::test]
async fn unavailable_days_are_not_authorized() {
    with_database(|db| async move {
        let booking = ordered_booking(&db).await;
        let service = db.service().await;
        hold(
            &service,
            "plain",
            "2030-01-22",
            "2030-01-26",
            "2030-01-10T12:20:00Z",
        )
        .await;
        assert_eq!(
            begin_authorization(&service, &booking.order_id, "2030-01-10T12:20:00Z").await,
            json!({ "outcome": "dates_unavailable" })
        );
        assert_eq!(
            db.count("payment_operations", "operation = 'authorize'")
                .await,
            0
        );
        // The second hold expires as well, so the first payer can still have the days.
        assert_eq!(
            begin_authorization(&service, &booking.order_id, "2030-01-10T12:40:00Z").await["outcome"],
            "authorize"
        );
    })
    .await;
}

#[tokio::test]
async fn late_authorization_for_taken_days_awaits_void() {
    with_database(|db| async move {
        let booking = ordered_booking(&db).await;
        let service = db.service().await;
        begin_authorization(&service, &booking.order_id, NOW).await;
        let later = "2030-01-10T12:20:00Z";
        hold(&service, "plain", "2030-01-22", "2030-01-26", later).await;
        // PayPal may have authorized the first attempt, so the caller looks. It authorizes nothing.
        let look = begin_authorization(&service, &booking.order_id, later).await;
        assert_eq!(
            (&look["outcome"], &look["refusal"], &look["orderId"]),
            (
                &json!("look"),
                &json!("dates_unavailable"),
                &json!(booking.order_id)
            )
        );
        let late = authorization(&booking.payment_id, later);
        for _ in 0..2 {
            assert_eq!(
                call(&service, "record_authorization", late.clone()).await["outcome"],
                "dates_unavailable"
            );
        }
        let voids = call(
            &service,
            "authorizations_to_void",
            json!({ "p_now": "2030-01-10T12:22:00Z" }),
        )
        .await;
        assert_eq!(
            voids[0]["authorizationId"],
            format!("AUTH-{}", booking.payment_id)
        );
        assert_eq!(voids[0]["reason"], "dates_unavailable");
    })
    .await;
}

#[tokio::test]
async fn expired_hold_with_free_days_is_confirmed() {
    with_database(|db| async move {
        let booking = ordered_booking(&db).await;
        let service = db.service().await;
        begin_authorization(&service, &booking.order_id, NOW).await;
        let later = "2030-01-10T15:00:00Z";
        call(&service, "expire_holds", json!({ "p_now": later })).await;
        assert_eq!(
            call(
                &service,
                "record_authorization",
                authorization(&booking.payment_id, later)
            )
            .await["outcome"],
            "confirmed"
        );
        assert_eq!(
            call(
                &service,
                "create_booking",
                rental("plain", "2030-01-20", "2030-01-24")
            )
            .await["outcome"],
            "dates_unavailable"
        );
    })
    .await;
}

#[tokio::test]
async fn canceled_booking_is_not_confirmed() {
    with_database(|db| async move {
        let booking = ordered_booking(&db).await;
        let service = db.service().await;
        begin_authorization(&service, &booking.order_id, NOW).await;
        db.run("UPDATE bookings SET status = 'cancelled', cancelled_at = now()")
            .await;
        let late = authorization(&booking.payment_id, NOW);
        assert_eq!(
            call(&service, "record_authorization", late.clone()).await["outcome"],
            "booking_not_payable"
        );
        assert_eq!(
            call(&service, "record_authorization", late).await["outcome"],
            "booking_not_payable"
        );
        assert_eq!(
            begin_authorization(&service, &booking.order_id, "2030-01-10T12:05:00Z").await,
            json!({ "outcome": "booking_not_payable" })
        );
    })
    .await;
}
