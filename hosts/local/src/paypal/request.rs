//! One request of the API, read.

use super::{
    errors::{Findings, Kind, Refusal},
    links::Links,
    operation::Operation,
};
use http::{HeaderMap, header, request::Parts};
use jiff::Timestamp;
use serde_json::{Value, json};

const LONGEST_REQUEST_ID: usize = 108;

/// One request, read.
#[derive(Clone, Copy)]
pub(super) struct ApiRequest<'a> {
    pub(super) request_id: Option<&'a str>,
    /// `Prefer: return=representation`
    pub(super) representation: bool,
    /// An object; an empty one where nothing was sent.
    pub(super) body: &'a Value,
    pub(super) now: Timestamp,
    pub(super) links: Links<'a>,
}

impl<'a> ApiRequest<'a> {
    /// For what happens without a request of the merchant's.
    pub(super) const fn of_nobody(now: Timestamp, links: Links<'a>) -> Self {
        static NOTHING: Value = Value::Null;
        Self {
            request_id: None,
            representation: true,
            body: &NOTHING,
            now,
            links,
        }
    }
}

/// The body and the PayPal-Request-Id, when both are well-formed.
pub(super) fn read(
    operation: Operation,
    head: &Parts,
    body: &[u8],
) -> Result<(Value, Option<String>), Refusal> {
    let request_id = head
        .headers
        .get("paypal-request-id")
        .and_then(|id| id.to_str().ok());
    if request_id.is_some_and(|id| id.is_empty() || id.len() > LONGEST_REQUEST_ID) {
        return Err(Findings::syntactic("INVALID_STRING_LENGTH").refusal());
    }
    let request_id = request_id.map(str::to_owned);
    if !operation.writes() {
        return Ok((json!({}), request_id));
    }
    if !is_json(&head.headers) {
        return Err(Refusal::bare(Kind::UnsupportedMediaType));
    }
    if body.is_empty() && operation != Operation::CreateOrder {
        return Ok((json!({}), request_id));
    }
    match serde_json::from_slice(body) {
        Ok(body @ Value::Object(_)) => Ok((body, request_id)),
        _ if operation.of_orders() => Err(Findings::syntactic("MALFORMED_REQUEST_JSON").refusal()),
        _ => Err(Findings::syntactic("INVALID_PARAMETER_SYNTAX").refusal()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

pub(super) fn wants_representation(headers: &HeaderMap) -> bool {
    headers
        .get("prefer")
        .is_some_and(|prefer| prefer == "return=representation")
}
