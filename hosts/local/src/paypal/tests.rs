//! Through the router, as a merchant and a payer would.

mod access;
mod approval;
mod authorizations;
mod captures;
mod deliveries;
mod idempotency;
mod orders;
mod persistence;
mod refunds;
mod sending;
mod validation;
mod verification;
mod webhooks;

use super::{Credentials, Simulator};
use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use exodrive_native::Clock;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const BASE: &str = "http://paypal.test";

/// A simulator, its clock, and a merchant with a token.
struct PayPal {
    simulator: Simulator,
    clock: Clock,
    token: String,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Answer {
    /// The status and the first issue.
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

    /// The relations of its links.
    fn relations(&self) -> Vec<&str> {
        self.body["links"]
            .as_array()
            .unwrap()
            .iter()
            .map(|link| link["rel"].as_str().unwrap())
            .collect()
    }
}

fn credentials() -> Credentials {
    Credentials {
        client_id: "client".to_owned(),
        client_secret: "secret".to_owned(),
    }
}

async fn send(simulator: &Simulator, request: Request<Body>) -> Answer {
    let response = simulator.router().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status,
        headers: head.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

async fn ask_token(simulator: &Simulator, user: &str, form: &'static str) -> Answer {
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
        Self::with(
            Simulator::new(clock.clone(), credentials(), format!("{BASE}/")),
            clock,
        )
        .await
    }

    async fn with(simulator: Simulator, clock: Clock) -> Self {
        let granted = ask_token(&simulator, "client:secret", "grant_type=client_credentials").await;
        let token = granted.body["access_token"].as_str().unwrap().to_owned();
        Self {
            simulator,
            clock,
            token,
        }
    }

    /// Lets time pass, and gets a token for it.
    async fn pass(&mut self, hours: i64) {
        self.clock.advance(SignedDuration::from_hours(hours));
        *self = Self::with(self.simulator.clone(), self.clock.clone()).await;
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
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

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None, &[]).await
    }

    /// Posts and wants the whole of what comes of it.
    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(
            "POST",
            path,
            Some(body),
            &[("prefer", "return=representation")],
        )
        .await
    }

    async fn post_as(&self, request_id: &str, path: &str, body: Value) -> Answer {
        let headers = [
            ("prefer", "return=representation"),
            ("paypal-request-id", request_id),
        ];
        self.call("POST", path, Some(body), &headers).await
    }

    /// A payer presses the button.
    async fn approve(&self, order: &str) -> Answer {
        let request = Request::post(format!("/checkoutnow?token={order}"))
            .body(Body::empty())
            .unwrap();
        send(&self.simulator, request).await
    }

    async fn order(&self, description: &str) -> String {
        let answer = self.post("/v2/checkout/orders", order(description)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.id()
    }

    /// An order that was approved and authorized: its id and the authorization's.
    async fn authorized(&self, description: &str) -> (String, String) {
        let order = self.order(description).await;
        assert_eq!(self.approve(&order).await.status, StatusCode::OK);
        let answer = self
            .post(&format!("/v2/checkout/orders/{order}/authorize"), json!({}))
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let id = answer.body["purchase_units"][0]["payments"]["authorizations"][0]["id"].as_str();
        (order, id.unwrap().to_owned())
    }

    /// An authorization's address.
    async fn authorization(&self, description: &str) -> String {
        format!(
            "/v2/payments/authorizations/{}",
            self.authorized(description).await.1
        )
    }

    async fn status(&self, path: &str) -> String {
        self.get(path).await.body["status"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// An order of the older form over 237.60 USD.
fn order(description: &str) -> Value {
    json!({
        "intent": "AUTHORIZE",
        "purchase_units": [{
            "amount": { "currency_code": "USD", "value": "237.60" },
            "custom_id": "payment-1",
            "description": description,
        }],
    })
}

/// What was reported of one order: the types, oldest first.
fn types(paypal: &PayPal, order: &str) -> Vec<String> {
    reported(paypal, order)
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

/// What was reported of one order, as a test of the system sees it.
fn reported(paypal: &PayPal, order: &str) -> Vec<Value> {
    let events = serde_json::to_value(paypal.simulator.events(Some(order))).unwrap();
    events.as_array().unwrap().clone()
}

/// The body of an event, as it is delivered.
fn event(paypal: &PayPal, id: &str) -> Value {
    let delivery = paypal.simulator.deliver(id, None).unwrap();
    serde_json::from_slice(delivery.request.body()).unwrap()
}

fn dollars(value: &str) -> Value {
    json!({ "amount": { "currency_code": "USD", "value": value } })
}

fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}
