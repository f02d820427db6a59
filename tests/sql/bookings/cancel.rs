//! Cancellations: their conditions, the refund, and the audit entry.

use crate::support::{
    cancellation::{by_customer, by_operator, cancel, refund_terms},
    capture::{capture_payment, claim},
    concurrency::{call_concurrently, outcome_counts},
    database::{call, with_database},
    fixtures::{Car, NOW, OrderedBooking, UNKNOWN_ID, book_and_pay, hold, order, rental, with},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// A paid booking from the 20th to the 24th.
async fn upcoming_booking(client: &Client) -> OrderedBooking {
    book_and_pay(client, "plain", "2030-01-20", "2030-01-24", NOW).await
}

#[tokio::test]
async fn canceled_hold_frees_its_days() {
    with_database(|db| async move {
        let car_id = Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let id = booking["bookingId"].as_str().unwrap();
        let arguments = with(by_customer(id, "2030-01-10T12:01:00Z"), json!({ "p_reason": "other plans" }));
        let result = cancel(&service, arguments).await;
        assert_eq!(result, json!({
            "outcome": "cancelled", "bookingId": id, "reference": booking["reference"], "carId": car_id, "carSlug": "plain",
            "percent": 100, "amount": "0.00", "currency": "USD", "refundStatus": "none", "failureCode": null, "settlement": "none", "settlements": [],
            "paymentId": null, "authorizationId": null, "refundId": null,
        }));
        let row = "status = 'cancelled' AND cancelled_at = '2030-01-10T12:01:00Z' AND cancelled_by = 'customer' \
                       AND cancellation_reason = 'other plans' AND refund_percent = 100";
        assert_eq!(db.count("bookings", row).await, 1);
        let event = "from_status = 'pending_payment' AND to_status = 'cancelled' AND occurred_at = '2030-01-10T12:01:00Z'";
        assert_eq!(db.count("booking_events", event).await, 1);
        let entry = db.value("SELECT to_jsonb(a) - 'id' FROM audit_log AS a WHERE action = 'booking.cancelled'").await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&entry).unwrap(), json!({
            "occurred_at": "2030-01-10T12:01:00+00:00", "actor": "customer", "action": "booking.cancelled", "subject_type": "booking",
            "subject_id": id, "request_id": "req-1",
            "detail": { "percent": 100, "settlement": "none", "amount": "0.00", "reason": "other plans" },
        }));
        let rebooking = call(&service, "create_booking", rental("plain", "2030-01-20", "2030-01-24")).await;
        assert_eq!(rebooking["outcome"], "created");
    })
    .await;
}

#[tokio::test]
async fn expired_hold_can_be_canceled() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let later = "2030-01-10T13:00:00Z";
        let unpaid_booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let payment = order(&service, &unpaid_booking, NOW).await;
        let result = cancel(&service, by_customer(&payment.booking_id, later)).await;
        assert_eq!(refund_terms(&result), "100 0.00 none none");
        assert_eq!(result["paymentId"], payment.payment_id);

        let expired_booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        call(&service, "expire_holds", json!({ "p_now": later })).await;
        let id = expired_booking["bookingId"].as_str().unwrap();
        let result = cancel(&service, by_customer(id, "2030-01-25T00:00:00Z")).await;
        assert_eq!(result["outcome"], "cancelled");
        assert_eq!(refund_terms(&result), "100 0.00 none none");
        assert_eq!(db.count("bookings", "status = 'cancelled'").await, 2);
    })
    .await;
}

#[tokio::test]
async fn refused_cancellation_changes_nothing() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let first_day = "2030-01-20T12:00:00Z";
        let active = upcoming_booking(&service).await;
        let completed = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        call(&service, "advance_bookings", json!({ "p_now": first_day })).await;
        let before = db.content().await;
        for (arguments, outcome) in [
            (by_operator(UNKNOWN_ID, first_day), "booking_not_found"),
            (
                by_customer(&active.booking_id, first_day),
                "booking_not_cancellable",
            ),
            (
                by_customer(&completed.booking_id, first_day),
                "booking_not_cancellable",
            ),
            (
                by_operator(&completed.booking_id, first_day),
                "booking_completed",
            ),
        ] {
            assert_eq!(
                cancel(&service, arguments).await,
                json!({ "outcome": outcome }),
                "only an outcome"
            );
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn refund_percent_follows_car_local_day() {
    // The offsets in January.
    for (time_zone, offset) in [
        ("UTC", "Z"),
        ("Pacific/Auckland", "+13"),
        ("America/Los_Angeles", "-08"),
    ] {
        with_database(move |db| async move {
            Car {
                time_zone,
                ..Car::default()
            }
            .insert(&db)
            .await;
            let service = db.service().await;
            for (now, expected) in [
                ("2030-01-13T23:59:59", "100 237.60 pending void"),
                ("2030-01-14T00:00:00", "50 118.80 pending capture"),
                ("2030-01-18T23:59:59", "50 118.80 pending capture"),
                ("2030-01-19T00:00:00", "0 0.00 none capture"),
                ("2030-01-19T23:59:59", "0 0.00 none capture"),
            ] {
                let booking = upcoming_booking(&service).await;
                let result = cancel(
                    &service,
                    by_customer(&booking.booking_id, &format!("{now}{offset}")),
                )
                .await;
                assert_eq!(refund_terms(&result), expected, "{now} in {time_zone}");
            }
            let booking = upcoming_booking(&service).await;
            let first_day = format!("2030-01-20T00:00:00{offset}");
            let result = cancel(&service, by_customer(&booking.booking_id, &first_day)).await;
            assert_eq!(result, json!({ "outcome": "booking_not_cancellable" }));
        })
        .await;
    }
}

#[tokio::test]
async fn custom_cancellation_rules_round_to_cents() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        db.run("DELETE FROM cancellation_rules; INSERT INTO cancellation_rules VALUES (10, 33), (3, 1)").await;
        // 33 % of 237.60 is 78.408, 1 % is 2.376.
        for (now, expected, kept) in [
            (NOW, "33 78.41 pending capture", "159.19"),
            ("2030-01-11T00:00:00Z", "1 2.38 pending capture", "235.22"),
            ("2030-01-18T00:00:00Z", "0 0.00 none capture", "237.60"),
        ] {
            let booking = upcoming_booking(&service).await;
            assert_eq!(refund_terms(&cancel(&service, by_customer(&booking.booking_id, now)).await), expected);
            let payment = format!("id = '{}' AND capture_amount = {kept} AND void_reason IS NULL", booking.payment_id);
            assert_eq!(db.count("payments", &payment).await, 1, "{now}");
        }
    })
    .await;
}

#[tokio::test]
async fn operator_cancellation_always_refunds_all() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let near = upcoming_booking(&service).await;
        let result = cancel(&service, by_operator(&near.booking_id, "2030-01-19T23:59:59Z")).await;
        assert_eq!(refund_terms(&result), "100 237.60 pending void");
        let second_day = "2030-01-21T00:00:00Z";
        let active = upcoming_booking(&service).await;
        call(&service, "advance_bookings", json!({ "p_now": second_day })).await;
        let result = cancel(&service, by_operator(&active.booking_id, second_day)).await;
        assert_eq!(refund_terms(&result), "100 237.60 pending void");
        let event = "from_status = 'active' AND to_status = 'cancelled' AND occurred_at = '2030-01-21T00:00:00Z'";
        assert_eq!(db.count("booking_events", event).await, 1);
    })
    .await;
}

#[tokio::test]
async fn void_only_needs_uncaptured_payment() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let void_only =
            |booking_id: &str| with(by_operator(booking_id, NOW), json!({ "p_void_only": true }));
        let captured = upcoming_booking(&service).await;
        capture_payment(&service, &captured, NOW).await;
        let before = db.content().await;
        assert_eq!(
            cancel(&service, void_only(&captured.booking_id)).await,
            json!({ "outcome": "already_captured" })
        );
        assert_eq!(db.content().await, before);

        let authorized = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let result = cancel(&service, void_only(&authorized.booking_id)).await;
        assert_eq!(refund_terms(&result), "100 237.60 pending void");
        assert_eq!(
            result["authorizationId"],
            format!("AUTH-{}", authorized.payment_id)
        );
        // A payment that is being captured is neither authorized nor captured.
        let claimed = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        claim(&service, 1, "2030-01-11T10:00:00Z").await;
        assert_eq!(
            cancel(&service, void_only(&claimed.booking_id)).await,
            json!({ "outcome": "payment_in_progress", "paymentId": claimed.payment_id })
        );
    })
    .await;
}

#[tokio::test]
async fn repeated_cancellation_returns_first_result() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = upcoming_booking(&service).await;
        let first = cancel(
            &service,
            by_customer(&booking.booking_id, "2030-01-15T00:00:00Z"),
        )
        .await;
        assert_eq!(first["outcome"], "cancelled");
        let before = db.content().await;
        let expected = with(first, json!({ "outcome": "already_cancelled" }));
        for again in [
            by_customer(&booking.booking_id, "2030-01-15T00:00:00Z"),
            by_customer(&booking.booking_id, "2030-02-15T00:00:00Z"),
            with(
                by_operator(&booking.booking_id, "2030-01-16T00:00:00Z"),
                json!({ "p_void_only": true, "p_reason": "again" }),
            ),
        ] {
            assert_eq!(cancel(&service, again).await, expected);
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn concurrent_cancellations_cancel_once() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = upcoming_booking(&service).await;
        capture_payment(&service, &booking, NOW).await;
        let calls = (0..10)
            .map(|_| by_customer(&booking.booking_id, "2030-01-15T00:00:00Z"))
            .collect();
        assert_eq!(
            call_concurrently(&db, "cancel_booking", calls).await,
            outcome_counts([("already_cancelled", 9), ("cancelled", 1)])
        );
        assert_eq!(
            db.count("audit_log", "action = 'booking.cancelled'").await,
            1
        );
        assert_eq!(db.count("refunds", "amount = 118.80").await, 1);
        assert_eq!(db.count("refunds", "true").await, 1);
    })
    .await;
}
