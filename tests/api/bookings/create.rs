//! `POST /api/bookings`.

use crate::support::{
    checkout::{self, request_hold, request_hold_with_key},
    client::{Client, Response},
    database::Database,
    environment::{new_uuid, variable},
    isolation::share_system,
    local_system::{self, in_days},
    rental::Rental,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

#[tokio::test]
async fn hold_lasts_15_minutes_at_quoted_price() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 4).await;
    let quote = rental.quote(&client).await;
    let clock_before = local_system::now().await;
    let response = request_hold(&client, &rental).await;
    let clock_after = local_system::now().await;
    let booking = response.expect(201);
    assert_eq!(booking["success"], true);
    assert_eq!(booking["status"], "pending_payment");
    assert_eq!(booking["price"], quote);
    // `holdExpiresAt` is truncated to whole seconds.
    let expires_at: Timestamp = checkout::text(&booking["holdExpiresAt"]).parse().unwrap();
    let held_at = expires_at - SignedDuration::from_mins(15);
    assert!(
        (clock_before.as_second()..=clock_after.as_second()).contains(&held_at.as_second()),
        "{clock_before} {held_at} {clock_after}"
    );
    assert!(checkout::text(&booking["reference"]).starts_with("EXO-"));

    let id = checkout::text(&booking["bookingId"]);
    assert_eq!(response.header("location"), format!("/api/bookings/{id}"));
    let token = checkout::text(&booking["bookingToken"]);
    let url = checkout::text(&booking["bookingUrl"]);
    assert!(
        url.ends_with(&format!("/api/bookings/{id}?token={token}")),
        "{url}"
    );
}

#[tokio::test]
async fn customer_is_stored_with_booking() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 2).await;
    let email = format!("zoë-{}@exämple.com", new_uuid());
    let mut body = rental.body();
    body["customer"] =
        json!({"fullName": "  Zoë O'Brien-Νίκος ", "email": email, "phone": "+1 (305) 555-0100"});
    let response = client.post("/api/bookings", &body).await.expect(201);
    let path = format!("/api/bookings/{}", checkout::text(&response["bookingId"]));
    let booking = client
        .get_as(&checkout::text(&response["bookingToken"]), &path)
        .await
        .expect(200);
    assert_eq!(
        booking["booking"]["customer"],
        json!({"fullName": "Zoë O'Brien-Νίκος", "email": email, "phone": "+1 (305) 555-0100"})
    );
    let customers = "SELECT count(*) FROM customers WHERE email = $1";
    assert_eq!(Database::open().await.number(customers, &[&email]).await, 1);
}

async fn turnaround_days(client: &Client, car: &str) -> i64 {
    let car = client
        .with_new_address()
        .get(&format!("/api/cars/{car}"))
        .await
        .expect(200);
    car["car"]["turnaroundDays"].as_i64().unwrap()
}

#[tokio::test]
async fn conflict_names_unavailable_days() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 5).await;
    let booked = rental.part(1, 3);
    checkout::create_hold(&client, &booked).await;
    let problem = request_hold(&client, &booked)
        .await
        .expect_problem(409, "dates_unavailable");
    assert_eq!(problem["retryable"], false);
    // The turnaround after the return conflicts as well.
    let turnaround = turnaround_days(&client, &booked.car).await;
    let blocked_days: Vec<_> = (0..3 + turnaround)
        .map(|day| booked.part(day, 1).start)
        .collect();
    assert_eq!(problem["unavailableDates"], json!(blocked_days));
    // Overlaps at the start, overlaps at the end, lies inside, lies around.
    for part in [
        rental.part(0, 2),
        rental.part(3, 2),
        rental.part(1, 2),
        rental,
    ] {
        request_hold(&client, &part)
            .await
            .expect_problem(409, "dates_unavailable");
    }
    assert_eq!(Database::open().await.live_bookings(&booked).await, 1);
}

/// A rental needs free days for its turnaround, so it must end that long before the next rental.
#[tokio::test]
async fn next_rental_starts_after_turnaround() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 12).await;
    let turnaround = turnaround_days(&client, &rental.car).await;
    checkout::create_hold(&client, &rental.part(4, 3)).await;
    if turnaround > 0 {
        request_hold(&client, &rental.part(7, 2))
            .await
            .expect_problem(409, "dates_unavailable");
        request_hold(&client, &rental.part(2, 2))
            .await
            .expect_problem(409, "dates_unavailable");
    }
    request_hold(&client, &rental.part(7 + turnaround, 2))
        .await
        .expect(201);
    request_hold(&client, &rental.part(2 - turnaround, 2))
        .await
        .expect(201);
}

#[tokio::test]
async fn correct_price_accepted_in_every_form() {
    let _guard = share_system().await;
    let client = Client::new();
    for write in [
        |price: &str| json!(price),
        |price: &str| json!({"amount": price, "currency": "USD"}),
        |price: &str| serde_json::from_str::<Value>(price).unwrap(),
    ] {
        let rental = Rental::far_ahead(&client, 2).await;
        let price = checkout::text(&rental.quote(&client).await["finalPrice"]);
        let mut body = rental.body();
        body["totalPrice"] = write(&price);
        let response = client
            .with_new_address()
            .post("/api/bookings", &body)
            .await
            .expect(201);
        assert_eq!(response["price"]["finalPrice"], json!(price));
    }
}

#[tokio::test]
async fn wrong_price_refused_and_audited() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let rental = Rental::far_ahead(&client, 3).await;
    let quote = rental.quote(&client).await;
    let mut body = rental.body();
    body["totalPrice"] = json!("1.00");
    body["customer"] =
        json!({"fullName": "Mallory", "email": format!("{}@example.com", new_uuid())});
    let response = client.post("/api/bookings", &body).await;
    let problem = response.expect_problem(422, "price_mismatch");
    assert_eq!(problem["serverPrice"], quote["finalPrice"]);
    assert_eq!(problem["currency"], quote["currency"]);

    assert_eq!(database.live_bookings(&rental).await, 0);
    let events = database
        .rows(
            "SELECT detail FROM security_events WHERE kind = 'price_mismatch' AND request_id = $1",
            &[&response.header("x-request-id")],
        )
        .await;
    assert_eq!(events.len(), 1);
    let customers = "SELECT count(*) FROM customers WHERE full_name = 'Mallory'";
    assert_eq!(database.number(customers, &[]).await, 0);
    assert_eq!(
        rental.quote(&client).await,
        quote,
        "the days are still free"
    );
}

#[tokio::test]
async fn same_key_returns_same_booking() {
    let _guard = share_system().await;
    let client = Client::new();
    let (rental, key) = (Rental::far_ahead(&client, 2).await, new_uuid().to_string());
    let first = request_hold_with_key(&client, &key, &rental.body())
        .await
        .expect(201);
    // Neither unknown members nor the order of the members matter.
    let reordered = json!({"unknown": [1], "endDate": rental.end, "startDate": rental.start, "carId": rental.car});
    for body in [rental.body(), reordered] {
        assert_eq!(
            request_hold_with_key(&client, &key, &body)
                .await
                .expect(200),
            first
        );
    }
    assert_eq!(Database::open().await.live_bookings(&rental).await, 1);
}

#[tokio::test]
async fn same_key_refuses_other_content() {
    let _guard = share_system().await;
    let client = Client::new();
    let (rental, key) = (Rental::far_ahead(&client, 5).await, new_uuid().to_string());
    request_hold_with_key(&client, &key, &rental.part(0, 2).body())
        .await
        .expect(201);
    let other_customer = {
        let mut body = rental.part(0, 2).body();
        body["customer"] = json!({"fullName": "Somebody Else", "email": "else@example.com"});
        body
    };
    for body in [rental.part(0, 3).body(), other_customer] {
        request_hold_with_key(&client, &key, &body)
            .await
            .expect_problem(422, "idempotency_key_reused");
    }
    assert_eq!(Database::open().await.live_bookings(&rental).await, 1);
}

#[tokio::test]
async fn refused_request_keeps_key_usable() {
    let _guard = share_system().await;
    let client = Client::new();
    let (rental, key) = (Rental::far_ahead(&client, 2).await, new_uuid().to_string());
    let mut body = rental.body();
    body["totalPrice"] = json!("0.01");
    request_hold_with_key(&client, &key, &body)
        .await
        .expect_problem(422, "price_mismatch");
    request_hold_with_key(&client, &key, &rental.body())
        .await
        .expect(201);
}

#[tokio::test]
async fn impossible_rental_names_wrong_date() {
    let _guard = share_system().await;
    let client = Client::new();
    for (car, start, days, pointer, code) in [
        ("123", -3, 2, "/startDate", "in_the_past"),
        ("123", 380, 2, "/startDate", "too_far_ahead"),
        ("porsche-918-spyder", 200, 1, "/endDate", "too_short"),
        ("porsche-918-spyder", 200, 8, "/endDate", "too_long"),
    ] {
        let body = json!({"carId": car, "startDate": in_days(start).await, "endDate": in_days(start + days).await});
        client
            .with_new_address()
            .post("/api/bookings", &body)
            .await
            .expect_rental_refused(pointer, code);
    }
}

#[tokio::test]
async fn hidden_and_unknown_cars_are_not_rented() {
    let _guard = share_system().await;
    let client = Client::new();
    let (start, end) = (in_days(40).await, in_days(42).await);
    for car in [
        "koenigsegg-regera",
        "5eed0000-0000-4000-8000-000000000026",
        "ferrari-f40",
        "nobody",
    ] {
        let body = json!({"carId": car, "startDate": start, "endDate": end});
        client
            .with_new_address()
            .post("/api/bookings", &body)
            .await
            .expect_problem(404, "car_not_found");
    }
}

#[tokio::test]
async fn operator_token_cannot_change_price() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 2).await;
    let mut body = rental.body();
    body["totalPrice"] = json!("1.00");
    let request = client
        .request(reqwest::Method::POST, "/api/bookings")
        .bearer_auth(variable("ADMIN_TOKEN"));
    Response::to(request.json(&body))
        .await
        .expect_problem(422, "price_mismatch");
}
