//! Refunds: their limits and refusals.

use super::{PayPal, dollars};
use http::StatusCode;
use serde_json::json;

/// Returns the path of a new capture of 237.60.
async fn create_capture(paypal: &PayPal, description: &str) -> String {
    let authorization = paypal.authorization_path(description).await;
    let capture = paypal
        .post(&format!("{authorization}/capture"), json!({}))
        .await;
    format!("/v2/payments/captures/{}", capture.id())
}

#[tokio::test]
async fn partial_refunds_stop_at_captured_amount() {
    let paypal = PayPal::new().await;
    let capture = create_capture(&paypal, "A car").await;
    let path = format!("{capture}/refund");
    let first = paypal.post(&path, dollars("37.60")).await;
    assert_eq!(
        (first.status, &first.body["status"]),
        (StatusCode::CREATED, &json!("COMPLETED"))
    );
    assert_eq!(paypal.status(&capture).await, "PARTIALLY_REFUNDED");
    assert_eq!(
        paypal.post(&path, dollars("200.01")).await.issue(),
        (422, "REFUND_AMOUNT_EXCEEDED")
    );
    let remainder = paypal.call("POST", &path, None, &[]).await;
    let remainder = paypal
        .get(&format!("/v2/payments/refunds/{}", remainder.id()))
        .await;
    assert_eq!(remainder.body["amount"]["value"], "200.00");
    assert_eq!(
        remainder.body["seller_payable_breakdown"]["total_refunded_amount"]["value"],
        "237.60"
    );
    assert_eq!(remainder.relations(), ["self", "up"]);
    assert_eq!(paypal.status(&capture).await, "REFUNDED");
    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "CAPTURE_FULLY_REFUNDED")
    );
}

#[tokio::test]
async fn invalid_refunds_are_refused() {
    let mut paypal = PayPal::new().await;
    let path = format!("{}/refund", create_capture(&paypal, "A car").await);
    let euros = json!({"amount": {"currency_code": "EUR", "value": "1.00"}});
    assert_eq!(
        paypal.post(&path, euros).await.issue(),
        (422, "REFUND_CAPTURE_CURRENCY_MISMATCH")
    );
    assert_eq!(
        paypal
            .post(&path, json!({"note_to_payer": ""}))
            .await
            .issue(),
        (400, "INVALID_STRING_LENGTH")
    );
    let invoice = json!({"invoice_id": "R-1", "amount": {"currency_code": "USD", "value": "1.00"}});
    assert_eq!(
        paypal.post(&path, invoice.clone()).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        paypal.post(&path, invoice).await.issue(),
        (422, "DUPLICATE_INVOICE_ID")
    );
    assert_eq!(
        paypal
            .post("/v2/payments/captures/NONE/refund", json!({}))
            .await
            .issue(),
        (404, "INVALID_RESOURCE_ID")
    );
    assert_eq!(
        paypal.get("/v2/payments/refunds/NONE").await.issue(),
        (404, "INVALID_RESOURCE_ID")
    );

    let refused_path = format!(
        "{}/refund",
        create_capture(&paypal, "SIMULATE_REFUND_REFUSED").await
    );
    assert_eq!(
        paypal.post(&refused_path, json!({})).await.issue(),
        (422, "REFUND_FAILED_INSUFFICIENT_FUNDS")
    );
    let pending_path = format!(
        "{}/refund",
        create_capture(&paypal, "SIMULATE_CAPTURE_PENDING").await
    );
    assert_eq!(
        paypal.post(&pending_path, json!({})).await.issue(),
        (422, "PENDING_CAPTURE")
    );

    paypal.advance_hours(180 * 24 - 1).await;
    assert_eq!(
        paypal.post(&path, dollars("1.00")).await.status,
        StatusCode::CREATED
    );
    paypal.advance_hours(1).await;
    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "REFUND_TIME_LIMIT_EXCEEDED")
    );
}
