//! Reconciliation of payments with PayPal, and its findings.

use super::{
    client::{Client, Response},
    environment::variable,
    local_system::advance_clock,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const RECONCILE_PATH: &str = "/api/admin/payments/reconcile";

/// Runs the cron, which compares the payments that are due.
pub(crate) async fn request_reconciliation(client: &Client) -> Response {
    let secret = variable("CRON_SECRET");
    client
        .with_new_address()
        .get_as(&secret, RECONCILE_PATH)
        .await
}

/// Runs the cron. No comparison may fail.
pub(crate) async fn reconcile(client: &Client) -> Value {
    let response = request_reconciliation(client).await.expect(200);
    assert_eq!(
        (&response["success"], &response["failed"]),
        (&json!(true), &json!(0)),
        "{response}"
    );
    response
}

/// Advances the clock until all payments are due, and reconciles.
pub(crate) async fn reconcile_later(client: &Client) -> Value {
    advance_clock(SignedDuration::from_mins(51)).await;
    reconcile(client).await
}

/// The kinds of the findings about one booking.
pub(crate) fn finding_kinds(drift: &Value, booking: Uuid) -> Vec<Value> {
    let findings = drift["drift"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["bookingId"] == json!(booking))
        .map(|finding| finding["kind"].clone())
        .collect()
}
