//! An operator at work, with `ADMIN_TOKEN`.

use super::{
    checkout::PaidBooking,
    client::{Client, Response},
    environment::variable,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// What the audit log calls whoever has the first of `ADMIN_TOKEN`.
pub(crate) const OPERATOR: &str = "operator:1";

/// Reads an operators' route.
pub(crate) async fn read(client: &Client, path: &str) -> Value {
    let token = variable("ADMIN_TOKEN");
    client
        .with_new_address()
        .get_as(&token, path)
        .await
        .expect(200)
}

/// Asks for something to be done with a booking, as `capture`.
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

/// The same, under an `Idempotency-Key`.
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

/// The path of an operators' action.
pub(crate) fn action_path(booking: Uuid, action: &str) -> String {
    format!("/api/admin/bookings/{booking}/{action}")
}

/// What the audit log has about a booking and its payments, oldest first.
pub(crate) async fn audit_entries(client: &Client, booking: Uuid) -> Vec<Value> {
    let path = format!("/api/admin/audit?limit=200&subject={booking}");
    let mut entries = read(client, &path).await["entries"]
        .as_array()
        .unwrap()
        .clone();
    entries.reverse();
    entries
}

/// Those of its entries that are about one action, as `booking.cancelled`.
pub(crate) async fn audit_entries_for_action(
    client: &Client,
    booking: Uuid,
    action: &str,
) -> Vec<Value> {
    let entries = audit_entries(client, booking).await.into_iter();
    entries.filter(|entry| entry["action"] == action).collect()
}

/// An operator takes the money.
pub(crate) async fn capture_now(client: &Client, paid: &PaidBooking) {
    post_action(client, paid.hold.id, "capture", &json!({}))
        .await
        .expect(200);
}
