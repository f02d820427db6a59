//! Tests through the router, as a merchant and a payer.

mod access;
mod approval;
mod authorizations;
mod behaviour;
mod captures;
mod console;
mod deliveries;
mod facts;
mod idempotency;
mod orders;
mod outcomes;
mod persistence;
mod reads;
mod refunds;
mod refusals;
mod sending;
mod validation;
mod verification;
mod webhooks;

use super::{Behaviour, Credentials, Simulator, Unkindness};
use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use exodrive_native::Clock;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt as _;

const BASE: &str = "http://paypal.test";

/// A simulator with its clock, and the access token of its merchant.
struct PayPal {
    simulator: Simulator,
    clock: Clock,
    token: String,
}

#[derive(Debug)]
struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl TestResponse {
    /// The status and the first issue of an error.
    fn issue(&self) -> (u16, &str) {
        (
            self.status.as_u16(),
            self.body["details"][0]["issue"]
                .as_str()
                .unwrap_or_default(),
        )
    }

    fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// The `rel` of each link.
    fn relations(&self) -> Vec<&str> {
        self.body["links"]
            .as_array()
            .unwrap()
            .iter()
            .map(|link| link["rel"].as_str().unwrap())
            .collect()
    }
}

/// The `payments` of a new order that is authorized.
pub(crate) async fn authorized_order(simulator: &Simulator) -> Value {
    let paypal = PayPal::with_simulator(simulator.clone(), Clock::default()).await;
    let (order, _) = paypal.authorize_order("A car").await;
    let order = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
    order.body["purchase_units"][0]["payments"].clone()
}

fn credentials() -> Credentials {
    Credentials {
        client_id: "client".to_owned(),
        client_secret: "secret".to_owned(),
    }
}

async fn send(simulator: &Simulator, request: Request<Body>) -> TestResponse {
    let response = simulator.router().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    TestResponse {
        status: head.status,
        headers: head.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

async fn request_token(simulator: &Simulator, user: &str, form: &'static str) -> TestResponse {
    let request = Request::post("/v1/oauth2/token")
        .header(
            header::AUTHORIZATION,
            format!("Basic {}", STANDARD.encode(user)),
        )
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    send(simulator, request).await
}

impl PayPal {
    async fn new() -> Self {
        let clock = Clock::default();
        Self::with_simulator(
            Simulator::new(clock.clone(), credentials(), format!("{BASE}/")),
            clock,
        )
        .await
    }

    async fn with_simulator(simulator: Simulator, clock: Clock) -> Self {
        let response =
            request_token(&simulator, "client:secret", "grant_type=client_credentials").await;
        let token = response.body["access_token"].as_str().unwrap().to_owned();
        Self {
            simulator,
            clock,
            token,
        }
    }

    /// Advances the clock and requests a new token.
    async fn advance_hours(&mut self, hours: u64) {
        self.clock.advance(Duration::from_secs(hours * 3600));
        *self = Self::with_simulator(self.simulator.clone(), self.clock.clone()).await;
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> TestResponse {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        send(&self.simulator, request.body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> TestResponse {
        self.call("GET", path, None, &[]).await
    }

    /// POST with `Prefer: return=representation`.
    async fn post(&self, path: &str, body: Value) -> TestResponse {
        self.call(
            "POST",
            path,
            Some(body),
            &[("prefer", "return=representation")],
        )
        .await
    }

    async fn post_with_id(&self, request_id: &str, path: &str, body: Value) -> TestResponse {
        let headers = [
            ("prefer", "return=representation"),
            ("paypal-request-id", request_id),
        ];
        self.call("POST", path, Some(body), &headers).await
    }

    /// The payer approves the order.
    async fn approve(&self, order: &str) -> TestResponse {
        let request = Request::post(format!("/checkoutnow?token={order}"))
            .body(Body::empty())
            .unwrap();
        send(&self.simulator, request).await
    }

    async fn create_order(&self, description: &str) -> String {
        let response = self
            .post("/v2/checkout/orders", order_body(description))
            .await;
        assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
        response.id()
    }

    /// Returns the ids of a new order and of its authorization.
    async fn authorize_order(&self, description: &str) -> (String, String) {
        let order = self.create_order(description).await;
        assert_eq!(self.approve(&order).await.status, StatusCode::OK);
        let response = self
            .post(&format!("/v2/checkout/orders/{order}/authorize"), json!({}))
            .await;
        assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
        let id = response.body["purchase_units"][0]["payments"]["authorizations"][0]["id"].as_str();
        (order, id.unwrap().to_owned())
    }

    /// Returns the path of a new authorization.
    async fn authorization_path(&self, description: &str) -> String {
        format!(
            "/v2/payments/authorizations/{}",
            self.authorize_order(description).await.1
        )
    }

    /// Puts a behaviour into force.
    fn set(&self, behaviour: Behaviour) {
        self.simulator.set_behaviour(behaviour).unwrap();
    }

    /// Puts an unkindness towards everything into force.
    fn be(&self, unkindness: Unkindness) {
        self.set(Behaviour::new(unkindness));
    }

    async fn status(&self, path: &str) -> String {
        self.get(path).await.body["status"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// An order of 237.60 USD without `payment_source`.
fn order_body(description: &str) -> Value {
    json!({
        "intent": "AUTHORIZE",
        "purchase_units": [{
            "amount": { "currency_code": "USD", "value": "237.60" },
            "custom_id": "payment-1",
            "description": description,
        }],
    })
}

/// The types of an order's events, oldest first.
fn event_types(paypal: &PayPal, order: &str) -> Vec<String> {
    event_records(paypal, order)
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

/// An order's events in the format of the control API, oldest first.
fn event_records(paypal: &PayPal, order: &str) -> Vec<Value> {
    let events = serde_json::to_value(paypal.simulator.events(Some(order))).unwrap();
    events.as_array().unwrap().clone()
}

/// The body of an event's delivery.
fn event_body(paypal: &PayPal, id: &str) -> Value {
    let delivery = paypal.simulator.deliver(id, None).unwrap();
    serde_json::from_slice(delivery.request.body()).unwrap()
}

fn dollars(value: &str) -> Value {
    json!({ "amount": { "currency_code": "USD", "value": value } })
}

fn timestamp(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}
