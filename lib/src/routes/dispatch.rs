//! From an HTTP request to a route, and from what it gives to an HTTP response. Hosts see nothing
//! else.

use super::{
    Route, TABLE,
    cached::CDN_CACHE_CONTROL,
    cors,
    problems::{Code, Problem},
};
use crate::{
    app::App,
    config::{Config, ConfigError},
    flows::traffic::{callers, metrics},
    instance::request_counts::ServedRequest,
    platform::{Deadline, Platform},
    web::{
        address::client_address,
        reply::Reply,
        request::{CacheOutcome, Noted, Notes, Request},
    },
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;
use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

/// The largest body that is read. A host hands over at most one byte more, which is how this module
/// knows.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// The product as a host serves it: it always answers.
#[derive(Clone)]
pub struct Service {
    app: Result<App, ConfigError>,
    platform: Arc<dyn Platform>,
}

/// A route and what its path holds.
struct Matched {
    route: &'static Route,
    parameter: Option<String>,
}

impl Service {
    /// The product; with an unusable configuration every route answers 503.
    #[must_use]
    pub fn new(config: Result<Config, ConfigError>, platform: Arc<dyn Platform>) -> Self {
        if let Err(error) = &config {
            log::error!("not configured: {error}");
        }
        let app = config.map(|config| App::new(config, Arc::clone(&platform)));
        Self { app, platform }
    }

    /// Serves the whole table: finds the route by the path.
    pub async fn handle(
        &self,
        request: http::Request<Bytes>,
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let matched = find(request.uri().path());
        self.answer(matched, request, peer).await
    }

    /// Serves the one route `name`, wherever the platform mounted it: its parameter comes from the
    /// path that clients use, or from the query that a rewrite made of it.
    pub async fn handle_route(
        &self,
        name: &str,
        request: http::Request<Bytes>,
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let matched = TABLE.iter().find(|route| route.name == name).map(|route| {
            let query = request.uri().query().unwrap_or_default();
            let parameter = match fit(route.path, request.uri().path()) {
                Some(Fit {
                    parameter: Some(parameter),
                }) => Some(parameter),
                _ => parameter_in_query(route.path, query),
            };
            Matched { route, parameter }
        });
        self.answer(matched, request, peer).await
    }

    /// Tells what was counted and not told yet; for a host that is about to end.
    pub async fn finish_counting(&self) {
        if let Ok(app) = &self.app {
            metrics::report(app).await;
        }
    }

    /// A panic is our mistake, wherever it happens; the instance goes on.
    async fn answer(
        &self,
        matched: Option<Matched>,
        request: http::Request<Bytes>,
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let answered = AssertUnwindSafe(self.respond(matched, request, peer))
            .catch_unwind()
            .await;
        answered.unwrap_or_else(|_| {
            log::error!("the product panicked before or after a route");
            failure("", &Problem::new(Code::Internal))
        })
    }

    async fn respond(
        &self,
        matched: Option<Matched>,
        request: http::Request<Bytes>,
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let started = self.platform.now();
        let (head, body) = request.into_parts();
        let trusted = self
            .app
            .as_ref()
            .ok()
            .and_then(|app| app.config().trusted_ip_header.clone());
        let seconds = matched.as_ref().map_or(10, |matched| matched.route.seconds);
        let (route, parameter) = match matched {
            Some(Matched { route, parameter }) => (Some(route), parameter),
            None => (None, None),
        };
        let request = Request {
            method: if head.method == Method::HEAD {
                Method::GET
            } else {
                head.method
            },
            query: head.uri.query().unwrap_or_default().to_owned(),
            address: client_address(&head.headers, trusted.as_ref(), peer),
            headers: head.headers,
            body,
            parameter,
            route: route.map_or("-", |route| route.path),
            id: request_id(self.platform.random()),
            deadline: Deadline::after(started, Duration::from_secs(seconds)),
            notes: Notes::default(),
        };
        // A handler that panics is our mistake; the instance goes on.
        let outcome = AssertUnwindSafe(self.run(route, &request))
            .catch_unwind()
            .await;
        let outcome = outcome
            .unwrap_or_else(|_| Err(Problem::new(Code::Internal).detail("Please report this.")));
        self.finish(&request, started, outcome)
    }

    async fn run(
        &self,
        route: Option<&'static Route>,
        request: &Request,
    ) -> Result<Reply, Problem> {
        let route = route.ok_or_else(|| Problem::new(Code::NotFound))?;
        if request.method == Method::OPTIONS {
            return Ok(preflight(route));
        }
        if !route
            .methods
            .split(", ")
            .any(|method| method == request.method.as_str())
        {
            let mut problem = Problem::new(Code::MethodNotAllowed);
            problem.allow = Some(route.methods);
            return Err(problem);
        }
        if request.body.len() > MAX_BODY_BYTES {
            return Err(Problem::new(Code::PayloadTooLarge));
        }
        match &self.app {
            Ok(app) => (route.handler)(app, request).await,
            Err(error) => Err(Problem::new(Code::NotConfigured)
                .detail("The log names the setting.")
                .because(*error)),
        }
    }

    fn finish(
        &self,
        request: &Request,
        started: Timestamp,
        outcome: Result<Reply, Problem>,
    ) -> Response<Bytes> {
        let problem = outcome.as_ref().err().map(|problem| problem.code.name());
        let mut response = match outcome {
            Ok(reply) => success(reply),
            Err(problem) => failure(&request.id, &problem),
        };
        let taken = self
            .platform
            .now()
            .duration_since(started)
            .as_micros()
            .max(0);
        let (route, status) = (request.route, response.status().as_u16());
        log::info!(
            "request={} method={} route={route} status={status} micros={taken}",
            request.id,
            request.method
        );
        let noted = request.notes.read();
        if let Ok(app) = &self.app {
            let served = ServedRequest {
                route,
                status,
                problem,
                cache: noted.cache.map(CacheOutcome::header_value),
                millis: u64::try_from(taken / 1_000).unwrap_or(0),
            };
            metrics::count(app, served);
            if noted.limit.is_some_and(|(_, decision)| decision.allowed) {
                callers::identify_later(app, request);
            }
        }

        let headers = response.headers_mut();
        let tenths = (taken + 50) / 100;
        let millis = format!("{}.{}", tenths / 10, tenths % 10);
        set(
            headers,
            HeaderName::from_static("x-request-id"),
            &request.id,
        );
        set(
            headers,
            HeaderName::from_static("x-response-time"),
            &format!("{millis}ms"),
        );
        set(
            headers,
            HeaderName::from_static("server-timing"),
            &format!("total;dur={millis}"),
        );
        set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        if !headers.contains_key(header::CACHE_CONTROL) {
            set(headers, header::CACHE_CONTROL, "no-store");
        }
        describe(headers, noted);
        if let Ok(app) = &self.app {
            headers.extend(cors::response_headers(app.config(), &request.headers));
        }
        response
    }
}

/// Finds the route of `path`; a slash at its end makes no difference.
fn find(path: &str) -> Option<Matched> {
    TABLE.iter().find_map(|route| {
        let Fit { parameter } = fit(route.path, path)?;
        Some(Matched { route, parameter })
    })
}

/// A path that fits a template, with what stands for the template's parameter if it has one.
struct Fit {
    parameter: Option<String>,
}

fn fit(template: &str, path: &str) -> Option<Fit> {
    let mut fit = Fit { parameter: None };
    let mut segments = path.strip_suffix('/').unwrap_or(path).split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            // Percent-decoding is the same as in a query value, except for the plus sign.
            let encoded = format!("v={}", segment.replace('+', "%2B").replace('&', "%26"));
            let (_, value) = form_urlencoded::parse(encoded.as_bytes()).next()?;
            fit.parameter = Some(value.into_owned()).filter(|value| !value.is_empty());
            fit.parameter.as_ref()?;
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(fit)
}

/// What a rewrite put into the query for the parameter of `template`.
fn parameter_in_query(template: &str, query: &str) -> Option<String> {
    let name = template
        .split('/')
        .find_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// A random UUID (RFC 9562, version 4).
fn request_id(random: [u8; 32]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&random[..16]);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

fn preflight(route: &Route) -> Reply {
    let mut reply = Reply::bytes(StatusCode::NO_CONTENT, Bytes::new())
        .with_header(header::ALLOW, HeaderValue::from_static(route.methods));
    reply.headers.extend(cors::preflight_headers(route.methods));
    reply
}

fn success(reply: Reply) -> Response<Bytes> {
    let mut response = Response::new(reply.body);
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    if !matches!(
        reply.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        set(headers, header::CONTENT_TYPE, "application/json");
    }
    headers.extend(reply.headers);
    response
}

fn failure(instance: &str, problem: &Problem) -> Response<Bytes> {
    let status = problem.code.status();
    let line = format!(
        "request={} code={} cause={:?}",
        instance,
        problem.code.name(),
        problem.cause_chain()
    );
    if status.is_server_error() {
        log::error!("{line}");
    } else if problem.cause.is_some() {
        log::warn!("{line}");
    }
    let mut response = Response::new(Bytes::from(problem.body(instance).to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set(headers, header::CONTENT_TYPE, "application/problem+json");
    if let Some(seconds) = problem.retry_after_seconds {
        set(headers, header::RETRY_AFTER, &seconds.to_string());
    }
    if let Some(methods) = problem.allow {
        set(headers, header::ALLOW, methods);
    }
    if problem.code == Code::Unauthenticated {
        set(headers, header::WWW_AUTHENTICATE, "Bearer");
    }
    response
}

/// The headers that say what was learnt on the way. `RateLimit` follows
/// draft-ietf-httpapi-ratelimit-headers-10.
fn describe(headers: &mut HeaderMap, noted: Noted) {
    // What others will be given too says nothing of this client.
    let is_shared = headers.contains_key(CDN_CACHE_CONTROL);
    if let Some((tier, decision)) = noted.limit.filter(|_| !is_shared) {
        let numbers = [
            ("x-ratelimit-limit", u64::from(decision.rule.limit)),
            ("x-ratelimit-remaining", decision.remaining),
            ("x-ratelimit-reset", decision.reset_seconds),
        ];
        for (name, number) in numbers {
            set(headers, HeaderName::from_static(name), &number.to_string());
        }
        let (limit, window) = (decision.rule.limit, decision.rule.window_seconds);
        set(
            headers,
            HeaderName::from_static("ratelimit-policy"),
            &format!("\"{tier}\";q={limit};w={window}"),
        );
        let (left, reset) = (decision.remaining, decision.reset_seconds);
        set(
            headers,
            HeaderName::from_static("ratelimit"),
            &format!("\"{tier}\";r={left};t={reset}"),
        );
    }
    if let Some(cache) = noted.cache {
        set(
            headers,
            HeaderName::from_static("x-cache"),
            cache.header_value(),
        );
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
