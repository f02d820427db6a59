//! `GET /api/cars/availability`.

use crate::support::{
    checkout,
    client::Client,
    isolation::share_system,
    local_system::{eventually, in_days},
    rental::Rental,
};
use serde_json::{Value, json};

fn statuses(response: &Value) -> Vec<String> {
    response["availability"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| checkout::text(&day["status"]))
        .collect()
}

fn path(car: &str, start: &str, end: &str) -> String {
    format!("/api/cars/availability?carId={car}&startDate={start}&endDate={end}")
}

#[tokio::test]
async fn free_days_exclude_end_and_have_price() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 4).await;
    let response = client.get(&rental.availability_path()).await.expect(200);
    assert_eq!(response["success"], true);
    assert_eq!(response["bookable"], true);
    assert_eq!(response["reasons"], json!([]));
    assert_eq!(statuses(&response), ["available"; 4]);
    assert_eq!(response["availability"][0]["date"], json!(rental.start));
    assert_eq!(response["availability"][0]["available"], true);
    assert_eq!(
        response["summary"],
        json!({"totalDays": 4, "availableDays": 4, "unavailableDays": 0})
    );
    assert_eq!(response["quote"]["rentalDays"], 4);
}

/// Four days of 50.00, fees of 40.00, a discount of 10 %, a tax of 10 %.
#[tokio::test]
async fn test_car_price_matches_example() {
    let _guard = share_system().await;
    let client = Client::new();
    let quote = eventually("the test car is free for 4 days", 10, || async {
        let ahead = 30 + i64::try_from(crate::support::random::random_below(300)).unwrap();
        let path = path(
            "test-car-id",
            &in_days(ahead).await,
            &in_days(ahead + 4).await,
        );
        let response = client.with_new_address().get(&path).await.expect(200);
        (response["bookable"] == true).then(|| response["quote"].clone())
    })
    .await;
    for (member, expected) in [
        ("currency", "USD"),
        ("basePricePerDay", "50.00"),
        ("rentalAmount", "200.00"),
        ("fees", "40.00"),
        ("discountAmount", "24.00"),
        ("taxes", "21.60"),
        ("depositAmount", "500.00"),
        ("finalPrice", "237.60"),
    ] {
        assert_eq!(quote[member], expected, "{member} of {quote}");
    }
}

#[tokio::test]
async fn hold_and_turnaround_days_are_unavailable() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 3).await;
    checkout::create_hold(&client, &rental).await;
    let turnaround = client
        .get(&format!("/api/cars/{}", rental.car))
        .await
        .expect(200)["car"]["turnaroundDays"]
        .as_u64()
        .unwrap();
    let response = client
        .get(&rental.part(-1, 6).availability_path())
        .await
        .expect(200);
    let mut expected = vec!["available", "held", "held", "held"];
    expected.extend((0..turnaround).map(|_| "turnaround"));
    expected.resize(6, "available");
    assert_eq!(statuses(&response), expected, "{rental:?}");
    assert_eq!(response["bookable"], false);
    assert_eq!(response["quote"], Value::Null);
    assert!(
        response["reasons"]
            .as_array()
            .unwrap()
            .contains(&json!("dates_unavailable")),
        "{response}"
    );
}

#[tokio::test]
async fn confirmed_booking_shows_booked_days() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 2).await;
    checkout::pay(&client, &rental, None).await;
    let response = client.get(&rental.availability_path()).await.expect(200);
    assert_eq!(statuses(&response), ["booked"; 2]);
}

#[tokio::test]
async fn booking_invalidates_cached_days() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 3).await;
    let car = client
        .get(&format!("/api/cars/{}", rental.car))
        .await
        .expect(200);
    let by_id = Rental {
        car: checkout::text(&car["car"]["id"]),
        ..rental.clone()
    };
    for alias in [&rental, &by_id] {
        eventually("the days are cached", 5, || async {
            let response = client
                .with_new_address()
                .get(&alias.availability_path())
                .await;
            assert_eq!(response.expect(200)["bookable"], true);
            (response.header("x-cache") == "HIT").then_some(())
        })
        .await;
    }
    checkout::create_hold(&client, &rental).await;
    for alias in [&rental, &by_id] {
        let response = client.get(&alias.availability_path()).await;
        assert_eq!(
            statuses(&response.expect(200)),
            ["held"; 3],
            "by {}",
            alias.car
        );
        assert_eq!(response.header("x-cache"), "MISS");
    }
}

#[tokio::test]
async fn impossible_rental_names_its_reason() {
    let _guard = share_system().await;
    let client = Client::new();
    // The 918 has a minimum of 2 days and a maximum of 7.
    for (car, start, days, reason) in [
        ("123", -3, 2, "in_the_past"),
        ("123", 380, 2, "too_far_ahead"),
        ("porsche-918-spyder", 200, 1, "too_short"),
        ("porsche-918-spyder", 200, 8, "too_long"),
    ] {
        let path = path(car, &in_days(start).await, &in_days(start + days).await);
        let response = client.get(&path).await.expect(200);
        assert_eq!(response["bookable"], false, "{reason}");
        assert_eq!(response["quote"], Value::Null, "{reason}");
        assert!(
            response["reasons"]
                .as_array()
                .unwrap()
                .contains(&json!(reason)),
            "{reason}: {response}"
        );
    }
    let past = client
        .get(&path("123", &in_days(-5).await, &in_days(-3).await))
        .await
        .expect(200);
    assert_eq!(statuses(&past), ["past"; 2]);
}

#[tokio::test]
async fn unknown_and_hidden_cars_have_no_availability() {
    let _guard = share_system().await;
    let client = Client::new();
    let (start, end) = (in_days(40).await, in_days(43).await);
    for car in [
        "nobody",
        "koenigsegg-regera",
        "ferrari-f40",
        "00000000-0000-4000-8000-000000000000",
    ] {
        client
            .get(&path(car, &start, &end))
            .await
            .expect_problem(404, "car_not_found");
    }
}

#[tokio::test]
async fn longest_range_is_366_days() {
    let _guard = share_system().await;
    let client = Client::new();
    let start = in_days(10).await;
    let response = client
        .get(&path("123", &start, &in_days(376).await))
        .await
        .expect(200);
    assert_eq!(response["summary"]["totalDays"], 366);
    client
        .get(&path("123", &start, &in_days(377).await))
        .await
        .expect_invalid_fields(&[("/endDate", "range_too_long")]);
}
