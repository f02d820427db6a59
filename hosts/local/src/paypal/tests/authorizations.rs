use super::{BASE, PayPal, dollars, timestamp};
use http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn authorization_links_possible_operations() {
    let paypal = PayPal::new().await;
    let (order, id) = paypal.authorize_order("A car").await;
    let shown = paypal
        .get(&format!("/v2/payments/authorizations/{id}"))
        .await;
    assert_eq!(shown.status, StatusCode::OK);
    assert_eq!(
        shown.relations(),
        ["self", "capture", "void", "reauthorize", "up"]
    );
    assert_eq!(
        shown.body["links"][4]["href"],
        format!("{BASE}/v2/checkout/orders/{order}")
    );
    assert_eq!(
        shown.body["supplementary_data"]["related_ids"]["order_id"],
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
    let voided = paypal
        .call("POST", &format!("{path}/void"), None, &[])
        .await;
    assert_eq!(
        (voided.status, voided.text.as_str()),
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

    let other = paypal.authorization_path("A car").await;
    let voided = paypal.post(&format!("{other}/void"), json!({})).await;
    assert_eq!(
        (voided.status, &voided.body["status"]),
        (StatusCode::OK, &json!("VOIDED"))
    );
}

#[tokio::test]
async fn only_uncaptured_money_can_be_voided() {
    let paypal = PayPal::new().await;
    let whole = paypal.authorization_path("A car").await;
    paypal.post(&format!("{whole}/capture"), json!({})).await;
    assert_eq!(
        paypal
            .post(&format!("{whole}/void"), json!({}))
            .await
            .issue(),
        (422, "PREVIOUSLY_CAPTURED")
    );

    let part = paypal.authorization_path("A car").await;
    paypal
        .post(&format!("{part}/capture"), dollars("100"))
        .await;
    assert_eq!(paypal.status(&part).await, "PARTIALLY_CAPTURED");
    assert_eq!(
        paypal.post(&format!("{part}/void"), json!({})).await.status,
        StatusCode::OK
    );
    assert_eq!(paypal.status(&part).await, "VOIDED");
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
    let renewed = paypal.post(&reauthorize, dollars("237.60")).await;
    assert_eq!(
        (renewed.status, &renewed.body["status"]),
        (StatusCode::CREATED, &json!("CREATED"))
    );
    let original = paypal.get(&path).await;
    assert_ne!(renewed.id(), original.id());
    assert_eq!(
        renewed.body["expiration_time"],
        original.body["expiration_time"]
    );
    assert!(timestamp(&renewed.body["create_time"]) > timestamp(&original.body["create_time"]));

    let renewed = format!("/v2/payments/authorizations/{}", renewed.id());
    paypal.advance_hours(80).await;
    assert_eq!(
        paypal.post(&reauthorize, json!({})).await.issue(),
        (422, "REAUTHORIZATION_NOT_SUPPORTED")
    );
    let again = paypal
        .post(&format!("{renewed}/reauthorize"), json!({}))
        .await;
    assert_eq!(again.issue(), (422, "REAUTHORIZATION_NOT_SUPPORTED"));
    assert_eq!(
        paypal
            .post(&format!("{renewed}/void"), json!({}))
            .await
            .issue(),
        (422, "CANNOT_BE_VOIDED")
    );

    assert_eq!(
        paypal
            .post(&format!("{renewed}/capture"), json!({}))
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
        let renewed = paypal
            .post(&format!("{latest}/reauthorize"), json!({}))
            .await;
        assert_eq!(renewed.status, StatusCode::CREATED, "{}", renewed.text);
        latest = format!("/v2/payments/authorizations/{}", renewed.id());
    }
    assert_eq!(
        paypal
            .post(&format!("{latest}/reauthorize"), json!({}))
            .await
            .issue(),
        (422, "REAUTHORIZATION_TOO_SOON")
    );
    // 27 days are over; the last renewal ends with the 29th like all of it.
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
