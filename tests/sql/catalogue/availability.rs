//! The calendar of a car, which always agrees with booking.

use crate::support::{
    database::{call, try_call, with_database},
    fixtures::{Car, NOW, book_and_pay, hold, rental},
};
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

async fn availability(service: &Client, car: &str, start: &str, end: &str) -> Value {
    call(service, "get_availability", rental(car, start, end)).await
}

#[tokio::test]
async fn calendar_shows_status_of_each_day() {
    with_database(|db| async move {
        let car_id = Car {
            turnaround_days: 2,
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        hold(&service, "plain", "2030-01-19", "2030-01-20", NOW).await;
        let calendar = availability(&service, "plain", "2030-01-08", "2030-01-24").await;
        let statuses: Vec<_> = calendar["availability"]
            .as_array()
            .unwrap()
            .iter()
            .map(|day| day["status"].as_str().unwrap())
            .collect();
        assert_eq!(
            statuses,
            [
                "past",
                "past",
                "available",
                "available",
                "booked",
                "booked",
                "booked",
                "booked",
                "turnaround",
                "turnaround",
                "available",
                "held",
                "turnaround",
                "turnaround",
                "available",
                "available",
            ]
        );
        assert_eq!(
            calendar["availability"][0],
            json!({ "date": "2030-01-08", "available": false, "status": "past" })
        );
        assert_eq!(
            calendar["availability"][15],
            json!({ "date": "2030-01-23", "available": true, "status": "available" })
        );
        assert_eq!(
            calendar["summary"],
            json!({ "totalDays": 16, "availableDays": 5, "unavailableDays": 11 })
        );
        assert_eq!(
            calendar["reasons"],
            json!(["in_the_past", "dates_unavailable"])
        );
        for (field, expected) in [
            ("success", json!(true)),
            ("carId", json!(car_id)),
            ("startDate", json!("2030-01-08")),
            ("endDate", json!("2030-01-24")),
            ("bookable", json!(false)),
            ("quote", Value::Null),
        ] {
            assert_eq!(calendar[field], expected, "{field}");
        }
    })
    .await;
}

#[tokio::test]
async fn bookable_range_has_quote() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let calendar = availability(&service, "plain", "2030-01-20", "2030-01-24").await;
        assert_eq!(
            (&calendar["bookable"], &calendar["reasons"]),
            (&json!(true), &json!([]))
        );
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        assert_eq!(calendar["quote"], booking["price"]);
        assert_eq!(calendar["quote"]["finalPrice"], "237.60");
        // Every day is free, but the turnaround would overlap the next booking.
        let tight = availability(&service, "plain", "2030-01-18", "2030-01-20").await;
        assert_eq!(
            (
                &tight["bookable"],
                &tight["reasons"],
                &tight["summary"]["availableDays"]
            ),
            (&json!(false), &json!(["dates_unavailable"]), &json!(2))
        );
    })
    .await;
}

#[tokio::test]
async fn unknown_car_or_invalid_range_is_refused() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        Car {
            slug: "hidden",
            status: "hidden",
            ..Car::default()
        }
        .insert(&db)
        .await;
        Car {
            slug: "withdrawn",
            status: "withdrawn",
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        for car in ["hidden", "withdrawn", "unknown"] {
            assert_eq!(
                availability(&service, car, "2030-01-20", "2030-01-24").await,
                Value::Null,
                "{car}"
            );
        }
        for (start, end) in [
            ("2030-01-20", "2030-01-20"),
            ("2030-01-20", "2030-01-19"),
            ("2030-01-20", "2031-01-22"),
            ("2030-01-20", "9999-12-31"),
        ] {
            let error = try_call(&service, "get_availability", rental("plain", start, end))
                .await
                .unwrap_err();
            assert_eq!(
                error.code(),
                Some(&SqlState::INVALID_PARAMETER_VALUE),
                "{start} {end}"
            );
        }
        assert_eq!(
            availability(&service, "plain", "2030-01-20", "2031-01-21").await["summary"]["totalDays"],
            366
        );
    })
    .await;
}

/// Compares the calendar, the list and booking for every short rental around two bookings.
#[tokio::test]
async fn calendar_list_and_booking_agree() {
    with_database(|db| async move {
        Car {
            rental_days: (2, 4),
            ..Car::default()
        }
        .insert(&db)
        .await;
        Car {
            slug: "unpriced",
            base_price: None,
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        hold(&service, "plain", "2030-01-14", "2030-01-16", NOW).await;
        book_and_pay(&service, "plain", "2030-01-22", "2030-01-26", NOW).await;
        let mut bookable_count = 0;
        for car in ["plain", "unpriced"] {
            for start in 8..27 {
                for end in start + 1..start + 6 {
                    let (start, end) = (format!("2030-01-{start:02}"), format!("2030-01-{end:02}"));
                    let calendar = availability(&service, car, &start, &end).await;
                    let list = call(
                        &service,
                        "list_cars",
                        json!({ "p_available_from": start, "p_available_to": end, "p_now": NOW }),
                    )
                    .await;
                    // The booking is tried and rolled back.
                    service.batch_execute("BEGIN").await.unwrap();
                    let attempt = call(&service, "create_booking", rental(car, &start, &end)).await;
                    service.batch_execute("ROLLBACK").await.unwrap();
                    let is_bookable = calendar["bookable"] == true;
                    let outcome = if is_bookable {
                        json!("created")
                    } else {
                        calendar["reasons"][0].clone()
                    };
                    assert_eq!(
                        attempt["outcome"], outcome,
                        "{car} {start} {end}: {calendar}"
                    );
                    if car == "plain" {
                        assert_eq!(
                            list["pagination"]["total"],
                            i32::from(is_bookable),
                            "{start} {end}"
                        );
                    }
                    bookable_count += i32::from(is_bookable);
                }
            }
        }
        // Two to four days between the 10th and the 13th, or between the 17th and the 21st.
        assert_eq!(bookable_count, 9);
    })
    .await;
}
