//! The steps of a customer, each of which must succeed: hold, order, approve, authorize.

use super::{
    client::{Answer, Client},
    local_system::pass_until,
    paypal,
    rental::Rental,
};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// A hold that was made.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) id: Uuid,
    pub(crate) token: String,
    pub(crate) rental: Rental,
    /// As a decimal string.
    pub(crate) price: String,
    pub(crate) currency: String,
}

/// An order that was made for a hold.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) approve_url: String,
}

/// A booking that is paid for, its money not yet taken.
#[derive(Clone, Debug)]
pub(crate) struct Paid {
    pub(crate) hold: Hold,
    pub(crate) order: Order,
    pub(crate) authorization: String,
    pub(crate) capture_at: Timestamp,
}

/// Text of a member.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// Asks for a hold.
pub(crate) async fn ask_for_hold(client: &Client, rental: &Rental) -> Answer {
    client
        .stranger()
        .post("/api/bookings", &rental.body())
        .await
}

/// Holds a car.
pub(crate) async fn hold(client: &Client, rental: &Rental) -> Hold {
    held(rental, &ask_for_hold(client, rental).await.expect(201))
}

/// The hold of `rental` that an answer tells of.
pub(crate) fn held(rental: &Rental, answer: &Value) -> Hold {
    Hold {
        id: text(&answer["bookingId"]).parse().unwrap(),
        token: text(&answer["bookingToken"]),
        rental: rental.clone(),
        price: text(&answer["price"]["finalPrice"]),
        currency: text(&answer["price"]["currency"]),
    }
}

/// Asks for an order; `description` may script what PayPal will do.
pub(crate) async fn ask_for_order(
    client: &Client,
    hold: &Hold,
    description: Option<&str>,
) -> Answer {
    let mut body = hold.rental.body();
    body["bookingId"] = json!(hold.id);
    if let Some(description) = description {
        body["description"] = json!(description);
    }
    client
        .stranger()
        .post("/api/bookings/create-paypal-order", &body)
        .await
}

/// Makes an order.
pub(crate) async fn order(client: &Client, hold: &Hold, description: Option<&str>) -> Order {
    let answer = ask_for_order(client, hold, description).await.expect(201);
    assert_eq!(answer["bookingId"], json!(hold.id), "{answer}");
    Order {
        id: text(&answer["orderID"]),
        approve_url: text(&answer["approveUrl"]),
    }
}

/// Makes an order that the payer approves.
pub(crate) async fn approved_order(
    client: &Client,
    hold: &Hold,
    description: Option<&str>,
) -> Order {
    let order = order(client, hold, description).await;
    paypal::approve(&order.approve_url).await;
    order
}

/// Asks for the money of an order to be held.
pub(crate) async fn ask_to_authorize(client: &Client, order: &Order) -> Answer {
    client
        .stranger()
        .post(
            "/api/bookings/authorize-paypal-order",
            &json!({"orderID": order.id}),
        )
        .await
}

/// A rental of so many days, from the hold to the authorization.
pub(crate) async fn pay(client: &Client, rental: &Rental, description: Option<&str>) -> Paid {
    pay_for(client, hold(client, rental).await, description).await
}

/// A rental far ahead that is paid for.
pub(crate) async fn paid(client: &Client, description: Option<&str>) -> Paid {
    pay(client, &Rental::far_ahead(client, 2).await, description).await
}

/// A hold's order, approval and authorization.
pub(crate) async fn pay_for(client: &Client, hold: Hold, description: Option<&str>) -> Paid {
    let order = approved_order(client, &hold, description).await;
    let answer = ask_to_authorize(client, &order).await.expect(200);
    assert_eq!(answer["bookingId"], json!(hold.id), "{answer}");
    Paid {
        hold,
        order,
        authorization: text(&answer["authorizationId"]),
        capture_at: text(&answer["captureScheduledAt"]).parse().unwrap(),
    }
}

/// A paid rental, at noon so many days before its pick-up; only for a test that runs alone.
pub(crate) async fn pay_and_wait(
    client: &Client,
    days_before: i64,
    description: Option<&str>,
) -> Paid {
    // Three days leave room for the turnaround before.
    let ahead = (days_before + 1).max(3);
    let rental = Rental::between(client, 2, ahead, ahead + 1).await;
    let paid = pay(client, &rental, description).await;
    pass_until(rental.noon_before(days_before)).await;
    paid
}

/// Asks for a booking to be cancelled, as the bearer of `token`.
pub(crate) async fn ask_to_cancel(client: &Client, token: &str, booking: Uuid) -> Answer {
    let path = format!("/api/bookings/{booking}/cancel");
    let request = client.stranger().request(Method::POST, &path);
    Answer::of(request.bearer_auth(token)).await
}

/// The holder cancels; gives what the answer says of the money.
pub(crate) async fn cancel(client: &Client, hold: &Hold) -> Value {
    let answer = ask_to_cancel(client, &hold.token, hold.id)
        .await
        .expect(200);
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(answer["bookingId"], json!(hold.id), "{answer}");
    assert_eq!(answer["status"], "cancelled", "{answer}");
    answer["refund"].clone()
}

/// The booking as its holder reads it.
pub(crate) async fn read_back(client: &Client, hold: &Hold) -> Value {
    let path = format!("/api/bookings/{}", hold.id);
    client
        .stranger()
        .get_as(&hold.token, &path)
        .await
        .expect(200)["booking"]
        .clone()
}

/// The payment of a booking as its holder reads it.
pub(crate) async fn payment(client: &Client, paid: &Paid) -> Value {
    read_back(client, &paid.hold).await["payment"].clone()
}

/// A request with an `Idempotency-Key`.
pub(crate) async fn hold_under_key(client: &Client, key: &str, body: &Value) -> Answer {
    let request = client.stranger().request(Method::POST, "/api/bookings");
    Answer::of(request.header("idempotency-key", key).json(body)).await
}
