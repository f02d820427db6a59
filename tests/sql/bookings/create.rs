//! Creating a hold, with every refusal of `create_booking`, and reading a booking.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::{Car, NOW, book_and_pay, hold, rental, with},
};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

#[tokio::test]
async fn hold_lasts_fifteen_minutes_at_server_price() {
    with_database(|db| async move {
        let car_id = Car::default().insert(&db).await;
        let service = db.service().await;
        let customer = json!({ "fullName": "Ada O'Brien", "email": "Ada@Example.com", "phone": "+1 555 0100", "role": "admin" });
        let arguments = with(rental("plain", "2030-01-20", "2030-01-24"), json!({ "p_customer": customer, "p_client_price": "237.60" }));
        let result = call(&service, "create_booking", arguments).await;
        assert_eq!(result["outcome"], "created");
        let booking = &result["booking"];
        for (field, expected) in [
            ("status", json!("pending_payment")), ("carId", json!(car_id)), ("carSlug", json!("plain")), ("carName", json!("Car plain")),
            ("startDate", json!("2030-01-20")), ("endDate", json!("2030-01-24")), ("rentalDays", json!(4)),
            ("holdExpiresAt", json!("2030-01-10T12:15:00Z")), ("createdAt", json!(NOW)), ("payment", Value::Null), ("cancelledAt", Value::Null),
            ("customer", json!({ "fullName": "Ada O'Brien", "email": "Ada@Example.com", "phone": "+1 555 0100" })),
        ] {
            assert_eq!(booking[field], expected, "{field}");
        }
        assert_eq!(booking["price"]["finalPrice"], "237.60");
        assert_eq!(booking["price"]["lines"].as_array().unwrap().len(), 4);
        let reference = booking["reference"].as_str().unwrap();
        assert!(reference.len() == 10 && reference.starts_with("EXO-"), "{reference}");
        let at = |now: &str| json!({ "p_booking_id": booking["bookingId"], "p_now": now });
        assert_eq!(call(&service, "get_booking", at("2030-01-10T12:14:59Z")).await, *booking);
        let expired = call(&service, "get_booking", at("2030-01-10T12:15:00Z")).await;
        assert_eq!((&expired["status"], &expired["holdExpiresAt"]), (&json!("expired"), &Value::Null));
        let unknown = json!({ "p_booking_id": "00000000-0000-4000-8000-000000000000" });
        assert_eq!(call(&service, "get_booking", unknown).await, Value::Null);
    })
    .await;
}

/// Stores a car for two to five days, and cars that cannot be rented. Returns the id of the first.
async fn insert_cars(db: &Database) -> String {
    for (slug, status, base_price) in [
        ("hidden", "hidden", Some("50.00")),
        ("withdrawn", "withdrawn", Some("50.00")),
        ("unpriced", "listed", None),
    ] {
        let car = Car {
            slug,
            base_price,
            status,
            ..Car::default()
        };
        car.insert(db).await;
    }
    let car = Car {
        rental_days: (2, 5),
        ..Car::default()
    };
    car.insert(db).await
}

#[tokio::test]
async fn refused_rental_names_reason_and_writes_nothing() {
    with_database(|db| async move {
        let car_id = insert_cars(&db).await;
        let service = db.service().await;
        let before = db.content().await;
        for (car, start, end, outcome) in [
            ("unknown", "2030-01-20", "2030-01-24", "car_not_found"),
            (
                "00000000-0000-4000-8000-000000000000",
                "2030-01-20",
                "2030-01-24",
                "car_not_found",
            ),
            ("' OR true --", "2030-01-20", "2030-01-24", "car_not_found"),
            ("hidden", "2030-01-20", "2030-01-24", "car_not_found"),
            ("withdrawn", "2030-01-20", "2030-01-24", "car_not_found"),
            ("unpriced", "2030-01-20", "2030-01-24", "not_priced"),
            ("plain", "2030-01-09", "2030-01-12", "in_the_past"),
            ("plain", "2031-01-11", "2031-01-14", "too_far_ahead"),
            ("plain", "9999-12-28", "9999-12-31", "too_far_ahead"),
            ("plain", "2030-01-20", "2030-01-21", "too_short"),
            ("plain", "2030-01-20", "2030-01-20", "too_short"),
            ("plain", "2030-01-20", "2030-01-10", "too_short"),
            ("plain", "2030-01-20", "2030-01-26", "too_long"),
            (car_id.as_str(), "2030-01-20", "2070-01-26", "too_long"),
        ] {
            let result = call(&service, "create_booking", rental(car, start, end)).await;
            assert_eq!(result["outcome"], outcome, "{car} {start} {end}");
            if outcome.starts_with("too_") {
                assert_eq!(
                    (&result["minRentalDays"], &result["maxRentalDays"]),
                    (&json!(2), &json!(5))
                );
            }
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn today_and_a_year_ahead_are_bookable() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        for (start, end) in [("2031-01-10", "2031-01-12"), ("2030-01-10", "2030-01-12")] {
            let result = call(&service, "create_booking", rental("plain", start, end)).await;
            assert_eq!(result["outcome"], "created", "{start}");
        }
    })
    .await;
}

#[tokio::test]
async fn wrong_price_records_only_security_event() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let arguments = with(
            rental("plain", "2030-01-20", "2030-01-24"),
            json!({ "p_client_price": "1.00", "p_request_id": "req-7" }),
        );
        let result = call(&db.service().await, "create_booking", arguments).await;
        assert_eq!(
            result,
            json!({ "outcome": "price_mismatch", "serverPrice": "237.60", "currency": "USD" })
        );
        assert_eq!(db.count("bookings", "true").await, 0);
        assert_eq!(db.count("customers", "true").await, 0);
        assert_eq!(
            db.count(
                "security_events",
                "kind = 'price_mismatch' AND request_id = 'req-7'"
            )
            .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn turnaround_applies_on_both_sides() {
    with_database(|db| async move {
        Car {
            turnaround_days: 2,
            ..Car::default()
        }
        .insert(&db)
        .await;
        Car {
            slug: "quick",
            turnaround_days: 0,
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        for (start, end, unavailable) in [
            (
                "2030-01-24",
                "2030-01-27",
                json!(["2030-01-24", "2030-01-25"]),
            ),
            ("2030-01-25", "2030-01-27", json!(["2030-01-25"])),
            ("2030-01-16", "2030-01-19", json!(["2030-01-20"])),
            (
                "2030-01-16",
                "2030-01-20",
                json!(["2030-01-20", "2030-01-21"]),
            ),
        ] {
            let result = call(&service, "create_booking", rental("plain", start, end)).await;
            assert_eq!(
                result,
                json!({ "outcome": "dates_unavailable", "unavailableDates": unavailable }),
                "{start} {end}"
            );
        }
        hold(&service, "plain", "2030-01-26", "2030-01-27", NOW).await;
        hold(&service, "plain", "2030-01-16", "2030-01-18", NOW).await;
        hold(&service, "quick", "2030-01-20", "2030-01-24", NOW).await;
        hold(&service, "quick", "2030-01-24", "2030-01-25", NOW).await;
        hold(&service, "quick", "2030-01-19", "2030-01-20", NOW).await;
    })
    .await;
}

/// The car is prepared after a rental, also when the booking is completed.
#[tokio::test]
async fn completed_rental_keeps_its_turnaround() {
    with_database(|db| async move {
        Car {
            turnaround_days: 2,
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let now = "2030-01-16T08:00:00Z";
        call(&service, "advance_bookings", json!({ "p_now": now })).await;
        assert_eq!(db.count("bookings", "status = 'completed'").await, 1);
        for (start, unavailable) in [
            ("2030-01-16", json!(["2030-01-16", "2030-01-17"])),
            ("2030-01-17", json!(["2030-01-17"])),
        ] {
            let days = with(
                rental("plain", start, "2030-01-20"),
                json!({ "p_now": now }),
            );
            let calendar = call(&service, "get_availability", days.clone()).await;
            assert_eq!(
                (
                    &calendar["bookable"],
                    &calendar["availability"][0]["status"]
                ),
                (&json!(false), &json!("turnaround"))
            );
            let result = call(&service, "create_booking", days).await;
            assert_eq!(
                result,
                json!({ "outcome": "dates_unavailable", "unavailableDates": unavailable })
            );
        }
        hold(&service, "plain", "2030-01-18", "2030-01-20", now).await;
        // No console can rent out the car either.
        let refusal = db
            .refusal(
                "UPDATE bookings SET start_date = '2030-01-17' WHERE status = 'pending_payment'",
            )
            .await;
        assert_eq!(refusal, SqlState::EXCLUSION_VIOLATION);
    })
    .await;
}

#[tokio::test]
async fn day_starts_in_car_time_zone() {
    with_database(|db| async move {
        Car {
            slug: "tokyo",
            time_zone: "Asia/Tokyo",
            ..Car::default()
        }
        .insert(&db)
        .await;
        Car {
            slug: "honolulu",
            time_zone: "Pacific/Honolulu",
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        let outcome = async |car: &str, start: &str, now: &str| {
            let arguments = with(rental(car, start, "2030-01-14"), json!({ "p_now": now }));
            call(&service, "create_booking", arguments).await["outcome"].clone()
        };
        // 15:00 UTC is midnight in Tokyo.
        assert_eq!(
            outcome("tokyo", "2030-01-10", "2030-01-10T15:00:00Z").await,
            "in_the_past"
        );
        assert_eq!(
            outcome("tokyo", "2030-01-10", "2030-01-10T14:59:59Z").await,
            "created"
        );
        // 10:00 UTC is midnight in Honolulu.
        assert_eq!(
            outcome("honolulu", "2030-01-10", "2030-01-11T10:00:00Z").await,
            "in_the_past"
        );
        assert_eq!(
            outcome("honolulu", "2030-01-10", "2030-01-11T09:59:59Z").await,
            "created"
        );
    })
    .await;
}
