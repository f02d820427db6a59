//! What was asked and answered, for tests that compare it with the API's description.

use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::VecDeque;

const KEPT: usize = 5_000;
/// The only request headers that are kept; the caller's credentials are not among them.
const HEADERS: [&str; 3] = ["prefer", "paypal-request-id", "content-type"];

/// One request and its answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// As `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The description's `operationId`, as `authorizations.capture`; `oauth2.token` for a token, `certs.get` for certificates.
    pub operation: &'static str,
    /// `prefer`, `paypal-request-id` and `content-type`, where given.
    pub request_headers: Map<String, Value>,
    /// The JSON sent; text that is not JSON as a string; null when empty.
    pub request_body: Value,
    /// The HTTP status.
    pub status: u16,
    /// The JSON answered; text that is not JSON as a string; null when empty. A token is left out.
    pub response_body: Value,
}

/// The latest exchanges.
#[derive(Default)]
pub(super) struct Exchanges(VecDeque<Exchange>);

impl Exchanges {
    pub(super) fn keep(&mut self, exchange: Exchange) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(exchange);
    }

    /// Those whose PayPal-Request-Id begins so.
    pub(super) fn under(&self, request_id: &str) -> Vec<Exchange> {
        let is_under = |exchange: &&Exchange| {
            exchange
                .request_headers
                .get("paypal-request-id")
                .and_then(Value::as_str)
                .is_some_and(|id| id.starts_with(request_id))
        };
        self.0.iter().filter(is_under).cloned().collect()
    }

    pub(super) fn all(&self) -> Vec<Exchange> {
        self.0.iter().cloned().collect()
    }
}

/// The headers that an exchange keeps.
pub(super) fn kept_headers(headers: &HeaderMap) -> Map<String, Value> {
    HEADERS
        .iter()
        .filter_map(|name| {
            Some((
                (*name).to_owned(),
                headers.get(*name)?.to_str().ok()?.into(),
            ))
        })
        .collect()
}

/// A body as an exchange keeps it.
pub(super) fn kept_body(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}
