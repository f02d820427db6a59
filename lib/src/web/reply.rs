//! What a route answers when all went well.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
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

    /// A reply with a validator, or 304 without a body when the client has it already (RFC 9110, section 13.1.2).
    #[must_use]
    pub fn validated(body: Bytes, etag: &str, if_none_match: Option<&str>) -> Self {
        let is_known = if_none_match.is_some_and(|known| {
            known.split(',').any(|candidate| {
                let candidate = candidate.trim();
                candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == etag
            })
        });
        let reply = if is_known {
            Self::bytes(StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            Self::bytes(StatusCode::OK, body)
        };
        match HeaderValue::from_str(etag) {
            Ok(etag) => reply.with_header(header::ETAG, etag),
            Err(_) => reply,
        }
    }

    /// The same reply with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_the_client_has_is_not_sent_again() {
        for (known, status) in [
            (None, 200),
            (Some("\"b\""), 200),
            (Some("a"), 200),
            (Some("\"a\""), 304),
            (Some("W/\"a\""), 304),
            (Some("\"x\", \"a\""), 304),
            (Some("*"), 304),
        ] {
            let reply = Reply::validated("{}".into(), "\"a\"", known);
            assert_eq!(reply.status.as_u16(), status, "{known:?}");
            assert_eq!(reply.body.is_empty(), status == 304);
            assert_eq!(reply.headers[0].1, "\"a\"");
        }
    }
}
