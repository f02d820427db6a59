//! What a route answers when all went well.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

/// A success: status, JSON, and headers of the route's own.
#[derive(Debug)]
pub struct Reply {
    /// 2xx, or 503 where a report is itself the answer.
    pub status: StatusCode,
    /// JSON.
    pub body: Bytes,
    /// Headers beyond those that every answer has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    /// A reply with `body` written as JSON.
    ///
    /// Our own types cannot fail to serialize; if one did, the body would be empty rather than wrong.
    #[must_use]
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self::bytes(status, serde_json::to_vec(body).unwrap_or_default().into())
    }

    /// A reply whose JSON is written already.
    #[must_use]
    pub fn bytes(status: StatusCode, body: Bytes) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
        }
    }

    /// The same reply with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}
