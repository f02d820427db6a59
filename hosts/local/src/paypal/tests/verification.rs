//! Verification of deliveries.

use super::{BASE, PayPal, event_records, request_token, send};
use crate::paypal::{Delivery, Forgery};
use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

const PATH: &str = "/v1/notifications/verify-webhook-signature";

/// Approves a new order and returns the id of the event.
async fn approve_order(paypal: &PayPal) -> String {
    let order = paypal.create_order("A car").await;
    paypal.approve(&order).await;
    event_records(paypal, &order)[0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The body of a request to verify a delivery, with these bytes as the event.
fn verification_body(delivery: &Delivery, event: &str) -> String {
    let header = |name: &str| delivery.request.headers()[name].to_str().unwrap();
    format!(
        r#"{{"auth_algo": "{}", "cert_url": "{}", "transmission_id": "{}", "transmission_sig": "{}", "transmission_time": "{}",
            "webhook_id": "LOCALWEBHOOK00001", "webhook_event": {event} }}"#,
        header("paypal-auth-algo"),
        header("paypal-cert-url"),
        header("paypal-transmission-id"),
        header("paypal-transmission-sig"),
        header("paypal-transmission-time"),
    )
}

fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.request.body().to_vec()).unwrap()
}

async fn verify(paypal: &PayPal, body: String) -> super::TestResponse {
    let request = Request::post(PATH)
        .header(header::AUTHORIZATION, format!("Bearer {}", paypal.token))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .unwrap();
    send(&paypal.simulator, request).await
}

async fn verification_result(paypal: &PayPal, body: String) -> Value {
    let response = verify(paypal, body).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    response.body
}

#[tokio::test]
async fn only_exact_genuine_bytes_are_verified() {
    let paypal = PayPal::new().await;
    let event = approve_order(&paypal).await;
    let success = json!({"verification_status": "SUCCESS"});
    let failure = json!({"verification_status": "FAILURE"});
    // A retry has a new signature, which is also genuine.
    for _ in 0..2 {
        let delivery = paypal.simulator.deliver(&event, None).unwrap();
        let verification_body = verification_body(&delivery, &text(&delivery));
        assert_eq!(
            verification_result(&paypal, verification_body).await,
            success
        );
    }
    for forgery in [
        Forgery::Body,
        Forgery::Signature,
        Forgery::CertUrl,
        Forgery::WebhookId,
    ] {
        let forgery = paypal.simulator.deliver(&event, Some(forgery)).unwrap();
        let verification_body = verification_body(&forgery, &text(&forgery));
        assert_eq!(
            verification_result(&paypal, verification_body).await,
            failure,
            "{forgery:?}"
        );
    }
    // Other bytes fail, even for the same JSON.
    let delivery = paypal.simulator.deliver(&event, None).unwrap();
    let reformatted = text(&delivery).replacen(',', ", ", 1);
    assert_eq!(
        serde_json::from_str::<Value>(&reformatted).unwrap(),
        serde_json::from_str::<Value>(&text(&delivery)).unwrap()
    );
    assert_eq!(
        verification_result(&paypal, verification_body(&delivery, &reformatted)).await,
        failure
    );
    for (from, to) in [
        ("SHA256withRSA", "SHA1withRSA"),
        ("LOCALWEBHOOK00001", "LOCALWEBHOOK00002"),
        ("Z\"", "+00:00\""),
    ] {
        let verification_body =
            verification_body(&delivery, &text(&delivery)).replacen(from, to, 1);
        assert_eq!(
            verification_result(&paypal, verification_body).await,
            failure,
            "{to}"
        );
    }
}

#[tokio::test]
async fn invalid_verification_members_are_named() {
    let paypal = PayPal::new().await;
    let event = approve_order(&paypal).await;
    let delivery = paypal.simulator.deliver(&event, None).unwrap();
    let valid: Value =
        serde_json::from_str(&verification_body(&delivery, &text(&delivery))).unwrap();
    let changes = [
        ("auth_algo", Value::Null, "INVALID_PARAMETER_SYNTAX"),
        ("cert_url", json!(""), "INVALID_STRING_LENGTH"),
        ("transmission_id", json!(7), "INVALID_PARAMETER_SYNTAX"),
        (
            "transmission_sig",
            json!("x".repeat(501)),
            "INVALID_STRING_LENGTH",
        ),
        (
            "transmission_time",
            json!("a b"),
            "INVALID_PARAMETER_SYNTAX",
        ),
        ("webhook_id", json!("WH-1"), "INVALID_PARAMETER_SYNTAX"),
        ("webhook_event", json!("{}"), "INVALID_PARAMETER_SYNTAX"),
    ];
    for (name, value, issue) in changes {
        for (value, issue) in [
            (Some(value.clone()), issue),
            (None, "MISSING_REQUIRED_PARAMETER"),
        ] {
            let mut verification_body = valid.clone();
            match value {
                Some(value) => verification_body[name] = value,
                None => drop(verification_body.as_object_mut().unwrap().remove(name)),
            }
            let response = verify(&paypal, verification_body.to_string()).await;
            assert_eq!(response.status, StatusCode::BAD_REQUEST, "{name}");
            assert_eq!(response.body["name"], "VALIDATION_ERROR");
            assert_eq!(
                response.body["details"],
                json!([{"field": format!("/{name}"), "location": "body", "issue": issue}])
            );
        }
    }
    for body in ["", "[]", "{"] {
        let response = verify(&paypal, body.to_owned()).await;
        assert_eq!(response.issue(), (400, "MALFORMED_REQUEST_JSON"), "{body}");
    }
}

#[tokio::test]
async fn verification_needs_token() {
    let paypal = PayPal::new().await;
    let request = Request::post(PATH).body(Body::from("{}")).unwrap();
    let response = send(&paypal.simulator, request).await;
    assert_eq!(
        (response.status, &response.body["name"]),
        (StatusCode::UNAUTHORIZED, &json!("AUTHENTICATION_FAILURE"))
    );
    let unauthorized = PayPal {
        token: "made-up".to_owned(),
        ..paypal
    };
    let response = verify(&unauthorized, "{}".to_owned()).await;
    assert_eq!(
        (response.status, &response.body["error"]),
        (StatusCode::UNAUTHORIZED, &json!("invalid_token"))
    );
}

#[tokio::test]
async fn certificates_are_public_at_cert_url() {
    let paypal = PayPal::new().await;
    let event = approve_order(&paypal).await;
    let delivery = paypal.simulator.deliver(&event, None).unwrap();
    let address = delivery.request.headers()["paypal-cert-url"]
        .to_str()
        .unwrap();
    let path = address.strip_prefix(BASE).unwrap();
    let read = |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        send(&paypal.simulator, request)
    };
    let chain = read(path).await;
    assert_eq!(chain.status, StatusCode::OK);
    assert_eq!(chain.text.matches("-----BEGIN CERTIFICATE-----").count(), 2);
    let leaf = include_str!("../../../certificates/webhook.pem");
    assert!(chain.text.starts_with(leaf));
    let unknown = read("/v1/notifications/certs/CERT-NONE").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn verifications_and_certificate_reads_are_recorded() {
    let paypal = PayPal::new().await;
    request_token(&paypal.simulator, "client:secret", "").await;
    let before = paypal.simulator.requests();
    let request = Request::get("/v1/notifications/certs/CERT-LOCAL")
        .body(Body::empty())
        .unwrap();
    send(&paypal.simulator, request).await;
    verify(&paypal, "{}".to_owned()).await;
    assert_eq!(paypal.simulator.requests(), before + 2);
    let exchanges = serde_json::to_value(paypal.simulator.exchanges()).unwrap();
    let last: Vec<&Value> = exchanges.as_array().unwrap().iter().rev().take(2).collect();
    assert_eq!(last[1]["operation"], "certs.get");
    assert_eq!(last[0]["operation"], "verify-webhook-signature.post");
    assert_eq!(
        (&last[0]["requestBody"], &last[0]["status"]),
        (&json!({}), &json!(400))
    );
    assert!(!exchanges.to_string().contains(&paypal.token));
}
