//! The reply of a handler that succeeds.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// A status, a JSON body, and the route's own headers.
#[derive(Debug)]
pub(crate) struct Reply {
    /// 2xx or 304. The health report may have 503.
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// Headers beyond those of every response.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    /// A reply with `body` serialized as JSON.
    ///
    /// The product's types cannot fail to serialize. If one did, the body would be empty.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self::bytes(status, serde_json::to_vec(body).unwrap_or_default().into())
    }

    /// A reply with a body that is JSON already.
    pub(crate) fn bytes(status: StatusCode, body: Bytes) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
        }
    }

    /// A reply with an entity tag: 304 without a body when `if_none_match` holds the tag
    /// (RFC 9110, section 13.1.2).
    pub(crate) fn validated(body: Bytes, etag: &str, if_none_match: Option<&str>) -> Self {
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

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_body_is_not_sent_again() {
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
