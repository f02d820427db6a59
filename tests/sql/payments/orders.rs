//! From a hold to a PayPal order: `open_payment` and `record_paypal_order`.

use crate::support::{
    database::{call, try_call, with_database},
    fixtures::{Car, NOW, book_and_pay, hold, order, payment_of, with},
};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

#[tokio::test]
async fn order_is_created_once_and_replayed() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let payment = call(&service, "open_payment", payment_of(&booking, NOW)).await;
        let payment_id = payment["paymentId"].as_str().unwrap().to_owned();
        let expected = json!({
            "outcome": "create_order", "paymentId": payment_id, "bookingId": booking["bookingId"], "reference": booking["reference"],
            "carName": "Car plain", "carId": booking["carId"], "carSlug": "plain", "amount": "237.60", "currency": "USD",
            "requestId": format!("{payment_id}:order:1"), "resumed": false, "orderId": null, "approveUrl": null,
        });
        assert_eq!(payment, expected);
        // The response was lost. The id stays the same, so PayPal returns the same order.
        assert_eq!(call(&service, "open_payment", payment_of(&booking, NOW)).await, with(expected.clone(), json!({ "resumed": true })));
        let record = |order: &str| json!({ "p_payment_id": payment_id, "p_request_id": format!("{payment_id}:order:1"), "p_order_id": order, "p_approve_url": "https://paypal.test/1", "p_now": NOW });
        assert_eq!(call(&service, "record_paypal_order", record("ORDER-1")).await, json!({ "outcome": "recorded" }));
        assert_eq!(call(&service, "record_paypal_order", record("ORDER-1")).await, json!({ "outcome": "replayed" }));
        assert_eq!(call(&service, "record_paypal_order", record("ORDER-2")).await, json!({ "outcome": "replayed" }));
        let existing = call(&service, "open_payment", payment_of(&booking, "2030-01-10T12:10:00Z")).await;
        assert_eq!(existing, with(expected, json!({ "outcome": "order_exists", "requestId": null, "orderId": "ORDER-1", "approveUrl": "https://paypal.test/1" })));
        let wrong_id = try_call(&service, "record_paypal_order", with(record("ORDER-3"), json!({ "p_request_id": "made-up" }))).await;
        assert_eq!(wrong_id.unwrap_err().code(), Some(&SqlState::NO_DATA_FOUND));
    })
    .await;
}

#[tokio::test]
async fn old_order_is_replaced() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let first = order(&service, &booking, NOW).await;
        let open = async |now: &str| call(&service, "open_payment", payment_of(&booking, now)).await;
        // PayPal says that the payer has approved, so the hold lives on.
        let approved = async |now: &str| {
            let arguments = json!({ "p_order_id": first.order_id, "p_seen": "approved", "p_now": now });
            let claim = call(&service, "begin_authorization", arguments).await;
            assert_eq!(claim["outcome"], "authorize", "{claim}");
            let failure = json!({ "p_payment_id": first.payment_id, "p_request_id": claim["requestId"], "p_error_code": "INSTRUMENT_DECLINED", "p_kind": "declined", "p_now": now });
            call(&service, "record_payment_failure", failure).await;
        };
        approved("2030-01-10T14:50:00Z").await;
        assert_eq!(open("2030-01-10T14:59:59Z").await["outcome"], "order_exists");
        let payment = open("2030-01-10T15:00:00Z").await;
        assert_eq!(
            (&payment["outcome"], &payment["requestId"]),
            (&json!("create_order"), &json!(format!("{}:order:2", first.payment_id)))
        );
        approved("2030-01-10T18:59:00Z").await;
        // PayPal has nearly forgotten the id and no order was recorded, so the next call has a new
        // id.
        db.run("UPDATE payment_operations SET started_at = started_at - interval '2 hours' WHERE operation = 'order' AND status = 'open'").await;
        assert_eq!(open("2030-01-10T18:59:30Z").await["requestId"], format!("{}:order:3", first.payment_id));
    })
    .await;
}

#[tokio::test]
async fn paying_extends_hold_up_to_limit() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        for (now, until) in [
            ("2030-01-10T12:10:00Z", "2030-01-10T12:25:00Z"),
            ("2030-01-10T12:24:00Z", "2030-01-10T12:39:00Z"),
            // The hold expired and its days are still free, so it is revived.
            ("2030-01-10T12:45:00Z", "2030-01-10T13:00:00Z"),
            ("2030-01-10T12:59:59Z", "2030-01-10T13:00:00Z"),
        ] {
            call(&service, "open_payment", payment_of(&booking, now)).await;
            let details = call(
                &service,
                "get_booking",
                json!({ "p_booking_id": booking["bookingId"], "p_now": now }),
            )
            .await;
            assert_eq!(details["holdExpiresAt"], until, "at {now}");
        }
        for now in ["2030-01-10T13:00:00Z", "2030-01-11T11:59:59Z"] {
            assert_eq!(
                call(&service, "open_payment", payment_of(&booking, now)).await,
                json!({ "outcome": "hold_expired" })
            );
        }
        call(
            &service,
            "expire_holds",
            json!({ "p_now": "2030-01-10T13:00:00Z" }),
        )
        .await;
        let last = payment_of(&booking, "2030-01-10T13:00:00Z");
        assert_eq!(
            call(&service, "open_payment", last).await,
            json!({ "outcome": "hold_expired" })
        );
        // Somebody else has the days, which is the better reason.
        hold(
            &service,
            "plain",
            "2030-01-23",
            "2030-01-25",
            "2030-01-10T13:00:00Z",
        )
        .await;
        let last = payment_of(&booking, "2030-01-10T13:00:01Z");
        assert_eq!(
            call(&service, "open_payment", last).await,
            json!({ "outcome": "dates_unavailable" })
        );
    })
    .await;
}

#[tokio::test]
async fn expired_hold_revives_only_with_free_days() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let later = "2030-01-10T12:16:00Z";
        call(&service, "expire_holds", json!({ "p_now": later })).await;
        assert_eq!(
            call(&service, "open_payment", payment_of(&booking, later)).await["outcome"],
            "create_order"
        );
        assert_eq!(db.count("bookings", "status = 'pending_payment'").await, 1);

        let much_later = "2030-01-10T12:35:00Z";
        let winner = hold(&service, "plain", "2030-01-23", "2030-01-25", much_later).await;
        assert_eq!(
            call(&service, "open_payment", payment_of(&booking, much_later)).await,
            json!({ "outcome": "dates_unavailable" })
        );
        // The winner did not pay either, and its expired hold does not block the days.
        let last = "2030-01-10T12:55:00Z";
        assert_eq!(
            call(&service, "open_payment", payment_of(&booking, last)).await["outcome"],
            "create_order"
        );
        assert_eq!(
            call(&service, "open_payment", payment_of(&winner, last)).await,
            json!({ "outcome": "dates_unavailable" })
        );
    })
    .await;
}

#[tokio::test]
async fn unpayable_booking_names_reason() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let other = Car { slug: "other", ..Car::default() }.insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let open = async |more: Value| call(&service, "open_payment", with(payment_of(&booking, NOW), more)).await["outcome"].clone();
        assert_eq!(open(json!({ "p_booking_id": "00000000-0000-4000-8000-000000000000" })).await, "booking_not_found");
        for mismatch in [json!({ "p_car": "other" }), json!({ "p_car": other }), json!({ "p_car": "unknown" }), json!({ "p_start_date": "2030-01-21" }), json!({ "p_end_date": "2030-01-23" }), json!({ "p_car": null })] {
            assert_eq!(open(mismatch.clone()).await, "booking_mismatch", "{mismatch}");
        }
        assert_eq!(open(json!({ "p_now": "2030-01-21T00:00:00Z" })).await, "booking_not_payable", "the rental has begun");
        assert_eq!(open(json!({ "p_now": "2030-01-11T13:00:00Z" })).await, "hold_expired", "the price is a day old");
        assert_eq!(db.count("payments", "true").await, 0);
        db.run("UPDATE cars SET status = 'withdrawn' WHERE slug = 'plain'").await;
        assert_eq!(open(json!({})).await, "booking_not_payable");
        db.run("UPDATE cars SET status = 'listed'; UPDATE bookings SET status = 'cancelled', cancelled_at = now()").await;
        assert_eq!(open(json!({})).await, "booking_not_payable");

        let paid_booking = book_and_pay(&service, "other", "2030-01-20", "2030-01-24", NOW).await;
        let details = call(&service, "get_booking", json!({ "p_booking_id": paid_booking.booking_id, "p_now": NOW })).await;
        assert_eq!(call(&service, "open_payment", payment_of(&details, NOW)).await, json!({ "outcome": "already_paid" }));
        db.run("UPDATE bookings SET status = 'completed' WHERE status = 'upcoming'").await;
        assert_eq!(call(&service, "open_payment", payment_of(&details, NOW)).await, json!({ "outcome": "already_paid" }));
    })
    .await;
}
