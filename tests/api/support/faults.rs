//! Faults that the local system injects on the way to an upstream.

use super::local_system::post;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;

/// A service that the product calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Upstream {
    Redis,
    Database,
    PayPal,
}

/// A fault that each request to an upstream meets, unless it is narrowed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault(Value);

impl Fault {
    /// Closes the connection before the upstream sees the request.
    pub(crate) fn refuse() -> Self {
        Self(json!({"kind": "refuse"}))
    }

    /// Lets the upstream act on the request, then closes the connection without a response.
    pub(crate) fn drop_response() -> Self {
        Self(json!({"kind": "drop_answer"}))
    }

    /// Delays the request before the upstream sees it.
    pub(crate) fn delay_millis(millis: u64) -> Self {
        Self(json!({"kind": "delay", "delayMs": millis}))
    }

    /// Responds in place of the upstream.
    pub(crate) fn respond(status: u16, body: impl Into<String>) -> Self {
        Self(json!({"kind": "answer", "status": status, "body": body.into()}))
    }

    /// Responds as PayPal does when it refuses a request with an issue.
    pub(crate) fn paypal_issue(status: u16, issue: &str) -> Self {
        let body = json!({
            "name": "UNPROCESSABLE_ENTITY", "debug_id": "d", "details": [{ "issue": issue }],
        });
        Self::respond(status, body.to_string())
    }

    /// Gives each command of a Redis pipeline `body` as its reply. Other requests get `status`.
    pub(crate) fn reply_each(status: u16, body: impl Into<String>) -> Self {
        Self(json!({"kind": "answer_each", "status": status, "body": body.into()}))
    }

    /// Adds a header to the false response.
    pub(crate) fn with_header(&self, name: &str, value: &str) -> Self {
        self.with("headers", json!({ name: value }))
    }

    /// Narrows the fault to requests whose path and query contain `part`.
    pub(crate) fn on_path(&self, part: impl Into<String>) -> Self {
        self.with("path", part.into())
    }

    /// Narrows the fault to every n-th request.
    pub(crate) fn every(&self, n: u32) -> Self {
        self.with("every", n)
    }

    /// Removes the fault after it has fired `count` times.
    pub(crate) fn times(&self, count: u32) -> Self {
        self.with("times", count)
    }

    fn with(&self, member: &str, value: impl Into<Value>) -> Self {
        let mut fault = self.clone();
        fault.0[member] = value.into();
        fault
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Adds a fault to those of `upstream`.
pub(crate) async fn set_fault(upstream: Upstream, fault: Fault) {
    let body = json!({"upstream": upstream, "fault": fault.0});
    post("/_local/faults", &body).await;
}

/// PayPal refuses one request whose path contains `path`.
pub(crate) async fn refuse_once(path: &str, issue: &str) {
    let refusal = Fault::paypal_issue(422, issue).on_path(path).times(1);
    set_fault(Upstream::PayPal, refusal).await;
}

/// Removes all faults of `upstream`.
pub(crate) async fn clear_faults(upstream: Upstream) {
    set_fault(upstream, Fault(json!({"kind": "none"}))).await;
}
