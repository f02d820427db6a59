//! Requests of an operator, with `ADMIN_TOKEN`.

use super::{
    checkout::{PaidBooking, create_paid_booking},
    client::{Client, Response},
    environment::{new_uuid, variable},
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// The audit log's name for the first token in `ADMIN_TOKEN`.
pub(crate) const OPERATOR: &str = "operator:1";

/// Reads an admin route.
pub(crate) async fn read(client: &Client, path: &str) -> Value {
    let token = variable("ADMIN_TOKEN");
    client
        .with_new_address()
        .get_as(&token, path)
        .await
        .expect(200)
}

/// Posts an action on a booking, such as `capture`.
pub(crate) async fn post_action(
    client: &Client,
    booking: Uuid,
    action: &str,
    body: &Value,
) -> Response {
    let request = client
        .with_new_address()
        .request(Method::POST, &action_path(booking, action));
    Response::to(request.bearer_auth(variable("ADMIN_TOKEN")).json(body)).await
}

/// The same, with an `Idempotency-Key`.
pub(crate) async fn post_action_with_key(
    client: &Client,
    booking: Uuid,
    action: &str,
    key: &str,
    body: &Value,
) -> Response {
    let request = client
        .with_new_address()
        .request(Method::POST, &action_path(booking, action))
        .header("idempotency-key", key);
    Response::to(request.bearer_auth(variable("ADMIN_TOKEN")).json(body)).await
}

pub(crate) fn action_path(booking: Uuid, action: &str) -> String {
    format!("/api/admin/bookings/{booking}/{action}")
}

/// The audit log of a booking and its payments, oldest first.
pub(crate) async fn audit_entries(client: &Client, booking: Uuid) -> Vec<Value> {
    let path = format!("/api/admin/audit?limit=200&subject={booking}");
    let mut entries = read(client, &path).await["entries"]
        .as_array()
        .unwrap()
        .clone();
    entries.reverse();
    entries
}

/// The same for one action, such as `booking.cancelled`.
pub(crate) async fn audit_entries_for_action(
    client: &Client,
    booking: Uuid,
    action: &str,
) -> Vec<Value> {
    let entries = audit_entries(client, booking).await.into_iter();
    entries.filter(|entry| entry["action"] == action).collect()
}

/// Requests the capture of a payment.
pub(crate) async fn request_capture(client: &Client, paid: &PaidBooking) -> Response {
    post_action(client, paid.hold.id, "capture", &json!({})).await
}

/// Requests a new authorization in place of the payment's first one.
pub(crate) async fn request_reauthorization(client: &Client, paid: &PaidBooking) -> Response {
    post_action(client, paid.hold.id, "reauthorize", &json!({})).await
}

/// Captures a payment.
pub(crate) async fn capture_now(client: &Client, paid: &PaidBooking) {
    request_capture(client, paid).await.expect(200);
}

/// A paid rental of two days, far ahead, whose money is captured.
pub(crate) async fn create_captured_booking(
    client: &Client,
    description: Option<&str>,
) -> PaidBooking {
    let paid = create_paid_booking(client, description).await;
    capture_now(client, &paid).await;
    paid
}

/// Requests the refund of all that is left.
pub(crate) async fn request_full_refund(client: &Client, paid: &PaidBooking) -> Response {
    post_action(client, paid.hold.id, "refund", &json!({})).await
}

/// Requests a refund under a new key.
pub(crate) async fn request_refund(client: &Client, paid: &PaidBooking, body: &Value) -> Response {
    let key = new_uuid().to_string();
    post_action_with_key(client, paid.hold.id, "refund", &key, body).await
}
