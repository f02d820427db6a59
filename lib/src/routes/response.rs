//! HTTP responses from replies and problems, and the headers that every response has.

use super::{
    Route,
    cached::CDN_CACHE_CONTROL,
    cors,
    problems::{Code, Problem},
};
use crate::web::{reply::Reply, request::NotesSnapshot};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

/// The reply to `OPTIONS`.
pub(super) fn preflight(route: &Route) -> Reply {
    let mut reply = Reply::bytes(StatusCode::NO_CONTENT, Bytes::new())
        .with_header(header::ALLOW, HeaderValue::from_static(route.methods));
    reply.headers.extend(cors::preflight_headers(route.methods));
    reply
}

pub(super) fn success(reply: Reply) -> Response<Bytes> {
    let has_body = !matches!(
        reply.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    let mut response = Response::new(reply.body);
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    let has_type = reply
        .headers
        .iter()
        .any(|(name, _)| name == header::CONTENT_TYPE);
    if has_body && !has_type {
        set(headers, header::CONTENT_TYPE, "application/json");
    }
    headers.extend(reply.headers);
    response
}

/// The response with `problem`. Its cause goes to the log.
pub(super) fn failure(request_id: &str, problem: &Problem) -> Response<Bytes> {
    log_cause(request_id, problem);
    let mut response = Response::new(Bytes::from(
        serde_json::to_vec(&problem.body(request_id)).unwrap_or_default(),
    ));
    *response.status_mut() = problem.code.status();
    let headers = response.headers_mut();
    set(headers, header::CONTENT_TYPE, "application/problem+json");
    if let Some(seconds) = problem.retry_after_seconds {
        set(headers, header::RETRY_AFTER, &seconds.to_string());
    }
    if let Some(methods) = problem.allowed_methods {
        set(headers, header::ALLOW, methods);
    }
    if problem.code == Code::Unauthenticated {
        set(headers, header::WWW_AUTHENTICATE, "Bearer");
    }
    response
}

fn log_cause(request_id: &str, problem: &Problem) {
    let line = format!(
        "request={request_id} code={} cause={:?}",
        problem.code.name(),
        problem.cause_chain()
    );
    if problem.code.status().is_server_error() {
        log::error!("{line}");
    } else if problem.has_cause() {
        log::warn!("{line}");
    }
}

/// Adds the request's id and time, and `no-store` unless the handler chose otherwise.
pub(super) fn add_general_headers(headers: &mut HeaderMap, request_id: &str, micros: u64) {
    let tenths = (micros + 50) / 100;
    let millis = format!("{}.{}", tenths / 10, tenths % 10);
    set_named(headers, "x-request-id", request_id);
    set_named(headers, "x-response-time", &format!("{millis}ms"));
    set_named(headers, "server-timing", &format!("total;dur={millis}"));
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, header::CACHE_CONTROL, "no-store");
    }
}

/// Adds the rate limit and the cache outcome. `RateLimit` follows
/// draft-ietf-httpapi-ratelimit-headers-10.
pub(super) fn add_notes(headers: &mut HeaderMap, notes: NotesSnapshot) {
    // A response that a CDN serves to others carries no limit of this client.
    let is_shared = headers.contains_key(CDN_CACHE_CONTROL);
    if let Some((tier, decision)) = notes.limit.filter(|_| !is_shared) {
        let (limit, window) = (decision.rule.limit, decision.rule.window_seconds);
        let (left, reset) = (decision.remaining, decision.reset_seconds);
        let fields = [
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", left.to_string()),
            ("x-ratelimit-reset", reset.to_string()),
            (
                "ratelimit-policy",
                format!("\"{tier}\";q={limit};w={window}"),
            ),
            ("ratelimit", format!("\"{tier}\";r={left};t={reset}")),
        ];
        for (name, value) in fields {
            set_named(headers, name, &value);
        }
    }
    if let Some(cache) = notes.cache {
        set_named(headers, "x-cache", cache.header_value());
    }
}

fn set_named(headers: &mut HeaderMap, name: &'static str, value: &str) {
    set(headers, HeaderName::from_static(name), value);
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
