//! Encodes Redis values as the JSON of a reply.

use super::{
    connection::{Outcome, error_text},
    json_response,
};
use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use redis::Value;
use serde_json::json;

/// The encoding of strings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    /// Invalid UTF-8 becomes U+FFFD.
    Text,
    Base64,
}

impl Encoding {
    /// Reads the request's `Upstash-Encoding`.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match headers.get("upstash-encoding") {
            Some(value) if value.as_bytes().eq_ignore_ascii_case(b"base64") => Self::Base64,
            _ => Self::Text,
        }
    }

    fn string(self, bytes: &[u8]) -> serde_json::Value {
        match self {
            Self::Text => String::from_utf8_lossy(bytes).into(),
            Self::Base64 => STANDARD.encode(bytes).into(),
        }
    }
}

pub(super) enum Reply {
    /// The reply to a command or a discarded transaction.
    One(Outcome),
    /// The replies to a pipeline or an executed transaction.
    Many(Vec<Outcome>),
}

impl Reply {
    pub(super) fn into_response(self, encoding: Encoding) -> Response {
        match self {
            Self::One(outcome) => {
                let status = if outcome.is_ok() {
                    StatusCode::OK
                } else {
                    StatusCode::BAD_REQUEST
                };
                json_response(status, &item(outcome, encoding))
            }
            Self::Many(outcomes) => {
                let items = outcomes
                    .into_iter()
                    .map(|outcome| item(outcome, encoding))
                    .collect();
                json_response(StatusCode::OK, &serde_json::Value::Array(items))
            }
        }
    }
}

fn item(outcome: Outcome, encoding: Encoding) -> serde_json::Value {
    match outcome {
        Ok(Value::Okay) => json!({ "result": "OK" }),
        Ok(value) => json!({ "result": to_json(value, encoding) }),
        Err(error) => json!({ "error": error }),
    }
}

fn to_json(value: Value, encoding: Encoding) -> serde_json::Value {
    match value {
        Value::Int(number) => number.into(),
        Value::BulkString(bytes) => encoding.string(&bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => {
            encoding.string(text.as_bytes())
        }
        Value::Okay => encoding.string(b"OK"),
        Value::Array(items) | Value::Set(items) => items
            .into_iter()
            .map(|item| to_json(item, encoding))
            .collect(),
        Value::Map(pairs) => pairs
            .into_iter()
            .flat_map(|(name, value)| [to_json(name, encoding), to_json(value, encoding)])
            .collect(),
        Value::Boolean(flag) => i64::from(flag).into(),
        Value::Double(number) => encoding.string(number.to_string().as_bytes()),
        Value::ServerError(error) => encoding.string(error_text(&error).as_bytes()),
        // RESP2, the protocol of this connection, has no other kinds.
        _ => serde_json::Value::Null,
    }
}
