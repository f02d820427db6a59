//! Which web pages may call from a browser. <https://fetch.spec.whatwg.org/#http-cors-protocol>

use crate::config::Config;
use http::{HeaderMap, HeaderName, HeaderValue, header};

const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, X-Booking-Token";
const SHOWN_HEADERS: &str = "X-Request-Id, X-Response-Time, X-Cache, X-RateLimit-Limit, X-RateLimit-Remaining, \
     X-RateLimit-Reset, RateLimit, RateLimit-Policy, Retry-After, Server-Timing";

/// The headers that let the asking page read the answer; none for an origin that is not allowed.
pub(super) fn response_headers(
    config: &Config,
    request: &HeaderMap,
) -> Vec<(HeaderName, HeaderValue)> {
    if config.allowed_origins.is_empty() {
        return Vec::new();
    }
    let shown = (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(SHOWN_HEADERS),
    );
    if config.allowed_origins.iter().any(|allowed| allowed == "*") {
        // The same for everyone, so that a shared cache needs to keep it once.
        let everyone = HeaderValue::from_static("*");
        return vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, everyone), shown];
    }
    let mut headers = vec![(header::VARY, HeaderValue::from_static("Origin"))];
    let Some(origin) = request.get(header::ORIGIN) else {
        return headers;
    };
    let is_allowed = config
        .allowed_origins
        .iter()
        .any(|allowed| origin.as_bytes() == allowed.as_bytes());
    if is_allowed {
        headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        headers.push(shown);
    }
    headers
}

/// What a preflight asks about; `methods` as in `Allow`.
pub(super) fn preflight_headers(methods: &'static str) -> [(HeaderName, HeaderValue); 3] {
    [
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(methods),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(REQUEST_HEADERS),
        ),
        (
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("86400"),
        ),
    ]
}
