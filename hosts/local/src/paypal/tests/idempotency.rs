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
    let mut other = order_body("Another car");
    other["purchase_units"][0]["amount"]["value"] = json!("1.00");
    let again = paypal
        .post_with_id("order-1", "/v2/checkout/orders", other)
        .await;
    assert_eq!((again.status, again.id()), (StatusCode::OK, first.id()));
    assert_eq!(again.body["status"], "APPROVED");
    assert_eq!(again.body["purchase_units"][0]["amount"]["value"], "237.60");

    paypal.advance_hours(6).await;
    let forgotten = paypal
        .post_with_id("order-1", "/v2/checkout/orders", order_body("A car"))
        .await;
    assert_eq!(forgotten.status, StatusCode::CREATED);
    assert_ne!(forgotten.id(), first.id());
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
    let again = paypal
        .post_with_id("authorize-1", &authorize, json!({}))
        .await;
    assert_eq!(
        (first.status, again.status),
        (StatusCode::CREATED, StatusCode::OK)
    );
    assert_eq!(first.body, again.body);

    let authorization = first.body["purchase_units"][0]["payments"]["authorizations"][0]["id"]
        .as_str()
        .unwrap();
    let path = format!("/v2/payments/authorizations/{authorization}");
    paypal.advance_hours(72).await;
    let renewed = paypal
        .post_with_id("reauthorize-1", &format!("{path}/reauthorize"), json!({}))
        .await;
    let again = paypal
        .post_with_id("reauthorize-1", &format!("{path}/reauthorize"), json!({}))
        .await;
    assert_eq!(
        (renewed.status, again.status),
        (StatusCode::CREATED, StatusCode::OK)
    );
    assert_eq!(renewed.body, again.body);

    let capture = format!("/v2/payments/authorizations/{}/capture", renewed.id());
    let captured = paypal.post_with_id("capture-1", &capture, json!({})).await;
    let refund = format!("/v2/payments/captures/{}/refund", captured.id());
    let refunded = paypal.post_with_id("refund-1", &refund, dollars("1")).await;
    let again = paypal.post_with_id("refund-1", &refund, dollars("1")).await;
    assert_eq!(
        (refunded.status, again.status),
        (StatusCode::CREATED, StatusCode::OK)
    );
    assert_eq!(refunded.id(), again.id());
    // The state is the present one, not the one of then.
    let again = paypal.post_with_id("capture-1", &capture, json!({})).await;
    assert_eq!((again.status, again.id()), (StatusCode::OK, captured.id()));
    assert_eq!(again.body["status"], "PARTIALLY_REFUNDED");

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
    let other = paypal
        .post_with_id("one", &format!("{second}/capture"), json!({}))
        .await;
    assert_eq!(other.issue(), (422, "DUPLICATE_REQUEST_ID"));
    assert_eq!(
        paypal
            .post_with_id("one", &format!("{second}/void"), json!({}))
            .await
            .issue(),
        (422, "DUPLICATE_REQUEST_ID")
    );
    assert_eq!(paypal.status(&second).await, "CREATED");
    // Orders and payments are remembered apart.
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
    let long = "x".repeat(109);
    assert_eq!(
        paypal.post_with_id(&long, &path, json!({})).await.issue(),
        (400, "INVALID_STRING_LENGTH")
    );
}
