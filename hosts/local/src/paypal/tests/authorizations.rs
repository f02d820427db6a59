//! Voids, reauthorizations and expiry of authorizations.

use super::{BASE, PayPal, dollars, timestamp};
use http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn authorization_links_possible_operations() {
    let paypal = PayPal::new().await;
    let (order, id) = paypal.authorize_order("A car").await;
    let response = paypal
        .get(&format!("/v2/payments/authorizations/{id}"))
        .await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(
        response.relations(),
        ["self", "capture", "void", "reauthorize", "up"]
    );
    assert_eq!(
        response.body["links"][4]["href"],
        format!("{BASE}/v2/checkout/orders/{order}")
    );
    assert_eq!(
        response.body["supplementary_data"]["related_ids"]["order_id"],
        order
    );
    assert_eq!(
        paypal.get("/v2/payments/authorizations/NONE").await.issue(),
        (404, "INVALID_RESOURCE_ID")
    );
}

#[tokio::test]
async fn void_succeeds_once() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    let response = paypal
        .call("POST", &format!("{path}/void"), None, &[])
        .await;
    assert_eq!(
        (response.status, response.text.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
    assert_eq!(paypal.status(&path).await, "VOIDED");
    assert_eq!(
        paypal
            .post(&format!("{path}/void"), json!({}))
            .await
            .issue(),
        (422, "PREVIOUSLY_VOIDED")
    );
    assert_eq!(
        paypal
            .post(&format!("{path}/capture"), json!({}))
            .await
            .issue(),
        (422, "AUTHORIZATION_VOIDED")
    );
    assert_eq!(
        paypal
            .post(&format!("{path}/reauthorize"), json!({}))
            .await
            .issue(),
        (422, "AUTHORIZATION_VOIDED")
    );

    let second_path = paypal.authorization_path("A car").await;
    let response = paypal.post(&format!("{second_path}/void"), json!({})).await;
    assert_eq!(
        (response.status, &response.body["status"]),
        (StatusCode::OK, &json!("VOIDED"))
    );
}

#[tokio::test]
async fn only_uncaptured_money_can_be_voided() {
    let paypal = PayPal::new().await;
    let captured_path = paypal.authorization_path("A car").await;
    paypal
        .post(&format!("{captured_path}/capture"), json!({}))
        .await;
    assert_eq!(
        paypal
            .post(&format!("{captured_path}/void"), json!({}))
            .await
            .issue(),
        (422, "PREVIOUSLY_CAPTURED")
    );

    let partial_path = paypal.authorization_path("A car").await;
    paypal
        .post(&format!("{partial_path}/capture"), dollars("100"))
        .await;
    assert_eq!(paypal.status(&partial_path).await, "PARTIALLY_CAPTURED");
    assert_eq!(
        paypal
            .post(&format!("{partial_path}/void"), json!({}))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(paypal.status(&partial_path).await, "VOIDED");
}

#[tokio::test]
async fn reauthorization_possible_once_from_fourth_day() {
    let mut paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    let reauthorize = format!("{path}/reauthorize");
    paypal.advance_hours(71).await;
    assert_eq!(
        paypal.post(&reauthorize, json!({})).await.issue(),
        (422, "REAUTHORIZATION_TOO_SOON")
    );
    paypal.advance_hours(1).await;
    let euros = json!({"amount": {"currency_code": "EUR", "value": "237.60"}});
    assert_eq!(
        paypal.post(&reauthorize, euros).await.issue(),
        (422, "AUTH_CURRENCY_MISMATCH")
    );
    let reauthorization = paypal.post(&reauthorize, dollars("237.60")).await;
    assert_eq!(
        (reauthorization.status, &reauthorization.body["status"]),
        (StatusCode::CREATED, &json!("CREATED"))
    );
    let original = paypal.get(&path).await;
    assert_ne!(reauthorization.id(), original.id());
    assert_eq!(
        reauthorization.body["expiration_time"],
        original.body["expiration_time"]
    );
    assert!(
        timestamp(&reauthorization.body["create_time"]) > timestamp(&original.body["create_time"])
    );

    let reauthorization = format!("/v2/payments/authorizations/{}", reauthorization.id());
    paypal.advance_hours(80).await;
    assert_eq!(
        paypal.post(&reauthorize, json!({})).await.issue(),
        (422, "REAUTHORIZATION_NOT_SUPPORTED")
    );
    let second_reauthorization = paypal
        .post(&format!("{reauthorization}/reauthorize"), json!({}))
        .await;
    assert_eq!(
        second_reauthorization.issue(),
        (422, "REAUTHORIZATION_NOT_SUPPORTED")
    );
    assert_eq!(
        paypal
            .post(&format!("{reauthorization}/void"), json!({}))
            .await
            .issue(),
        (422, "CANNOT_BE_VOIDED")
    );

    assert_eq!(
        paypal
            .post(&format!("{reauthorization}/capture"), json!({}))
            .await
            .status,
        StatusCode::CREATED
    );
    assert_eq!(paypal.status(&path).await, "CAPTURED");
    assert_eq!(
        paypal
            .post(&format!("{path}/capture"), json!({}))
            .await
            .issue(),
        (422, "AUTHORIZATION_ALREADY_CAPTURED")
    );
}

#[tokio::test]
async fn scripted_authorization_reauthorizes_until_expiry() {
    let mut paypal = PayPal::new().await;
    let path = paypal
        .authorization_path("SIMULATE_REAUTHORIZE_AGAIN")
        .await;
    let mut latest = path.clone();
    for _ in 0..9 {
        paypal.advance_hours(72).await;
        let reauthorization = paypal
            .post(&format!("{latest}/reauthorize"), json!({}))
            .await;
        assert_eq!(
            reauthorization.status,
            StatusCode::CREATED,
            "{}",
            reauthorization.text
        );
        latest = format!("/v2/payments/authorizations/{}", reauthorization.id());
    }
    assert_eq!(
        paypal
            .post(&format!("{latest}/reauthorize"), json!({}))
            .await
            .issue(),
        (422, "REAUTHORIZATION_TOO_SOON")
    );
    // The last reauthorization started on day 27 and expires on day 29 with the original.
    paypal.advance_hours(48).await;
    assert_eq!(
        paypal
            .post(&format!("{latest}/reauthorize"), json!({}))
            .await
            .issue(),
        (422, "AUTHORIZATION_VOIDED")
    );
}

#[tokio::test]
async fn authorization_expires_after_29_days() {
    let mut paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    paypal.advance_hours(29 * 24 - 1).await;
    assert_eq!(paypal.status(&path).await, "CREATED");
    paypal.advance_hours(1).await;
    assert_eq!(paypal.status(&path).await, "VOIDED");
    assert_eq!(
        paypal
            .post(&format!("{path}/capture"), json!({}))
            .await
            .issue(),
        (422, "AUTHORIZATION_EXPIRED")
    );
    assert_eq!(
        paypal
            .post(&format!("{path}/void"), json!({}))
            .await
            .issue(),
        (422, "PREVIOUSLY_VOIDED")
    );
    assert_eq!(
        paypal
            .post(&format!("{path}/reauthorize"), json!({}))
            .await
            .issue(),
        (422, "AUTHORIZATION_VOIDED")
    );
}
