//! The simulator's addresses.

use super::{
    bodies::{json_response, whole},
    errors::{Kind, Refusal},
    exchanges::{Exchange, kept_body, kept_headers},
    links::Links,
    operation::Operation,
    orders::{Approval, page},
    request::{ApiRequest, read, wants_representation},
    response::ApiResponse,
    simulator::{Simulator, lock},
    webhooks::verification,
};
use axum::{
    Router,
    extract::{Path, Query, Request, State},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{MethodRouter, get, post},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::sync::atomic::Ordering;

impl Simulator {
    /// The API and the approval page.
    pub fn router(&self) -> axum::Router {
        router(self.clone())
    }

    /// Answers one request of the API and keeps both.
    async fn exchange(&self, operation: Operation, id: &str, request: Request) -> Response {
        self.inner.requests.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let Some(bytes) = whole(body).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let now = self.inner.clock.now();
        let (status, body, debug_id) = self.answer(operation, id, &head, &bytes, now);
        let answered = body.clone().unwrap_or_default();
        self.keep(&head, operation.name(), &bytes, status, answered);
        let mut response = json_response(status, body);
        if let Ok(value) = HeaderValue::from_str(&debug_id) {
            response.headers_mut().insert("paypal-debug-id", value);
        }
        response
    }

    /// Keeps a request and its answer.
    pub(super) fn keep(
        &self,
        head: &Parts,
        operation: &'static str,
        request_body: &[u8],
        status: StatusCode,
        response_body: Value,
    ) {
        lock(&self.inner.exchanges).keep(Exchange {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            operation,
            request_headers: kept_headers(&head.headers),
            request_body: kept_body(request_body),
            status: status.as_u16(),
            response_body,
        });
    }

    fn answer(
        &self,
        operation: Operation,
        id: &str,
        head: &Parts,
        body: &[u8],
        now: Timestamp,
    ) -> (StatusCode, Option<Value>, String) {
        let allowed = lock(&self.inner.tokens).check(&head.headers, now);
        let mut ledger = lock(&self.inner.ledger);
        let debug_id = ledger.ids.debug();
        if let Some(Err(denied)) = allowed {
            return (denied.status, Some(denied.body()), debug_id);
        }
        let outcome = match allowed {
            None => Err(Refusal::bare(Kind::Unauthenticated)),
            Some(_) => read(operation, head, body).and_then(|(body, request_id)| {
                let request = ApiRequest {
                    request_id: request_id.as_deref(),
                    representation: wants_representation(&head.headers),
                    body: &body,
                    now,
                    links: Links::under(&self.inner.public_base),
                };
                ledger.perform(operation, id, &request)
            }),
        };
        if operation.writes() {
            self.inner.changed();
        }
        match outcome {
            Ok(ApiResponse { status, body }) => (status, body, debug_id),
            Err(refusal) => {
                let body = refusal.body(operation, &debug_id);
                (refusal.kind.status(), Some(body), debug_id)
            }
        }
    }
}

fn router(simulator: Simulator) -> Router {
    let authorization = "/v2/payments/authorizations/{id}";
    Router::new()
        .route("/v1/oauth2/token", post(token))
        .route("/v2/checkout/orders", operation(Operation::CreateOrder))
        .route("/v2/checkout/orders/{id}", operation(Operation::ShowOrder))
        .route(
            "/v2/checkout/orders/{id}/authorize",
            operation(Operation::AuthorizeOrder),
        )
        .route(authorization, operation(Operation::ShowAuthorization))
        .route(
            &format!("{authorization}/capture"),
            operation(Operation::Capture),
        )
        .route(&format!("{authorization}/void"), operation(Operation::Void))
        .route(
            &format!("{authorization}/reauthorize"),
            operation(Operation::Reauthorize),
        )
        .route(
            "/v2/payments/captures/{id}",
            operation(Operation::ShowCapture),
        )
        .route(
            "/v2/payments/captures/{id}/refund",
            operation(Operation::Refund),
        )
        .route(
            "/v2/payments/refunds/{id}",
            operation(Operation::ShowRefund),
        )
        .route("/checkoutnow", get(ask).post(approve))
        .merge(verification::router())
        .with_state(simulator)
}

fn operation(operation: Operation) -> MethodRouter<Simulator> {
    let handler = move |State(simulator): State<Simulator>,
                        id: Option<Path<String>>,
                        request: Request| async move {
        let id = id.map(|Path(id)| id).unwrap_or_default();
        simulator.exchange(operation, &id, request).await
    };
    if operation.writes() {
        post(handler)
    } else {
        get(handler)
    }
}

async fn token(State(simulator): State<Simulator>, request: Request) -> Response {
    let inner = &simulator.inner;
    inner.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let Some(form) = whole(body).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let granted =
        lock(&inner.tokens).grant(&inner.credentials, &head.headers, &form, inner.clock.now());
    let (status, body) = match granted {
        Ok(body) => (StatusCode::OK, body),
        Err(denied) => (denied.status, denied.body()),
    };
    let mut kept = body.clone();
    if let Some(members) = kept.as_object_mut() {
        members.remove("access_token");
    }
    simulator.keep(&head, "oauth2.token", &form, status, kept);
    json_response(status, Some(body))
}

#[derive(Deserialize)]
struct Payer {
    #[serde(default)]
    token: String,
}

/// Shows the approval page; the payer's 3 hours begin.
async fn ask(State(simulator): State<Simulator>, Query(payer): Query<Payer>) -> Response {
    let inner = &simulator.inner;
    let now = inner.clock.now();
    let mut ledger = lock(&inner.ledger);
    if let Some(order) = ledger.orders.get_mut(&payer.token) {
        order.open(now);
    }
    let page = page::of(ledger.orders.get(&payer.token), now);
    inner.changed();
    page_response(&page)
}

/// Approves, and leads back to the shop where it said where that is.
async fn approve(State(simulator): State<Simulator>, Query(payer): Query<Payer>) -> Response {
    let inner = &simulator.inner;
    let now = inner.clock.now();
    let mut ledger = lock(&inner.ledger);
    let links = Links::under(&inner.public_base);
    let approval = ledger.approve_order(&payer.token, now, links);
    inner.changed();
    let order = ledger.orders.get(&payer.token);
    match (approval, order.and_then(page::return_address)) {
        (Some(Approval::Approved | Approval::Repeated), Some(address)) => {
            Redirect::to(&address).into_response()
        }
        (Some(Approval::Expired), _) => page_response(&page::Page::Expired),
        _ => page_response(&page::of(order, now)),
    }
}

fn page_response(page: &page::Page) -> Response {
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (page.status(), headers, Html(page.html())).into_response()
}
