//! CORS: access from web pages of other origins.
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>

use crate::config::Config;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The request headers that a page may send.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, X-Booking-Token";
/// The response headers that a page may read.
const EXPOSED_HEADERS: &str = "X-Request-Id, X-Response-Time, X-Cache, \
     X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit, RateLimit-Policy, \
     Retry-After, Server-Timing";

/// The headers that let a page of an allowed origin read the response.
pub(super) fn response_headers(
    config: &Config,
    request: &HeaderMap,
) -> Vec<(HeaderName, HeaderValue)> {
    if config.allowed_origins.is_empty() {
        return Vec::new();
    }
    let exposed = (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED_HEADERS),
    );
    if config.allowed_origins.iter().any(|allowed| allowed == "*") {
        // The same for all origins, so that a shared cache keeps one copy.
        let all = HeaderValue::from_static("*");
        return vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, all), exposed];
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
        headers.push(exposed);
    }
    headers
}

/// The headers of the response to a preflight request. `methods` is the value of `Allow`.
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
