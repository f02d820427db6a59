//! Recorded requests and responses, for tests that check them against PayPal's API description.

use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::VecDeque;

const MAX_EXCHANGES: usize = 5_000;
/// Credentials must not be recorded, so `Authorization` is omitted.
const RECORDED_HEADERS: [&str; 3] = ["prefer", "paypal-request-id", "content-type"];

/// One request and its response.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// Such as `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The `operationId` of PayPal's API description, such as `authorizations.capture`. A token
    /// request has `oauth2.token`, a certificate request `certs.get`.
    pub operation: &'static str,
    /// `prefer`, `paypal-request-id` and `content-type`, if present.
    pub request_headers: Map<String, Value>,
    /// JSON, or any other text as a string. Null if empty.
    pub request_body: Value,
    /// The HTTP status.
    pub status: u16,
    /// In the format of `request_body`, without the access token.
    pub response_body: Value,
    /// The kind of the behaviour that shaped the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behaviour: Option<&'static str>,
}

/// The latest exchanges, oldest first.
#[derive(Default)]
pub(super) struct Exchanges(VecDeque<Exchange>);

impl Exchanges {
    pub(super) fn push(&mut self, exchange: Exchange) {
        if self.0.len() == MAX_EXCHANGES {
            self.0.pop_front();
        }
        self.0.push_back(exchange);
    }

    /// The exchanges with a `PayPal-Request-Id` that begins with `prefix`.
    pub(super) fn with_id_prefix(&self, prefix: &str) -> Vec<Exchange> {
        let has_prefix = |exchange: &&Exchange| {
            exchange
                .request_headers
                .get("paypal-request-id")
                .and_then(Value::as_str)
                .is_some_and(|id| id.starts_with(prefix))
        };
        self.0.iter().filter(has_prefix).cloned().collect()
    }

    pub(super) fn to_vec(&self) -> Vec<Exchange> {
        self.0.iter().cloned().collect()
    }
}

pub(super) fn recorded_headers(headers: &HeaderMap) -> Map<String, Value> {
    RECORDED_HEADERS
        .iter()
        .filter_map(|name| {
            Some((
                (*name).to_owned(),
                headers.get(*name)?.to_str().ok()?.into(),
            ))
        })
        .collect()
}

/// A body in the format of [`Exchange::request_body`].
pub(super) fn recorded_body(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}
