//! The comparison of payments with PayPal, and its findings.

use super::{client::Client, environment::variable, local_system::pass};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const RECONCILE: &str = "/api/admin/payments/reconcile";

/// Compares what was not compared for a while, as the cron does.
pub(crate) async fn reconcile(client: &Client) -> Value {
    let secret = variable("CRON_SECRET");
    let answer = client.stranger().get_as(&secret, RECONCILE).await;
    let answer = answer.expect(200);
    assert_eq!(
        (&answer["success"], &answer["failed"]),
        (&json!(true), &json!(0)),
        "{answer}"
    );
    answer
}

/// Lets so much time pass that everything is compared again, and compares it.
pub(crate) async fn reconcile_later(client: &Client) -> Value {
    pass(SignedDuration::from_mins(51)).await;
    reconcile(client).await
}

/// What was found about one booking, as kinds.
pub(crate) fn found(drift: &Value, booking: Uuid) -> Vec<Value> {
    let findings = drift["drift"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["bookingId"] == json!(booking))
        .map(|finding| finding["kind"].clone())
        .collect()
}
