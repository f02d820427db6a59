//! Access tokens, recorded exchanges and the form of errors.

use super::{BASE, PayPal, credentials, request_token, send};
use crate::paypal::Simulator;
use axum::body::Body;
use exodrive_native::Clock;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn token_needs_valid_client_credentials() {
    let simulator = Simulator::new(Clock::default(), credentials(), BASE.to_owned());
    let response =
        request_token(&simulator, "client:secret", "grant_type=client_credentials").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.body["token_type"], "Bearer");
    assert_eq!(response.body["expires_in"], 32_400);
    for member in ["scope", "access_token", "app_id", "nonce"] {
        assert!(
            response.body[member]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{member}"
        );
    }
    let error = request_token(&simulator, "client:wrong", "grant_type=client_credentials").await;
    assert_eq!(error.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        error.body,
        json!({"error": "invalid_client", "error_description": "Client Authentication failed"})
    );
    let error = request_token(&simulator, "client:secret", "grant_type=password").await;
    assert_eq!(
        (error.status, &error.body["error"]),
        (StatusCode::BAD_REQUEST, &json!("unsupported_grant_type"))
    );
}

#[tokio::test]
async fn calls_need_unexpired_token() {
    let mut paypal = PayPal::new().await;
    let path = "/v2/checkout/orders/1";
    let response = send(
        &paypal.simulator,
        Request::get(path).body(Body::empty()).unwrap(),
    )
    .await;
    assert_eq!(
        (response.status, &response.body["name"]),
        (StatusCode::UNAUTHORIZED, &json!("AUTHENTICATION_FAILURE"))
    );

    assert_eq!(paypal.get(path).await.status, StatusCode::NOT_FOUND);
    paypal.clock.advance(Duration::from_secs(32_399));
    assert_eq!(paypal.get(path).await.status, StatusCode::NOT_FOUND);
    paypal.clock.advance(Duration::from_secs(1));
    let response = paypal.get(path).await;
    assert_eq!(
        (response.status, &response.body["error"]),
        (StatusCode::UNAUTHORIZED, &json!("invalid_token"))
    );

    paypal.token = "made-up".to_owned();
    assert_eq!(paypal.get(path).await.body["error"], "invalid_token");
}

#[tokio::test]
async fn exchanges_are_recorded_without_secrets() {
    let paypal = PayPal::new().await;
    paypal
        .post_with_id("id-1", "/v2/checkout/orders", json!({"intent": "NONE"}))
        .await;
    let exchanges = serde_json::to_value(paypal.simulator.exchanges()).unwrap();
    assert_eq!(paypal.simulator.requests(), 2);
    assert_eq!(exchanges.as_array().unwrap().len(), 2);
    assert_eq!(exchanges[0]["operation"], "oauth2.token");
    assert_eq!(exchanges[0]["responseBody"].get("access_token"), None);
    assert!(!exchanges.to_string().contains(&paypal.token));
    assert_eq!(exchanges[1]["method"], "POST");
    assert_eq!(exchanges[1]["path"], "/v2/checkout/orders");
    assert_eq!(exchanges[1]["operation"], "orders.create");
    assert_eq!(exchanges[1]["status"], 400);
    assert_eq!(exchanges[1]["requestBody"], json!({"intent": "NONE"}));
    assert_eq!(exchanges[1]["responseBody"]["name"], "INVALID_REQUEST");
    assert_eq!(
        exchanges[1]["requestHeaders"],
        json!({"content-type": "application/json", "prefer": "return=representation", "paypal-request-id": "id-1"})
    );
}

#[tokio::test]
async fn error_body_has_all_members() {
    let paypal = PayPal::new().await;
    let response = paypal.get("/v2/payments/captures/NONE").await;
    let debug_id = response.headers["paypal-debug-id"].to_str().unwrap();
    assert_eq!(debug_id.len(), 13);
    assert_eq!(
        response.body,
        json!({
            "name": "RESOURCE_NOT_FOUND",
            "message": "The specified resource does not exist.",
            "debug_id": debug_id,
            "details": [{
                "issue": "INVALID_RESOURCE_ID",
                "description": "Specified resource ID does not exist. Please check the resource ID and try again.",
            }],
            "links": [{
                "href": "https://developer.paypal.com/docs/api/payments/v2/#error-INVALID_RESOURCE_ID",
                "rel": "information_link",
                "method": "GET",
            }],
        })
    );
}

#[tokio::test]
async fn only_json_bodies_are_accepted() {
    let paypal = PayPal::new().await;
    let request = |kind: &'static str, body: &'static str| {
        let request = Request::post("/v2/checkout/orders")
            .header(header::AUTHORIZATION, format!("Bearer {}", paypal.token))
            .header(header::CONTENT_TYPE, kind);
        send(&paypal.simulator, request.body(Body::from(body)).unwrap())
    };
    assert_eq!(
        request("text/plain", "{}").await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    for body in ["", "{", "[]", "null"] {
        assert_eq!(
            request("application/json; charset=utf-8", body)
                .await
                .issue(),
            (400, "MALFORMED_REQUEST_JSON")
        );
    }
    assert_eq!(
        paypal
            .call("DELETE", "/v2/checkout/orders", None, &[])
            .await
            .status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(paypal.get("/v2/elsewhere").await.body, Value::Null);
}
