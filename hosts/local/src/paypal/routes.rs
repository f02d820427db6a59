//! The simulator's routes and their handlers.

use super::{
    behaviour::{Answer, AnswerBody, Call},
    bodies::read_body,
    exchanges::{Exchange, recorded_body, recorded_headers},
    links::Links,
    operation::Operation,
    orders::{Approval, page},
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
use serde::Deserialize;
use serde_json::Value;
use std::sync::atomic::Ordering;

impl Simulator {
    /// The API and the approval page.
    pub fn router(&self) -> Router {
        router(self.clone())
    }

    /// Handles one API request and records the exchange.
    async fn handle(&self, operation: Operation, id: &str, request: Request) -> Response {
        self.inner.requests.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let Some(bytes) = read_body(body).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let (answer, debug_id) = self.respond(operation, id, &head, &bytes);
        self.record_exchange(&head, operation.name(), &bytes, &answer);
        let mut response = answer.into_response();
        if let Ok(value) = HeaderValue::from_str(&debug_id) {
            response.headers_mut().insert("paypal-debug-id", value);
        }
        response
    }

    pub(super) fn record_exchange(
        &self,
        head: &Parts,
        operation: &'static str,
        request_body: &[u8],
        answer: &Answer,
    ) {
        lock(&self.inner.exchanges).push(Exchange {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            operation,
            request_headers: recorded_headers(&head.headers),
            request_body: recorded_body(request_body),
            status: answer.status.as_u16(),
            response_body: answer.recorded_body(),
            behaviour: answer.behaviour,
        });
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
        .route("/checkoutnow", get(show_approval_page).post(approve))
        .merge(verification::router())
        .with_state(simulator)
}

fn operation(operation: Operation) -> MethodRouter<Simulator> {
    let handler = move |State(simulator): State<Simulator>,
                        id: Option<Path<String>>,
                        request: Request| async move {
        let id = id.map(|Path(id)| id).unwrap_or_default();
        simulator.handle(operation, &id, request).await
    };
    if operation.is_write() {
        post(handler)
    } else {
        get(handler)
    }
}

async fn token(State(simulator): State<Simulator>, request: Request) -> Response {
    let inner = &simulator.inner;
    inner.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let Some(form) = read_body(body).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let now = inner.clock.now();
    let answer = simulator.refused(Call::Token, now).unwrap_or_else(|| {
        let granted = lock(&inner.tokens).grant(&inner.credentials, &head.headers, &form, now);
        match granted {
            Ok(body) => Answer::json(StatusCode::OK, Some(body)),
            Err(error) => Answer::json(error.status, Some(error.body())),
        }
    });
    let mut public = Answer::json(answer.status, Some(answer.recorded_body()));
    public.behaviour = answer.behaviour;
    if let AnswerBody::Json(Some(Value::Object(members))) = &mut public.body {
        members.remove("access_token");
    }
    simulator.record_exchange(&head, "oauth2.token", &form, &public);
    answer.into_response()
}

#[derive(Deserialize)]
struct ApprovalQuery {
    #[serde(default)]
    token: String,
}

/// Shows the approval page. The first visit starts the 3 hours for the approval.
async fn show_approval_page(
    State(simulator): State<Simulator>,
    Query(query): Query<ApprovalQuery>,
) -> Response {
    let inner = &simulator.inner;
    let now = inner.clock.now();
    let mut ledger = lock(&inner.ledger);
    if let Some(order) = ledger.orders.get_mut(&query.token) {
        order.open(now);
    }
    let page = page::of(ledger.orders.get(&query.token), now);
    inner.mark_changed();
    page_response(&page)
}

/// Approves the order and redirects to the shop's `return_url`, if the order has one.
async fn approve(
    State(simulator): State<Simulator>,
    Query(query): Query<ApprovalQuery>,
) -> Response {
    let inner = &simulator.inner;
    let now = inner.clock.now();
    let mut ledger = lock(&inner.ledger);
    let links = Links::under(&inner.public_base);
    let approval = ledger.approve_order(&query.token, now, links);
    inner.mark_changed();
    let order = ledger.orders.get(&query.token);
    match (approval, order.and_then(page::return_address)) {
        (Some(Approval::Approved | Approval::AlreadyApproved), Some(address)) => {
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
