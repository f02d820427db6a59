//! The customer's steps to a paid booking: hold, order, approval, authorization.
//!
//! `request_*` returns any response. The other functions fail the test unless the step succeeds.

use super::{
    client::{Client, Response},
    local_system::advance_clock_past,
    paypal,
    rental::Rental,
};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) id: Uuid,
    pub(crate) token: String,
    pub(crate) rental: Rental,
    /// As a decimal string.
    pub(crate) price: String,
    pub(crate) currency: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) approve_url: String,
}

/// A booking whose payment is authorized and not captured.
#[derive(Clone, Debug)]
pub(crate) struct PaidBooking {
    pub(crate) hold: Hold,
    pub(crate) order: Order,
    pub(crate) authorization: String,
    pub(crate) capture_at: Timestamp,
}

/// The text of a JSON string.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a string"))
        .to_owned()
}

pub(crate) async fn request_hold(client: &Client, rental: &Rental) -> Response {
    client
        .with_new_address()
        .post("/api/bookings", &rental.body())
        .await
}

pub(crate) async fn create_hold(client: &Client, rental: &Rental) -> Hold {
    hold_from(rental, &request_hold(client, rental).await.expect(201))
}

/// The hold of `rental` in a response.
pub(crate) fn hold_from(rental: &Rental, response: &Value) -> Hold {
    Hold {
        id: text(&response["bookingId"]).parse().unwrap(),
        token: text(&response["bookingToken"]),
        rental: rental.clone(),
        price: text(&response["price"]["finalPrice"]),
        currency: text(&response["price"]["currency"]),
    }
}

/// A `description` can script PayPal's behavior, as `SIMULATE_AUTHORIZE_DENIED`.
pub(crate) async fn request_order(
    client: &Client,
    hold: &Hold,
    description: Option<&str>,
) -> Response {
    let mut body = hold.rental.body();
    body["bookingId"] = json!(hold.id);
    if let Some(description) = description {
        body["description"] = json!(description);
    }
    client
        .with_new_address()
        .post("/api/bookings/create-paypal-order", &body)
        .await
}

pub(crate) async fn create_order(client: &Client, hold: &Hold, description: Option<&str>) -> Order {
    let response = request_order(client, hold, description).await.expect(201);
    assert_eq!(response["bookingId"], json!(hold.id), "{response}");
    Order {
        id: text(&response["orderID"]),
        approve_url: text(&response["approveUrl"]),
    }
}

pub(crate) async fn create_approved_order(
    client: &Client,
    hold: &Hold,
    description: Option<&str>,
) -> Order {
    let order = create_order(client, hold, description).await;
    paypal::approve(&order.approve_url).await;
    order
}

pub(crate) async fn request_authorization(client: &Client, order: &Order) -> Response {
    client
        .with_new_address()
        .post(
            "/api/bookings/authorize-paypal-order",
            &json!({"orderID": order.id}),
        )
        .await
}

/// All steps, from the hold to the authorization.
pub(crate) async fn pay(
    client: &Client,
    rental: &Rental,
    description: Option<&str>,
) -> PaidBooking {
    pay_for_hold(client, create_hold(client, rental).await, description).await
}

/// A paid rental of two days, far ahead.
pub(crate) async fn create_paid_booking(client: &Client, description: Option<&str>) -> PaidBooking {
    pay(client, &Rental::far_ahead(client, 2).await, description).await
}

/// The steps after the hold: order, approval, authorization.
pub(crate) async fn pay_for_hold(
    client: &Client,
    hold: Hold,
    description: Option<&str>,
) -> PaidBooking {
    let order = create_approved_order(client, &hold, description).await;
    let response = request_authorization(client, &order).await.expect(200);
    assert_eq!(response["bookingId"], json!(hold.id), "{response}");
    PaidBooking {
        hold,
        order,
        authorization: text(&response["authorizationId"]),
        capture_at: text(&response["captureScheduledAt"]).parse().unwrap(),
    }
}

/// Pays a rental and advances the clock to noon, `days_before` its pick-up.
///
/// Only for a test that runs alone.
pub(crate) async fn pay_and_wait(
    client: &Client,
    days_before: i64,
    description: Option<&str>,
) -> PaidBooking {
    // At least three days ahead: the margin before the pick-up must not reach into the past.
    let ahead = (days_before + 1).max(3);
    let rental = Rental::between(client, 2, ahead, ahead + 1).await;
    let paid = pay(client, &rental, description).await;
    advance_clock_past(rental.noon_before(days_before)).await;
    paid
}

pub(crate) async fn request_cancellation(client: &Client, token: &str, booking: Uuid) -> Response {
    let path = format!("/api/bookings/{booking}/cancel");
    let request = client.with_new_address().request(Method::POST, &path);
    Response::to(request.bearer_auth(token)).await
}

/// Cancels with the booking token and returns the `refund` member.
pub(crate) async fn cancel(client: &Client, hold: &Hold) -> Value {
    let response = request_cancellation(client, &hold.token, hold.id)
        .await
        .expect(200);
    assert_eq!(response["success"], true, "{response}");
    assert_eq!(response["bookingId"], json!(hold.id), "{response}");
    assert_eq!(response["status"], "cancelled", "{response}");
    response["refund"].clone()
}

/// Reads the booking with its token.
pub(crate) async fn read_booking(client: &Client, hold: &Hold) -> Value {
    let path = format!("/api/bookings/{}", hold.id);
    client
        .with_new_address()
        .get_as(&hold.token, &path)
        .await
        .expect(200)["booking"]
        .clone()
}

/// Reads the payment with the booking token.
pub(crate) async fn read_payment(client: &Client, paid: &PaidBooking) -> Value {
    read_booking(client, &paid.hold).await["payment"].clone()
}

/// Requests a hold with an `Idempotency-Key`.
pub(crate) async fn request_hold_with_key(client: &Client, key: &str, body: &Value) -> Response {
    let request = client
        .with_new_address()
        .request(Method::POST, "/api/bookings");
    Response::to(request.header("idempotency-key", key).json(body)).await
}
