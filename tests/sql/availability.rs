//! The calendar of a car, and that it never disagrees with booking.

use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::database::{call, try_call, with_database};
use crate::fixtures::{Car, NOW, hold, paid, rental};

async fn ask(service: &Client, car: &str, start: &str, end: &str) -> Value {
    call(service, "get_availability", rental(car, start, end)).await
}

#[tokio::test]
async fn each_day_is_told() {
    with_database(|db| async move {
        let car_id = Car {
            turnaround_days: 2,
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        hold(&service, "plain", "2030-01-19", "2030-01-20", NOW).await;
        let told = ask(&service, "plain", "2030-01-08", "2030-01-24").await;
        let statuses: Vec<_> = told["availability"]
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
            told["availability"][0],
            json!({ "date": "2030-01-08", "available": false, "status": "past" })
        );
        assert_eq!(
            told["availability"][15],
            json!({ "date": "2030-01-23", "available": true, "status": "available" })
        );
        assert_eq!(
            told["summary"],
            json!({ "totalDays": 16, "availableDays": 5, "unavailableDays": 11 })
        );
        assert_eq!(told["reasons"], json!(["in_the_past", "dates_unavailable"]));
        for (field, expected) in [
            ("success", json!(true)),
            ("carId", json!(car_id)),
            ("startDate", json!("2030-01-08")),
            ("endDate", json!("2030-01-24")),
            ("bookable", json!(false)),
            ("quote", Value::Null),
        ] {
            assert_eq!(told[field], expected, "{field}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_bookable_has_a_quote() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let told = ask(&service, "plain", "2030-01-20", "2030-01-24").await;
        assert_eq!(
            (&told["bookable"], &told["reasons"]),
            (&json!(true), &json!([]))
        );
        let booked = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        assert_eq!(told["quote"], booked["price"]);
        assert_eq!(told["quote"]["finalPrice"], "237.60");
        // Every day free, but the turnaround would reach into the next booking.
        let tight = ask(&service, "plain", "2030-01-18", "2030-01-20").await;
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
async fn what_does_not_exist_or_makes_no_range_is_refused() {
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
        for car in ["hidden", "withdrawn", "nobody"] {
            assert_eq!(
                ask(&service, car, "2030-01-20", "2030-01-24").await,
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
            let refused = try_call(&service, "get_availability", rental("plain", start, end))
                .await
                .unwrap_err();
            assert_eq!(
                refused.code(),
                Some(&SqlState::INVALID_PARAMETER_VALUE),
                "{start} {end}"
            );
        }
        assert_eq!(
            ask(&service, "plain", "2030-01-20", "2031-01-21").await["summary"]["totalDays"],
            366
        );
    })
    .await;
}

/// Holds the calendar, the list and booking against each other over every short rental around some bookings.
#[tokio::test]
async fn the_calendar_the_list_and_booking_agree() {
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
        paid(&service, "plain", "2030-01-22", "2030-01-26", NOW).await;
        let mut bookable = 0;
        for car in ["plain", "unpriced"] {
            for start in 8..27 {
                for end in start + 1..start + 6 {
                    let (start, end) = (format!("2030-01-{start:02}"), format!("2030-01-{end:02}"));
                    let told = ask(&service, car, &start, &end).await;
                    let listed = call(
                        &service,
                        "list_cars",
                        json!({ "p_available_from": start, "p_available_to": end, "p_now": NOW }),
                    )
                    .await;
                    // Tried, and undone.
                    service.batch_execute("BEGIN").await.unwrap();
                    let tried = call(&service, "create_booking", rental(car, &start, &end)).await;
                    service.batch_execute("ROLLBACK").await.unwrap();
                    let free = told["bookable"] == true;
                    let outcome = if free {
                        json!("created")
                    } else {
                        told["reasons"][0].clone()
                    };
                    assert_eq!(tried["outcome"], outcome, "{car} {start} {end}: {told}");
                    if car == "plain" {
                        assert_eq!(
                            listed["pagination"]["total"],
                            i32::from(free),
                            "{start} {end}"
                        );
                    }
                    bookable += i32::from(free);
                }
            }
        }
        // Two to four days between the 10th and the 13th, or the 17th and the 21st.
        assert_eq!(bookable, 9);
    })
    .await;
}
