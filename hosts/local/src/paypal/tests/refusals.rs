//! Behaviours that replace responses: errors, pages, limits, and accounts in trouble.

use super::{Behaviour, PayPal, Unkindness, order_body, request_token};
use crate::paypal::{Call, Operation};
use http::header;
use serde_json::{Value, json};

#[tokio::test]
async fn payer_who_cannot_pay_pays_later() {
    for (operation, issue) in [
        (Operation::AuthorizeOrder, "INSTRUMENT_DECLINED"),
        (Operation::AuthorizeOrder, "PAYER_CANNOT_PAY"),
        (Operation::Capture, "PAYER_CANNOT_PAY"),
        (Operation::Capture, "TRANSACTION_REFUSED"),
        (Operation::Reauthorize, "TRANSACTION_REFUSED"),
        (Operation::Refund, "REFUND_FAILED_INSUFFICIENT_FUNDS"),
        (Operation::Void, "SOMETHING_NEW"),
        (Operation::CreateOrder, "COMPLIANCE_VIOLATION"),
    ] {
        let mut paypal = PayPal::new().await;
        let path = match operation {
            Operation::CreateOrder => "/v2/checkout/orders".to_owned(),
            Operation::AuthorizeOrder => {
                let order = paypal.create_order("A car").await;
                paypal.approve(&order).await;
                format!("/v2/checkout/orders/{order}/authorize")
            }
            Operation::Refund => {
                let capture = format!("{}/capture", paypal.authorization_path("A car").await);
                let capture = paypal.post(&capture, json!({})).await.id();
                format!("/v2/payments/captures/{capture}/refund")
            }
            other => {
                let path = paypal.authorization_path("A car").await;
                if other == Operation::Reauthorize {
                    paypal.advance_hours(73).await;
                }
                let name = other.name().replace("authorizations.", "");
                format!("{path}/{name}")
            }
        };
        let body = if operation == Operation::CreateOrder {
            order_body("A car")
        } else {
            json!({})
        };
        paypal.set(
            Behaviour::new(Unkindness::decline(issue))
                .only(operation)
                .times(1),
        );
        let id = format!("{issue}-{}", operation.name());
        let declined = paypal.post_with_id(&id, &path, body.clone()).await;
        assert_eq!(declined.issue(), (422, issue));
        assert_eq!(declined.body["name"], "UNPROCESSABLE_ENTITY");
        // The refusal used neither the request id nor the resource up.
        let retry = paypal.post_with_id(&id, &path, body).await;
        assert!(retry.status.is_success(), "{issue}: {}", retry.text);
    }
}

#[tokio::test]
async fn issues_have_their_status_and_name() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    for (issue, status, name) in [
        ("PERMISSION_DENIED", 403, "NOT_AUTHORIZED"),
        ("INVALID_RESOURCE_ID", 404, "RESOURCE_NOT_FOUND"),
        ("PREVIOUS_REQUEST_IN_PROGRESS", 409, "RESOURCE_CONFLICT"),
        ("PAYEE_ACCOUNT_RESTRICTED", 422, "UNPROCESSABLE_ENTITY"),
        ("INVALID_ACCOUNT_STATUS", 401, "AUTHENTICATION_FAILURE"),
    ] {
        paypal.set(Behaviour::new(Unkindness::refuse(issue)).times(1));
        let refused = paypal.post(&format!("{path}/capture"), json!({})).await;
        assert_eq!(refused.issue(), (status, issue));
        assert_eq!(refused.body["name"], name);
    }
    assert_eq!(paypal.status(&path).await, "CREATED");
}

#[tokio::test]
async fn conflicts_have_three_forms() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    let conflict = async |behaviour: Value| {
        let behaviour = serde_json::from_value::<Behaviour>(behaviour).unwrap();
        paypal.set(behaviour.only(Operation::Void).times(1));
        let response = paypal.post(&format!("{path}/void"), json!({})).await;
        assert_eq!(response.status, 409);
        let issue = response.body["details"][0]["issue"].clone();
        (response.body["name"].clone(), issue)
    };
    let issue = "PREVIOUS_REQUEST_IN_PROGRESS";
    assert_eq!(
        conflict(json!({"kind": "refuse", "issue": issue})).await,
        (json!("RESOURCE_CONFLICT"), json!(issue))
    );
    assert_eq!(
        conflict(json!({"kind": "refuse", "issue": issue, "name": ""})).await,
        (Value::Null, json!(issue))
    );
    assert_eq!(
        conflict(json!({"kind": "refuse", "status": 409})).await,
        (json!("RESOURCE_CONFLICT"), Value::Null)
    );
    assert_eq!(
        conflict(json!({"kind": "refuse", "status": 409, "name": ""})).await,
        (Value::Null, Value::Null)
    );
    assert_eq!(paypal.status(&path).await, "CREATED");
}

#[tokio::test]
async fn errors_after_effect_hide_it() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    paypal.set(
        Behaviour::new(Unkindness::error(503, true))
            .only(Operation::Capture)
            .times(1),
    );
    let capture = format!("{path}/capture");
    let lost = paypal.post_with_id("c-1", &capture, json!({})).await;
    assert_eq!(
        (lost.status.as_u16(), &lost.body["name"]),
        (503, &json!("SERVICE_UNAVAILABLE"))
    );
    assert_eq!(paypal.status(&path).await, "CAPTURED");
    assert_eq!(
        paypal.post_with_id("c-1", &capture, json!({})).await.status,
        200
    );

    paypal.set(
        Behaviour::new(Unkindness::Page {
            status: 500,
            body: Some("<p>oops</p>".to_owned()),
            after_effect: true,
        })
        .times(1),
    );
    let page = paypal
        .post("/v2/checkout/orders", order_body("A car"))
        .await;
    assert_eq!(
        (page.status.as_u16(), page.text.as_str()),
        (500, "<p>oops</p>")
    );
    assert_eq!(
        paypal.simulator.ledger()["orders"]
            .as_object()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn pages_are_html_without_effect() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    for status in [200, 403, 502] {
        paypal.set(Behaviour::new(Unkindness::page(status)).times(2));
        let page = paypal.post(&format!("{path}/void"), json!({})).await;
        assert_eq!(page.status, status);
        assert_eq!(
            page.headers[header::CONTENT_TYPE],
            "text/html; charset=utf-8"
        );
        assert!(page.text.starts_with("<!doctype html>"), "{}", page.text);
        assert_eq!(
            request_token(
                &paypal.simulator,
                "client:secret",
                "grant_type=client_credentials"
            )
            .await
            .status,
            status
        );
    }
    assert_eq!(paypal.status(&path).await, "CREATED");
}

#[tokio::test]
async fn webhook_verification_fails_too() {
    let paypal = PayPal::new().await;
    let certificate = "/v1/notifications/certs/CERT-LOCAL";
    let verify = "/v1/notifications/verify-webhook-signature";
    paypal.set(Behaviour::new(Unkindness::page(200)).only(Call::Certificate));
    let page = paypal.get(certificate).await;
    assert!(page.text.starts_with("<!doctype"), "{}", page.text);
    paypal.set(Behaviour::new(Unkindness::error(503, false)).only(Call::VerifyWebhook));
    assert_eq!(paypal.post(verify, json!({})).await.status, 503);
    paypal.simulator.reset_behaviour();
    paypal.be(Unkindness::Revoked {});
    assert_eq!(paypal.get(certificate).await.status, 200);
    let refused = paypal.post(verify, json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["error"]),
        (401, &json!("invalid_token"))
    );
}

#[tokio::test]
async fn rate_limits_have_three_forms() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    let limit = |retry_after_seconds, as_date| {
        paypal.be(Unkindness::RateLimit {
            retry_after_seconds,
            as_date,
        });
    };
    limit(None, false);
    let none = paypal.get(&path).await;
    assert_eq!(none.status, 429);
    assert_eq!(none.body["name"], "RATE_LIMIT_REACHED");
    assert_eq!(none.headers.get(header::RETRY_AFTER), None);
    paypal.simulator.reset_behaviour();
    limit(Some(90), false);
    assert_eq!(paypal.get(&path).await.headers[header::RETRY_AFTER], "90");
    paypal.simulator.reset_behaviour();
    limit(Some(90), true);
    let response = paypal.get(&path).await;
    let date = response.headers[header::RETRY_AFTER].to_str().unwrap();
    let date = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
    let seconds = date.duration_since(paypal.clock.now()).as_secs();
    assert!((88..=90).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn restricted_account_may_void_but_not_take_money() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    let captured = paypal.authorization_path("A car").await;
    let capture = paypal
        .post(&format!("{captured}/capture"), json!({}))
        .await
        .id();
    paypal.be(Unkindness::Restricted {});
    for path in [
        format!("{path}/capture"),
        format!("{path}/reauthorize"),
        format!("/v2/payments/captures/{capture}/refund"),
    ] {
        assert_eq!(
            paypal.post(&path, json!({})).await.issue(),
            (422, "PAYEE_ACCOUNT_RESTRICTED")
        );
    }
    assert_eq!(
        paypal
            .post("/v2/checkout/orders", order_body("A car"))
            .await
            .issue(),
        (422, "PAYEE_ACCOUNT_RESTRICTED")
    );
    assert_eq!(paypal.status(&path).await, "CREATED");
    assert_eq!(
        paypal.post(&format!("{path}/void"), json!({})).await.body["status"],
        "VOIDED"
    );
}

#[tokio::test]
async fn revoked_credentials_get_no_token_and_no_answer() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    paypal.be(Unkindness::Revoked {});
    let token = request_token(
        &paypal.simulator,
        "client:secret",
        "grant_type=client_credentials",
    );
    let token = token.await;
    assert_eq!(
        (token.status.as_u16(), &token.body["error"]),
        (401, &json!("invalid_client"))
    );
    let call = paypal.get(&path).await;
    assert_eq!(
        (call.status.as_u16(), &call.body["error"]),
        (401, &json!("invalid_token"))
    );
    paypal.simulator.reset_behaviour();
    // The token of before is good again.
    assert_eq!(paypal.status(&path).await, "CREATED");
    paypal.set(Behaviour::new(Unkindness::Revoked {}).only(Call::Token));
    assert_eq!(paypal.status(&path).await, "CREATED");
}

#[tokio::test]
async fn another_app_knows_no_resource() {
    let paypal = PayPal::new().await;
    let (order, authorization) = paypal.authorize_order("A car").await;
    paypal.be(Unkindness::WrongApp {});
    let path = format!("/v2/payments/authorizations/{authorization}");
    let order = format!("/v2/checkout/orders/{order}");
    for response in [
        paypal.get(&order).await,
        paypal.get(&path).await,
        paypal.post(&format!("{path}/capture"), json!({})).await,
        paypal.post(&format!("{path}/void"), json!({})).await,
    ] {
        assert_eq!(response.issue(), (404, "INVALID_RESOURCE_ID"));
        assert_eq!(response.body["name"], "RESOURCE_NOT_FOUND");
    }
    let new = paypal
        .post("/v2/checkout/orders", order_body("A car"))
        .await;
    assert_eq!(new.status, 201);
}
