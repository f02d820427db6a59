//! Retries with the same `PayPal-Request-Id`.

use super::{PayPal, dollars, order_body};
use http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn order_retry_returns_current_state() {
    let mut paypal = PayPal::new().await;
    let first = paypal
        .post_with_id("order-1", "/v2/checkout/orders", order_body("A car"))
        .await;
    assert_eq!(first.status, StatusCode::CREATED);
    paypal.approve(&first.id()).await;
    let mut changed_body = order_body("Another car");
    changed_body["purchase_units"][0]["amount"]["value"] = json!("1.00");
    let retry = paypal
        .post_with_id("order-1", "/v2/checkout/orders", changed_body)
        .await;
    assert_eq!((retry.status, retry.id()), (StatusCode::OK, first.id()));
    assert_eq!(retry.body["status"], "APPROVED");
    assert_eq!(retry.body["purchase_units"][0]["amount"]["value"], "237.60");

    paypal.advance_hours(6).await;
    let new_order = paypal
        .post_with_id("order-1", "/v2/checkout/orders", order_body("A car"))
        .await;
    assert_eq!(new_order.status, StatusCode::CREATED);
    assert_ne!(new_order.id(), first.id());
}

#[tokio::test]
async fn orders_without_request_id_are_separate() {
    let paypal = PayPal::new().await;
    assert_ne!(
        paypal.create_order("A car").await,
        paypal.create_order("A car").await
    );
}

#[tokio::test]
async fn retry_of_every_action_has_no_effect() {
    let mut paypal = PayPal::new().await;
    let id = paypal.create_order("A car").await;
    paypal.approve(&id).await;
    let authorize = format!("/v2/checkout/orders/{id}/authorize");
    let first = paypal
        .post_with_id("authorize-1", &authorize, json!({}))
        .await;
    let retry = paypal
        .post_with_id("authorize-1", &authorize, json!({}))
        .await;
    assert_eq!(
        (first.status, retry.status),
        (StatusCode::CREATED, StatusCode::OK)
    );
    assert_eq!(first.body, retry.body);

    let authorization = first.body["purchase_units"][0]["payments"]["authorizations"][0]["id"]
        .as_str()
        .unwrap();
    let path = format!("/v2/payments/authorizations/{authorization}");
    paypal.advance_hours(72).await;
    let reauthorization = paypal
        .post_with_id("reauthorize-1", &format!("{path}/reauthorize"), json!({}))
        .await;
    let retry = paypal
        .post_with_id("reauthorize-1", &format!("{path}/reauthorize"), json!({}))
        .await;
    assert_eq!(
        (reauthorization.status, retry.status),
        (StatusCode::CREATED, StatusCode::OK)
    );
    assert_eq!(reauthorization.body, retry.body);

    let capture = format!(
        "/v2/payments/authorizations/{}/capture",
        reauthorization.id()
    );
    let capture_response = paypal.post_with_id("capture-1", &capture, json!({})).await;
    let refund = format!("/v2/payments/captures/{}/refund", capture_response.id());
    let refund_response = paypal.post_with_id("refund-1", &refund, dollars("1")).await;
    let retry = paypal.post_with_id("refund-1", &refund, dollars("1")).await;
    assert_eq!(
        (refund_response.status, retry.status),
        (StatusCode::CREATED, StatusCode::OK)
    );
    assert_eq!(refund_response.id(), retry.id());
    // A retry returns the current state.
    let retry = paypal.post_with_id("capture-1", &capture, json!({})).await;
    assert_eq!(
        (retry.status, retry.id()),
        (StatusCode::OK, capture_response.id())
    );
    assert_eq!(retry.body["status"], "PARTIALLY_REFUNDED");

    let void = format!("{}/void", paypal.authorization_path("A car").await);
    assert_eq!(
        paypal.post_with_id("void-1", &void, json!({})).await.status,
        StatusCode::OK
    );
    assert_eq!(
        paypal.post_with_id("void-1", &void, json!({})).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn payment_request_ids_expire_after_45_days() {
    let mut paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    let capture = format!("{path}/capture");
    assert_eq!(
        paypal
            .post_with_id("capture-1", &capture, dollars("1"))
            .await
            .status,
        StatusCode::CREATED
    );
    paypal.advance_hours(45 * 24 - 1).await;
    assert_eq!(
        paypal
            .post_with_id("capture-1", &capture, dollars("1"))
            .await
            .status,
        StatusCode::OK
    );
    paypal.advance_hours(1).await;
    assert_eq!(
        paypal
            .post_with_id("capture-1", &capture, dollars("1"))
            .await
            .issue(),
        (422, "AUTHORIZATION_EXPIRED")
    );
}

#[tokio::test]
async fn request_id_is_bound_to_action_and_resource() {
    let paypal = PayPal::new().await;
    let (first, second) = (
        paypal.authorization_path("A car").await,
        paypal.authorization_path("A car").await,
    );
    paypal
        .post_with_id("one", &format!("{first}/capture"), json!({}))
        .await;
    let response = paypal
        .post_with_id("one", &format!("{second}/capture"), json!({}))
        .await;
    assert_eq!(response.issue(), (422, "DUPLICATE_REQUEST_ID"));
    assert_eq!(
        paypal
            .post_with_id("one", &format!("{second}/void"), json!({}))
            .await
            .issue(),
        (422, "DUPLICATE_REQUEST_ID")
    );
    assert_eq!(paypal.status(&second).await, "CREATED");
    // Orders and payments have separate id spaces.
    assert_eq!(
        paypal
            .post_with_id("one", "/v2/checkout/orders", order_body("A car"))
            .await
            .status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn refused_request_leaves_its_id_unused() {
    let paypal = PayPal::new().await;
    let id = paypal.create_order("A car").await;
    let path = format!("/v2/checkout/orders/{id}/authorize");
    assert_eq!(
        paypal.post_with_id("a-1", &path, json!({})).await.issue(),
        (422, "ORDER_NOT_APPROVED")
    );
    paypal.approve(&id).await;
    assert_eq!(
        paypal.post_with_id("a-1", &path, json!({})).await.status,
        StatusCode::CREATED
    );
    let long_id = "x".repeat(109);
    assert_eq!(
        paypal
            .post_with_id(&long_id, &path, json!({}))
            .await
            .issue(),
        (400, "INVALID_STRING_LENGTH")
    );
}
