//! The product as a host serves it: one HTTP request in, one HTTP response out.

use super::{
    Route,
    matching::RouteMatch,
    problems::{Code, Problem},
    response::{add_general_headers, add_notes, failure, preflight, success},
};
use crate::{
    app::App,
    config::{Config, ConfigError},
    flows::traffic::{callers, metrics, operators},
    instance::request_counts::ServedRequest,
    platform::{Deadline, Platform},
    routes::cors,
    web::{
        address::client_address,
        reply::Reply,
        request::{CacheOutcome, Notes, Request},
    },
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, Response, StatusCode};
use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

/// The largest body that is accepted. A host reads at most one byte more, which shows that a body
/// is too large.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// The time to respond to a request without a route.
const NO_ROUTE_SECONDS: u64 = 10;

/// The product. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    app: Result<App, ConfigError>,
    platform: Arc<dyn Platform>,
}

impl Service {
    /// A service that responds 503 on every route when the configuration is unusable.
    #[must_use]
    pub fn new(config: Result<Config, ConfigError>, platform: Arc<dyn Platform>) -> Self {
        if let Err(error) = &config {
            log::error!("not configured: {error}");
        }
        let app = config.map(|config| App::new(config, Arc::clone(&platform)));
        Self { app, platform }
    }

    /// Serves the whole table. The path names the route.
    pub async fn handle(
        &self,
        request: http::Request<Bytes>,
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let matched = RouteMatch::by_path(request.uri().path());
        self.respond_always(matched, request, peer).await
    }

    /// Serves the route `name`, wherever the host mounted it.
    pub async fn handle_route(
        &self,
        name: &str,
        request: http::Request<Bytes>,
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let matched = RouteMatch::by_name(name, request.uri());
        self.respond_always(matched, request, peer).await
    }

    /// Reports the remaining request counts, for a host that is about to stop.
    pub async fn finish_counting(&self) {
        if let Ok(app) = &self.app {
            metrics::report(app).await;
        }
    }

    /// Responds 500 to a panic outside of a handler, so that the instance survives it.
    async fn respond_always(
        &self,
        matched: Option<RouteMatch>,
        request: http::Request<Bytes>,
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let response = AssertUnwindSafe(self.respond(matched, request, peer))
            .catch_unwind()
            .await;
        response.unwrap_or_else(|_| {
            log::error!("panic before or after a handler");
            failure("", &Problem::new(Code::Internal))
        })
    }

    async fn respond(
        &self,
        matched: Option<RouteMatch>,
        request: http::Request<Bytes>,
        peer: Option<IpAddr>,
    ) -> Response<Bytes> {
        let started = self.platform.now();
        let route = matched.as_ref().map(|matched| matched.route);
        let seconds = route.map_or(NO_ROUTE_SECONDS, |route| route.seconds);
        let deadline = Deadline::after(started, Duration::from_secs(seconds));
        let request = self.read(matched, request, peer, deadline);
        // A panic in a handler gets a response with all headers, and the instance survives it.
        let outcome = AssertUnwindSafe(self.run(route, &request))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(Problem::new(Code::Internal).detail("Please report this.")));

        let problem = outcome.as_ref().err().map(|problem| problem.code.name());
        let mut response = match outcome {
            Ok(reply) => success(reply),
            Err(problem) => failure(&request.id, &problem),
        };
        if let Ok(app) = &self.app {
            operators::finish_request(app, &request, response.status(), problem).await;
        }
        let micros = self.platform.now().duration_since(started).as_micros();
        let micros = u64::try_from(micros).unwrap_or(0);
        self.record(&request, response.status(), problem, micros);
        let headers = response.headers_mut();
        add_general_headers(headers, &request.id, micros);
        add_notes(headers, request.notes.snapshot());
        if let Ok(app) = &self.app {
            headers.extend(cors::response_headers(app.config(), &request.headers));
        }
        response
    }

    fn read(
        &self,
        matched: Option<RouteMatch>,
        request: http::Request<Bytes>,
        peer: Option<IpAddr>,
        deadline: Deadline,
    ) -> Request {
        let (head, body) = request.into_parts();
        let app = self.app.as_ref().ok();
        let trusted = app.and_then(|app| app.config().trusted_ip_header.as_ref());
        let method = match head.method {
            Method::HEAD => Method::GET,
            method => method,
        };
        let route = matched.as_ref().map(|matched| matched.route);
        let is_change = route.is_some_and(|route| route.changes(&method));
        Request {
            method,
            query: head.uri.query().unwrap_or_default().to_owned(),
            address: client_address(&head.headers, trusted, peer),
            headers: head.headers,
            body,
            route: route.map_or("-", |route| route.path),
            parameter: matched.and_then(|matched| matched.parameter),
            id: request_id(self.platform.random()),
            deadline,
            is_change,
            notes: Notes::default(),
        }
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
        if !route.supports(&request.method) {
            return Err(Problem::new(Code::MethodNotAllowed).allow(route.methods));
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

    /// Logs and counts a request. The line has no query, header or body: they may hold tokens.
    fn record(
        &self,
        request: &Request,
        status: StatusCode,
        problem: Option<&'static str>,
        micros: u64,
    ) {
        let (route, status) = (request.route, status.as_u16());
        log::info!(
            "request={} method={} route={route} status={status} micros={micros}",
            request.id,
            request.method
        );
        let Ok(app) = &self.app else { return };
        let notes = request.notes.snapshot();
        let served = ServedRequest {
            route,
            status,
            problem,
            cache: notes.cache.map(CacheOutcome::header_value),
            millis: micros / 1_000,
        };
        metrics::count(app, served);
        if notes.limit.is_some_and(|(_, decision)| decision.allowed) {
            callers::identify_later(app, request);
        }
    }
}

/// A random UUID (RFC 9562, version 4).
fn request_id(random: [u8; 32]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&random[..16]);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}
