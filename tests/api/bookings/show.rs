//! `GET /api/bookings/{id}`.

use crate::support::{
    checkout,
    client::{Client, Response},
    environment::{new_uuid, variable},
    isolation::share_system,
    rental::Rental,
};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn holder_reads_booking_with_every_token_form() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 3).await).await;
    let path = format!("/api/bookings/{}", hold.id);
    let response = client.get_as(&hold.token, &path).await.expect(200);
    let booking = &response["booking"];
    assert_eq!(response["success"], true);
    for (member, expected) in [
        ("bookingId", json!(hold.id)),
        ("status", json!("pending_payment")),
        ("carSlug", json!(hold.rental.car)),
        ("startDate", json!(hold.rental.start)),
        ("endDate", json!(hold.rental.end)),
        ("rentalDays", json!(3)),
        ("customer", Value::Null),
        ("payment", Value::Null),
        ("cancelledAt", Value::Null),
    ] {
        assert_eq!(booking[member], expected, "{member}");
    }
    assert_eq!(booking["price"]["finalPrice"], json!(hold.price));
    assert!(
        booking["price"]["lines"].as_array().unwrap().len() >= 2,
        "{booking}"
    );

    let in_header = client
        .request(Method::GET, &path)
        .header("x-booking-token", &hold.token);
    assert_eq!(Response::to(in_header).await.expect(200), response);
    let in_query = format!("{path}?token={}", hold.token);
    assert_eq!(client.get(&in_query).await.expect(200), response);
}

#[tokio::test]
async fn operator_reads_any_booking() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let path = format!("/api/bookings/{}", hold.id);
    let booking = client
        .get_as(&variable("ADMIN_TOKEN"), &path)
        .await
        .expect(200);
    assert_eq!(booking["booking"]["bookingId"], json!(hold.id));
}

#[tokio::test]
async fn other_callers_cannot_read_booking() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 12).await;
    let hold = checkout::create_hold(&client, &rental.part(0, 2)).await;
    let other = checkout::create_hold(&client, &rental.part(6, 2)).await;
    let path = format!("/api/bookings/{}", hold.id);
    let without_token = client.get(&path).await;
    assert_eq!(without_token.header("www-authenticate"), "Bearer");
    without_token.expect_problem(401, "unauthenticated");
    for token in [
        &other.token,
        &hold.token.to_lowercase(),
        &variable("CRON_SECRET"),
        "x",
        "null",
    ] {
        client
            .get_as(token, &path)
            .await
            .expect_problem(401, "unauthenticated");
    }
    client
        .get(&format!("{path}?token={}", other.token))
        .await
        .expect_problem(401, "unauthenticated");
    client
        .get(&format!("{path}?token="))
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn missing_booking_is_not_found() {
    let _guard = share_system().await;
    let client = Client::new();
    let admin = variable("ADMIN_TOKEN");
    client
        .get_as(&admin, &format!("/api/bookings/{}", new_uuid()))
        .await
        .expect_problem(404, "booking_not_found");
    // A 404 without a token would reveal which bookings exist.
    client
        .get(&format!("/api/bookings/{}", new_uuid()))
        .await
        .expect_problem(401, "unauthenticated");
    for id in [
        "1",
        "x",
        "%00",
        "a'--",
        "00000000-0000-0000-0000-00000000000g",
    ] {
        client
            .get_as(&admin, &format!("/api/bookings/{id}"))
            .await
            .expect_problem(404, "booking_not_found");
    }
}

#[tokio::test]
async fn payment_status_follows_steps() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let order = checkout::create_approved_order(&client, &hold, None).await;
    let payment = checkout::read_booking(&client, &hold).await["payment"].clone();
    assert_eq!(payment["status"], "created");
    assert_eq!(payment["orderId"], json!(order.id));
    assert_eq!(payment["amount"], json!(hold.price));
    assert_eq!(payment["currency"], json!(hold.currency));
    assert_eq!(payment["authorizationId"], Value::Null);

    let response = checkout::request_authorization(&client, &order)
        .await
        .expect(200);
    let booking = checkout::read_booking(&client, &hold).await;
    assert_eq!(booking["status"], "upcoming");
    assert_eq!(booking["payment"]["status"], "authorized");
    assert_eq!(
        booking["payment"]["authorizationId"],
        response["authorizationId"]
    );
    assert_eq!(
        booking["payment"]["captureScheduledAt"],
        response["captureScheduledAt"]
    );
    assert_eq!(booking["payment"]["captureId"], Value::Null);
}
