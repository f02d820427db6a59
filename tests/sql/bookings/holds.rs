//! Finding a hold again by key or reference, and expiring it.

use crate::support::{
    database::{call, with_database},
    fixtures::{Car, NOW, book_and_pay, hold, order, rental, with},
};
use serde_json::json;

#[tokio::test]
async fn idempotency_key_names_one_booking() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        Car { slug: "other", ..Car::default() }.insert(&db).await;
        let service = db.service().await;
        let keyed = |car: &str, key: char, request: char| {
            with(rental(car, "2030-01-20", "2030-01-24"), json!({ "p_idempotency_key_hash": key.to_string().repeat(64), "p_request_hash": request.to_string().repeat(64) }))
        };
        let first = call(&service, "create_booking", keyed("plain", 'a', '1')).await;
        assert_eq!(first["outcome"], "created");
        let again = call(&service, "create_booking", keyed("plain", 'a', '1')).await;
        assert_eq!((&again["outcome"], &again["booking"]), (&json!("replayed"), &first["booking"]));
        assert_eq!(call(&service, "create_booking", keyed("other", 'a', '2')).await, json!({ "outcome": "idempotency_key_reused" }));
        assert_eq!(call(&service, "create_booking", keyed("plain", 'b', '1')).await["outcome"], "dates_unavailable");
        db.run("UPDATE cars SET status = 'hidden'; UPDATE car_pricing SET base_price_per_day = 99").await;
        let later = with(keyed("plain", 'a', '1'), json!({ "p_now": "2030-01-12T12:00:00Z" }));
        let later = call(&service, "create_booking", later).await;
        assert_eq!((&later["outcome"], &later["booking"]["status"]), (&json!("replayed"), &json!("expired")));
        assert_eq!(db.count("bookings", "true").await, 1);
    })
    .await;
}

#[tokio::test]
async fn shop_reference_names_one_live_booking() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        Car {
            slug: "other",
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        let create = async |car: &str, start: &str, now: &str| {
            let arguments = with(
                rental(car, start, "2030-01-24"),
                json!({ "p_shop_reference": "test-123", "p_now": now }),
            );
            call(&service, "create_booking", arguments).await
        };
        let first = create("plain", "2030-01-20", NOW).await;
        assert_eq!(first["outcome"], "created");
        let again = create("plain", "2030-01-20", NOW).await;
        assert_eq!(
            (&again["outcome"], &again["booking"]["bookingId"]),
            (&json!("replayed"), &first["booking"]["bookingId"])
        );
        assert_eq!(
            create("plain", "2030-01-21", NOW).await["outcome"],
            "booking_mismatch"
        );
        assert_eq!(
            create("other", "2030-01-20", NOW).await["outcome"],
            "booking_mismatch"
        );
        // The hold expired: the same rental can still be paid, another one is a new booking.
        assert_eq!(
            create("plain", "2030-01-20", "2030-01-10T12:59:59Z").await["outcome"],
            "replayed"
        );
        let other = create("other", "2030-01-20", "2030-01-10T12:30:00Z").await;
        assert_eq!(other["outcome"], "created");
        assert_eq!(
            create("plain", "2030-01-20", "2030-01-10T12:30:00Z").await["outcome"],
            "booking_mismatch"
        );
        // An hour after its creation the hold cannot be paid, so the reference is free again.
        assert_eq!(
            create("plain", "2030-01-20", "2030-01-10T12:59:59Z").await["outcome"],
            "replayed"
        );
        assert_eq!(
            create("plain", "2030-01-20", "2030-01-10T13:00:00Z").await["outcome"],
            "created"
        );
    })
    .await;
}

#[tokio::test]
async fn expired_hold_frees_its_days() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let first = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        assert_eq!(call(&service, "create_booking", rental("plain", "2030-01-22", "2030-01-26")).await["outcome"], "dates_unavailable");
        hold(&service, "plain", "2030-01-22", "2030-01-26", "2030-01-10T12:15:00Z").await;
        let id = first["bookingId"].as_str().unwrap();
        assert_eq!(db.count("bookings", &format!("id = '{id}' AND status = 'expired'")).await, 1);
        assert_eq!(db.count("booking_events", &format!("booking_id = '{id}' AND from_status = 'pending_payment' AND to_status = 'expired'")).await, 1);
    })
    .await;
}

#[tokio::test]
async fn expire_holds_expires_only_overdue_holds() {
    with_database(|db| async move {
        let car_id = Car::default().insert(&db).await;
        let service = db.service().await;
        hold(&service, "plain", "2030-01-20", "2030-01-21", NOW).await;
        hold(&service, "plain", "2030-01-23", "2030-01-24", NOW).await;
        hold(&service, "plain", "2030-01-26", "2030-01-27", "2030-01-10T12:10:00Z").await;
        book_and_pay(&service, "plain", "2030-02-01", "2030-02-05", NOW).await;
        let expire = async |limit: u32, now: &str| call(&service, "expire_holds", json!({ "p_limit": limit, "p_now": now })).await;
        assert_eq!(expire(10, "2030-01-10T12:14:59Z").await, json!({ "outcome": "expired", "count": 0, "cars": [] }));
        let one = json!({ "outcome": "expired", "count": 1, "cars": [{ "id": car_id, "slug": "plain" }] });
        assert_eq!(expire(1, "2030-01-10T12:15:00Z").await, one);
        assert_eq!(expire(10, "2030-01-10T12:15:00Z").await, one);
        assert_eq!(db.count("bookings", "status = 'pending_payment'").await, 1);
        assert_eq!(db.count("bookings", "status = 'upcoming'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn shared_email_keeps_customer_details_separate() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let book = async |start: &str, end: &str, name: &str, email: &str, phone: &str| {
            let customer = json!({ "fullName": name, "email": email, "phone": phone });
            call(
                &service,
                "create_booking",
                with(
                    rental("plain", start, end),
                    json!({ "p_customer": customer }),
                ),
            )
            .await["booking"]
                .clone()
        };
        let first = book(
            "2030-01-20",
            "2030-01-21",
            "Ada",
            "ada@example.com",
            "+1 555 0100",
        )
        .await;
        let second = book("2030-01-25", "2030-01-26", "Mallory", "ADA@example.com", "").await;
        assert_eq!(
            second["customer"],
            json!({ "fullName": "Mallory", "email": "ADA@example.com", "phone": null })
        );
        let details = call(
            &service,
            "get_booking",
            json!({ "p_booking_id": first["bookingId"], "p_now": NOW }),
        )
        .await;
        assert_eq!(
            details["customer"],
            json!({ "fullName": "Ada", "email": "ada@example.com", "phone": "+1 555 0100" })
        );
        assert_eq!(db.count("customers", "email = 'ada@example.com'").await, 1);
        order(&service, &first, NOW).await;
    })
    .await;
}
