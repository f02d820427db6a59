//! Unkind behaviours of PayPal, and actions in its console.

use super::local_system::post;
use serde_json::{Value, json};

/// Puts a behaviour into force. A test that does not run alone names the `order` that it affects.
pub(crate) async fn set_behaviour(behaviour: &Value) {
    post("/_local/paypal/behaviour", behaviour).await;
}

/// Ends all behaviours.
pub(crate) async fn reset_behaviours() {
    set_behaviour(&json!({"reset": true})).await;
}

/// PayPal decides about a pending authorization, capture or refund.
pub(crate) async fn decide(id: &str, status: &str) {
    let action = json!({"action": "decide", "id": id, "status": status});
    post("/_local/paypal/console", &action).await;
}

/// Refuses to authorize an order, once.
pub(crate) async fn decline_once(order: &str, issue: &str) {
    decline_call_once("orders.authorize", order, issue).await;
}

/// Refuses to capture the authorization of an order, once. Other payments may be due as well.
pub(crate) async fn decline_capture_once(order: &str, issue: &str) {
    decline_call_once("authorizations.capture", order, issue).await;
}

async fn decline_call_once(operation: &str, order: &str, issue: &str) {
    set_behaviour(&json!({
        "kind": "decline", "operation": operation, "order": order, "issue": issue, "times": 1,
    }))
    .await;
}

/// Authorizing an order has another outcome than `CREATED`.
pub(crate) async fn authorize_as(order: &str, status: &str) {
    set_behaviour(&json!({
        "kind": "outcome", "operation": "orders.authorize", "order": order, "status": status,
    }))
    .await;
}
