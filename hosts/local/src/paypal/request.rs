//! A request to the API after parsing.

use super::{
    behaviour::Unkind,
    course::Outcome,
    errors::{Findings, Refusal, RefusalKind},
    links::Links,
    operation::Operation,
};
use http::{HeaderMap, header, request::Parts};
use jiff::Timestamp;
use serde_json::{Value, json};

const MAX_REQUEST_ID_LENGTH: usize = 108;

/// The parts of a request that operations use. Operations take the path's id as another argument.
#[derive(Clone, Copy)]
pub(super) struct ApiRequest<'a> {
    pub(super) request_id: Option<&'a str>,
    /// From the header `Prefer: return=representation`.
    pub(super) prefers_representation: bool,
    /// A JSON object, empty for a request without a body. Null in an internal request.
    pub(super) body: &'a Value,
    pub(super) now: Timestamp,
    pub(super) links: Links<'a>,
    /// The behaviours that the operation consults. None in an internal request.
    pub(super) unkind: Option<&'a Unkind>,
}

impl<'a> ApiRequest<'a> {
    /// The request for a change that a payer or the clock causes.
    pub(super) const fn internal(now: Timestamp, links: Links<'a>) -> Self {
        static NO_BODY: Value = Value::Null;
        Self {
            request_id: None,
            prefers_representation: true,
            body: &NO_BODY,
            now,
            links,
            unkind: None,
        }
    }

    /// The issue with which a behaviour declines an effect that is otherwise possible.
    pub(super) fn decline(&self) -> Result<(), Refusal> {
        match self.unkind.and_then(Unkind::take_decline) {
            Some(issue) => Err(Findings::semantic(issue).into_refusal()),
            None => Ok(()),
        }
    }

    /// The outcome that a behaviour has for a new effect.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.unkind.and_then(Unkind::take_outcome)
    }
}

/// Returns the body and the `PayPal-Request-Id`.
pub(super) fn read(
    operation: Operation,
    head: &Parts,
    body: &[u8],
) -> Result<(Value, Option<String>), Refusal> {
    let request_id = head
        .headers
        .get("paypal-request-id")
        .and_then(|id| id.to_str().ok());
    if request_id.is_some_and(|id| id.is_empty() || id.len() > MAX_REQUEST_ID_LENGTH) {
        return Err(Findings::syntactic("INVALID_STRING_LENGTH").into_refusal());
    }
    let request_id = request_id.map(str::to_owned);
    if !operation.is_write() {
        return Ok((json!({}), request_id));
    }
    if !is_json(&head.headers) {
        return Err(Refusal::without_details(RefusalKind::UnsupportedMediaType));
    }
    if body.is_empty() && operation != Operation::CreateOrder {
        return Ok((json!({}), request_id));
    }
    match serde_json::from_slice(body) {
        Ok(body @ Value::Object(_)) => Ok((body, request_id)),
        _ if operation.is_on_orders() => {
            Err(Findings::syntactic("MALFORMED_REQUEST_JSON").into_refusal())
        }
        _ => Err(Findings::syntactic("INVALID_PARAMETER_SYNTAX").into_refusal()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|content_type| content_type.to_str().ok())
        .unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

pub(super) fn prefers_representation(headers: &HeaderMap) -> bool {
    headers
        .get("prefer")
        .is_some_and(|prefer| prefer == "return=representation")
}
