//! Orders from creation to authorization or expiry.

use super::{super::Simulator, BASE, PayPal, credentials, order_body, timestamp};
use exodrive_native::Clock;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

#[tokio::test]
async fn order_without_payment_source_links_approve() {
    let paypal = PayPal::new().await;
    let created = paypal
        .call(
            "POST",
            "/v2/checkout/orders",
            Some(order_body("A car")),
            &[],
        )
        .await;
    assert_eq!(created.status, StatusCode::CREATED);
    let id = created.id();
    assert_eq!(id.len(), 17);
    assert_eq!(
        created.body,
        json!({
            "id": id,
            "status": "CREATED",
            "links": [
                {"href": format!("{BASE}/v2/checkout/orders/{id}"), "rel": "self", "method": "GET"},
                {"href": format!("{BASE}/checkoutnow?token={id}"), "rel": "approve", "method": "GET"},
                {"href": format!("{BASE}/v2/checkout/orders/{id}/authorize"), "rel": "authorize", "method": "POST"},
            ],
        })
    );
    let order = paypal.get(&format!("/v2/checkout/orders/{id}")).await;
    assert_eq!(order.status, StatusCode::OK);
    assert_eq!(order.body["intent"], "AUTHORIZE");
    assert_eq!(
        order.body["purchase_units"],
        json!([{
            "reference_id": "default",
            "amount": {"currency_code": "USD", "value": "237.60"},
            "custom_id": "payment-1",
            "description": "A car",
            "payee": {"email_address": "merchant@example.com", "merchant_id": "EXXDRVE234567"},
        }])
    );
    assert_eq!(
        timestamp(&order.body["create_time"]),
        timestamp(&order.body["update_time"])
    );
}

#[tokio::test]
async fn order_with_payment_source_needs_payer_action() {
    let paypal = PayPal::new().await;
    let mut body = order_body("A car");
    body["payment_source"] = json!({"paypal": {"experience_context": {
        "return_url": "https://shop.test/back?a=1", "cancel_url": "https://shop.test/no", "brand_name": "ExoDrive",
        "user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING",
    }}});
    let error = paypal.post("/v2/checkout/orders", body.clone()).await;
    assert_eq!(error.issue(), (400, "PAYPAL_REQUEST_ID_REQUIRED"));

    let created = paypal
        .post_with_id("request-1", "/v2/checkout/orders", body)
        .await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.body["status"], "PAYER_ACTION_REQUIRED");
    assert_eq!(created.body["payment_source"], json!({"paypal": {}}));
    assert_eq!(created.relations(), ["self", "payer-action"]);
}

#[tokio::test]
async fn approved_order_is_authorized_once() {
    let paypal = PayPal::new().await;
    let id = paypal.create_order("A car").await;
    let path = format!("/v2/checkout/orders/{id}/authorize");
    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "ORDER_NOT_APPROVED")
    );
    paypal.approve(&id).await;
    assert_eq!(
        paypal.status(&format!("/v2/checkout/orders/{id}")).await,
        "APPROVED"
    );

    let response = paypal.call("POST", &path, None, &[]).await;
    assert_eq!(response.status, StatusCode::CREATED);
    assert_eq!(response.body["status"], "COMPLETED");
    assert_eq!(response.body["payer"]["payer_id"], "QYR5Z8XDVJNXQ");
    let authorization = &response.body["purchase_units"][0]["payments"]["authorizations"][0];
    assert_eq!(authorization["status"], "CREATED");
    assert_eq!(
        authorization["amount"],
        json!({"currency_code": "USD", "value": "237.60"})
    );
    assert_eq!(authorization["custom_id"], "payment-1");
    let life = timestamp(&authorization["expiration_time"])
        .duration_since(timestamp(&authorization["create_time"]));
    assert_eq!(life.as_hours(), 29 * 24);

    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "ORDER_ALREADY_AUTHORIZED")
    );
    assert_eq!(
        paypal
            .post("/v2/checkout/orders/NONE/authorize", json!({}))
            .await
            .issue(),
        (404, "INVALID_RESOURCE_ID")
    );
}

#[tokio::test]
async fn capture_intent_cannot_be_authorized() {
    let paypal = PayPal::new().await;
    let mut body = order_body("A car");
    body["intent"] = json!("CAPTURE");
    let id = paypal.post("/v2/checkout/orders", body).await.id();
    paypal.approve(&id).await;
    let response = paypal
        .post(&format!("/v2/checkout/orders/{id}/authorize"), json!({}))
        .await;
    assert_eq!(response.issue(), (422, "ACTION_DOES_NOT_MATCH_INTENT"));
}

#[tokio::test]
async fn order_expires_after_either_three_hour_window() {
    let mut paypal = PayPal::new().await;
    let (unvisited, approved_order) = (
        paypal.create_order("late").await,
        paypal.create_order("in time").await,
    );
    paypal.advance_hours(2).await;
    assert_eq!(paypal.approve(&approved_order).await.status, StatusCode::OK);
    paypal.advance_hours(1).await;
    assert_eq!(paypal.approve(&unvisited).await.status, StatusCode::GONE);
    let path = format!("/v2/checkout/orders/{unvisited}/authorize");
    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "ORDER_EXPIRED")
    );
    paypal.advance_hours(1).await;
    let (completed_order, _) = paypal.authorize_order("another").await;
    assert_eq!(
        paypal
            .status(&format!("/v2/checkout/orders/{completed_order}"))
            .await,
        "COMPLETED"
    );
    paypal.advance_hours(1).await;
    // The approval was after 2 hours, and 3 more have passed.
    let path = format!("/v2/checkout/orders/{approved_order}/authorize");
    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "ORDER_EXPIRED")
    );
}

#[tokio::test]
async fn scripted_authorize_outcomes_occur() {
    let paypal = PayPal::new().await;
    let id = paypal.create_order("SIMULATE_AUTHORIZE_DECLINED").await;
    paypal.approve(&id).await;
    let path = format!("/v2/checkout/orders/{id}/authorize");
    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "INSTRUMENT_DECLINED")
    );
    assert_eq!(
        paypal.status(&format!("/v2/checkout/orders/{id}")).await,
        "APPROVED"
    );

    let expected = [
        (
            "x SIMULATE_AUTHORIZE_OTHER_AMOUNT y",
            "CREATED",
            "118.80",
            Value::Null,
        ),
        (
            "SIMULATE_AUTHORIZE_PENDING",
            "PENDING",
            "237.60",
            json!({"reason": "PENDING_REVIEW"}),
        ),
        ("SIMULATE_AUTHORIZE_DENIED", "DENIED", "237.60", Value::Null),
    ];
    for (description, status, amount, details) in expected {
        let authorization = paypal
            .get(&paypal.authorization_path(description).await)
            .await;
        assert_eq!(authorization.body["status"], status, "{description}");
        assert_eq!(
            authorization.body["amount"]["value"], amount,
            "{description}"
        );
        assert_eq!(
            authorization.body["status_details"], details,
            "{description}"
        );
    }
}

#[tokio::test]
async fn same_seed_gives_same_identifiers() {
    let token_and_ledger = async |seed| {
        let clock = Clock::fixed_at(Timestamp::UNIX_EPOCH);
        let simulator = Simulator::seeded(clock.clone(), credentials(), BASE.to_owned(), seed);
        let paypal = PayPal::with_simulator(simulator, clock).await;
        let (order, authorization) = paypal.authorize_order("A car").await;
        let ledger = paypal.simulator.ledger();
        assert_eq!(ledger["orders"][&order]["authorization_id"], authorization);
        (paypal.token, ledger)
    };
    assert_eq!(token_and_ledger(7).await, token_and_ledger(7).await);
    let (token, _) = token_and_ledger(7).await;
    assert_ne!(token, token_and_ledger(8).await.0);
}
