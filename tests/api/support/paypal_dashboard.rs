//! Actions of the merchant in PayPal's dashboard, without the product.
//!
//! They fail while a fault of PayPal is set.

use super::{client::http_client, environment::variable};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// An order with its payments, as PayPal has it.
#[derive(Debug)]
pub(crate) struct PayPalOrder(Value);

async fn request(method: Method, path: &str) -> RequestBuilder {
    let (http, base) = (http_client(), variable("PAYPAL_BASE_URL"));
    let token = http
        .post(format!("{base}/v1/oauth2/token"))
        .basic_auth(
            variable("PAYPAL_CLIENT_ID"),
            Some(variable("PAYPAL_CLIENT_SECRET")),
        )
        .form(&[("grant_type", "client_credentials")])
        .send()
        .await
        .unwrap();
    let token: Value = token.json().await.unwrap();
    http.request(method, format!("{base}{path}"))
        .bearer_auth(token["access_token"].as_str().unwrap())
        .header("prefer", "return=representation")
}

async fn send(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "PayPal returned {status}: {text}");
    serde_json::from_str(&text).unwrap()
}

async fn post(path: &str, body: &Value) -> Value {
    // The product's own request ids have another form.
    let id = format!("dashboard-{}", crate::support::environment::new_uuid());
    let request = request(Method::POST, path).await;
    send(request.header("paypal-request-id", id).json(body)).await
}

pub(crate) async fn read_paypal_order(order: &str) -> PayPalOrder {
    let path = format!("/v2/checkout/orders/{order}");
    PayPalOrder(send(request(Method::GET, &path).await).await)
}

/// Authorizes an approved order and returns the id of the authorization.
pub(crate) async fn authorize(order: &str) -> String {
    let path = format!("/v2/checkout/orders/{order}/authorize");
    let response = post(&path, &json!({})).await;
    let payments = &response["purchase_units"][0]["payments"];
    payments["authorizations"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub(crate) async fn void(authorization: &str) {
    let path = format!("/v2/payments/authorizations/{authorization}/void");
    assert_eq!(post(&path, &json!({})).await["status"], "VOIDED");
}

/// Captures a part of an authorization that stays open, and returns the id of the capture.
pub(crate) async fn capture(authorization: &str, value: &str, currency: &str) -> String {
    let path = format!("/v2/payments/authorizations/{authorization}/capture");
    let body = json!({"amount": {"currency_code": currency, "value": value}});
    post(&path, &body).await["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn refund(capture: &str, value: &str, currency: &str) {
    let path = format!("/v2/payments/captures/{capture}/refund");
    let body = json!({"amount": {"currency_code": currency, "value": value}});
    assert_eq!(post(&path, &body).await["status"], "COMPLETED");
}

impl PayPalOrder {
    fn payments(&self, kind: &str) -> Vec<Value> {
        let payments = &self.0["purchase_units"][0]["payments"][kind];
        payments.as_array().cloned().unwrap_or_default()
    }

    /// The states of the authorizations. A reauthorization follows the one that it extends.
    pub(crate) fn authorizations(&self) -> Vec<String> {
        let states = self.payments("authorizations").into_iter();
        states
            .map(|payment| payment["status"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The captured amounts.
    pub(crate) fn captures(&self) -> Vec<String> {
        values(&self.payments("captures"))
    }

    /// The refunded amounts.
    pub(crate) fn refunds(&self) -> Vec<String> {
        values(&self.payments("refunds"))
    }
}

fn values(payments: &[Value]) -> Vec<String> {
    let amounts = payments.iter().map(|payment| &payment["amount"]["value"]);
    amounts
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}
