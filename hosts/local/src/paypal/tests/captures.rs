//! Captures: their limits, refusals and scripted outcomes.

use super::{PayPal, dollars, order_body};
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn full_capture_completes_authorization() {
    let paypal = PayPal::new().await;
    let (order, id) = paypal.authorize_order("A car").await;
    let path = format!("/v2/payments/authorizations/{id}/capture");
    let created = paypal
        .call("POST", &path, Some(json!({"final_capture": true})), &[])
        .await;
    assert_eq!(created.status, StatusCode::CREATED);
    let mut members: Vec<&String> = created.body.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["id", "links", "status"]);

    let capture = paypal
        .get(&format!("/v2/payments/captures/{}", created.id()))
        .await;
    assert_eq!(capture.body["status"], "COMPLETED");
    assert_eq!(
        capture.body["amount"],
        json!({"currency_code": "USD", "value": "237.60"})
    );
    assert_eq!(capture.body["final_capture"], true);
    assert_eq!(capture.body["custom_id"], "payment-1");
    assert_eq!(
        capture.body["seller_receivable_breakdown"],
        json!({
            "gross_amount": {"currency_code": "USD", "value": "237.60"},
            "paypal_fee": {"currency_code": "USD", "value": "7.12"},
            "net_amount": {"currency_code": "USD", "value": "230.48"},
        })
    );
    assert_eq!(
        capture.body["supplementary_data"],
        json!({"related_ids": {"order_id": order, "authorization_id": id}})
    );
    let order = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
    let payments = &order.body["purchase_units"][0]["payments"];
    assert_eq!(payments["authorizations"][0]["status"], "CAPTURED");
    assert_eq!(payments["captures"][0]["id"], created.id());
    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "AUTHORIZATION_ALREADY_CAPTURED")
    );
}

#[tokio::test]
async fn partial_captures_stop_at_limit() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    let capture = format!("{path}/capture");
    // The limit is 115 % of 237.60, which is less than 75 dollars more.
    assert_eq!(
        paypal.post(&capture, dollars("273.25")).await.issue(),
        (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    );
    assert_eq!(
        paypal.post(&capture, dollars("100")).await.body["amount"]["value"],
        "100.00"
    );
    assert_eq!(paypal.status(&path).await, "PARTIALLY_CAPTURED");
    assert_eq!(
        paypal.post(&capture, dollars("173.25")).await.issue(),
        (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    );
    assert_eq!(
        paypal.post(&capture, dollars("173.24")).await.status,
        StatusCode::CREATED
    );
    assert_eq!(paypal.status(&path).await, "CAPTURED");

    let path = paypal.authorization_path("A car").await;
    paypal
        .post(&format!("{path}/capture"), dollars("37.60"))
        .await;
    let remainder = paypal.post(&format!("{path}/capture"), json!({})).await;
    assert_eq!(remainder.body["amount"]["value"], "200.00");

    let path = paypal.authorization_path("A car").await;
    let final_capture =
        json!({"amount": {"currency_code": "USD", "value": "1.00"}, "final_capture": true});
    assert_eq!(
        paypal
            .post(&format!("{path}/capture"), final_capture)
            .await
            .status,
        StatusCode::CREATED
    );
    assert_eq!(paypal.status(&path).await, "CAPTURED");
}

#[tokio::test]
async fn capture_limits_are_75_dollars_and_ten_captures() {
    let paypal = PayPal::new().await;
    let mut body = order_body("A dear car");
    body["purchase_units"][0]["amount"]["value"] = json!("1000");
    let id = paypal.post("/v2/checkout/orders", body).await.id();
    paypal.approve(&id).await;
    let response = paypal
        .post(&format!("/v2/checkout/orders/{id}/authorize"), json!({}))
        .await;
    let id = response.body["purchase_units"][0]["payments"]["authorizations"][0]["id"]
        .as_str()
        .unwrap();
    let capture = format!("/v2/payments/authorizations/{id}/capture");
    assert_eq!(
        paypal.post(&capture, dollars("1075.01")).await.issue(),
        (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    );
    for _ in 0..10 {
        assert_eq!(
            paypal.post(&capture, dollars("1.00")).await.status,
            StatusCode::CREATED
        );
    }
    assert_eq!(
        paypal.post(&capture, dollars("1.00")).await.issue(),
        (422, "MAX_CAPTURE_COUNT_EXCEEDED")
    );
}

#[tokio::test]
async fn invalid_captures_are_refused() {
    let paypal = PayPal::new().await;
    let capture = format!("{}/capture", paypal.authorization_path("A car").await);
    let euros = json!({"amount": {"currency_code": "EUR", "value": "1.00"}});
    let faults = [
        (euros, 422, "AUTH_CAPTURE_CURRENCY_MISMATCH"),
        (dollars("0"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (json!({"amount": "237.60"}), 400, "INVALID_PARAMETER_SYNTAX"),
        (
            json!({"final_capture": "yes"}),
            400,
            "INVALID_PARAMETER_SYNTAX",
        ),
        (
            json!({"invoice_id": "x".repeat(128)}),
            400,
            "INVALID_STRING_LENGTH",
        ),
        (
            json!({"note_to_payer": "x".repeat(256)}),
            400,
            "INVALID_STRING_LENGTH",
        ),
        (
            json!({"soft_descriptor": "x".repeat(23)}),
            400,
            "INVALID_STRING_LENGTH",
        ),
        (Value::Null, 400, "INVALID_PARAMETER_SYNTAX"),
    ];
    for (body, status, issue) in faults {
        assert_eq!(
            paypal.post(&capture, body.clone()).await.issue(),
            (status, issue),
            "{body}"
        );
    }
    let unknown = paypal
        .post("/v2/payments/authorizations/NONE/capture", json!({}))
        .await;
    assert_eq!(unknown.issue(), (404, "INVALID_RESOURCE_ID"));
}

#[tokio::test]
async fn invoice_is_captured_once() {
    let paypal = PayPal::new().await;
    let first = format!("{}/capture", paypal.authorization_path("A car").await);
    let second = format!("{}/capture", paypal.authorization_path("A car").await);
    let invoice =
        json!({"invoice_id": "BILL-1", "amount": {"currency_code": "USD", "value": "10.00"}});
    assert_eq!(
        paypal.post(&first, invoice.clone()).await.body["invoice_id"],
        "BILL-1"
    );
    assert_eq!(
        paypal.post(&first, invoice.clone()).await.issue(),
        (422, "DUPLICATE_INVOICE_ID")
    );
    assert_eq!(
        paypal.post(&second, invoice).await.issue(),
        (422, "DUPLICATE_INVOICE_ID")
    );
    assert_eq!(
        paypal.post(&second, json!({})).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn scripted_capture_outcomes_occur() {
    let paypal = PayPal::new().await;
    let declined_path = format!(
        "{}/capture",
        paypal.authorization_path("SIMULATE_CAPTURE_DECLINED").await
    );
    assert_eq!(
        paypal.post(&declined_path, json!({})).await.issue(),
        (422, "TRANSACTION_REFUSED")
    );
    let denied_path = format!(
        "{}/capture",
        paypal.authorization_path("SIMULATE_AUTHORIZE_DENIED").await
    );
    assert_eq!(
        paypal.post(&denied_path, json!({})).await.issue(),
        (422, "AUTHORIZATION_DENIED")
    );

    let pending_path = format!(
        "{}/capture",
        paypal.authorization_path("SIMULATE_CAPTURE_PENDING").await
    );
    let capture = paypal.post(&pending_path, json!({})).await;
    assert_eq!(
        (capture.status, &capture.body["status"]),
        (StatusCode::CREATED, &json!("PENDING"))
    );
    assert_eq!(
        capture.body["status_details"],
        json!({"reason": "PENDING_REVIEW"})
    );
    assert_eq!(capture.body.get("seller_receivable_breakdown"), None);
}

#[tokio::test]
async fn busy_capture_succeeds_on_retry() {
    let paypal = PayPal::new().await;
    let busy_path = format!(
        "{}/capture",
        paypal
            .authorization_path("SIMULATE_CAPTURE_BUSY_ONCE")
            .await
    );
    let busy_response = paypal
        .post_with_id("capture-1", &busy_path, json!({}))
        .await;
    assert_eq!(
        (busy_response.status, &busy_response.body["name"]),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            &json!("SERVICE_UNAVAILABLE")
        )
    );
    assert_eq!(
        paypal
            .post_with_id("capture-1", &busy_path, json!({}))
            .await
            .status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn lapsed_funds_need_reauthorization() {
    let mut paypal = PayPal::new().await;
    let lapse_path = paypal.authorization_path("SIMULATE_FUNDS_LAPSE").await;
    paypal.advance_hours(72).await;
    assert_eq!(
        paypal
            .post(&format!("{lapse_path}/capture"), json!({}))
            .await
            .issue(),
        (422, "PAYER_CANNOT_PAY")
    );
    let reauthorization = paypal
        .post(&format!("{lapse_path}/reauthorize"), json!({}))
        .await
        .id();
    let capture = format!("/v2/payments/authorizations/{reauthorization}/capture");
    assert_eq!(
        paypal.post(&capture, json!({})).await.status,
        StatusCode::CREATED
    );
}
