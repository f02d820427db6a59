//! Causes and contents of events.

use super::{
    BASE, PayPal, dollars, event_body, event_records, event_types, order_body, persistence::Folder,
    timestamp,
};
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn each_order_change_is_one_event() {
    let paypal = PayPal::new().await;
    let order = paypal.create_order("A car").await;
    assert_eq!(event_types(&paypal, &order), Vec::<String>::new());
    for _ in 0..2 {
        paypal.approve(&order).await;
    }
    let authorize = format!("/v2/checkout/orders/{order}/authorize");
    for _ in 0..2 {
        paypal
            .post_with_id("authorize-1", &authorize, json!({}))
            .await;
    }
    // A refused request changes nothing.
    paypal.post(&authorize, json!({})).await;
    let response = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
    let authorization = response.body["purchase_units"][0]["payments"]["authorizations"][0]["id"]
        .as_str()
        .unwrap();
    let authorization = format!("/v2/payments/authorizations/{authorization}");
    let mut capture = Value::Null;
    for _ in 0..2 {
        let response = paypal
            .post_with_id("capture-1", &format!("{authorization}/capture"), json!({}))
            .await;
        capture = response.body["id"].clone();
    }
    let capture = format!("/v2/payments/captures/{}", capture.as_str().unwrap());
    for id in ["refund-1", "refund-1", "refund-2"] {
        let path = format!("{capture}/refund");
        paypal.post_with_id(id, &path, dollars("10")).await;
    }
    assert_eq!(
        event_types(&paypal, &order),
        [
            "CHECKOUT.ORDER.APPROVED",
            "PAYMENT.AUTHORIZATION.CREATED",
            "PAYMENT.CAPTURE.COMPLETED",
            "PAYMENT.CAPTURE.REFUNDED",
            "PAYMENT.CAPTURE.REFUNDED",
        ]
    );
    let other_order = paypal.create_order("A car").await;
    assert_eq!(event_types(&paypal, &other_order), Vec::<String>::new());
}

/// Creates an order, captures it and refunds it. Returns its id, and the representations of the
/// order, the authorization, the capture and the refund.
async fn refund_order(paypal: &PayPal) -> (String, Vec<Value>) {
    let mut body = order_body("A car");
    body["purchase_units"][0]["invoice_id"] = json!("R-1");
    let order = paypal.post("/v2/checkout/orders", body).await.id();
    paypal.approve(&order).await;
    let mut representations = vec![
        paypal
            .get(&format!("/v2/checkout/orders/{order}"))
            .await
            .body,
    ];
    let authorized = paypal
        .post(&format!("/v2/checkout/orders/{order}/authorize"), json!({}))
        .await;
    let authorization =
        &authorized.body["purchase_units"][0]["payments"]["authorizations"][0]["id"];
    let authorization = format!(
        "/v2/payments/authorizations/{}",
        authorization.as_str().unwrap()
    );
    representations.push(paypal.get(&authorization).await.body);
    let path = format!("{authorization}/capture");
    let capture = paypal.call("POST", &path, Some(json!({})), &[]).await.id();
    let capture = format!("/v2/payments/captures/{capture}");
    representations.push(paypal.get(&capture).await.body);
    let refund = paypal
        .call("POST", &format!("{capture}/refund"), None, &[])
        .await
        .id();
    let refund = paypal.get(&format!("/v2/payments/refunds/{refund}")).await;
    representations.push(refund.body);
    (order, representations)
}

#[tokio::test]
async fn event_resource_equals_api_representation() {
    let paypal = PayPal::new().await;
    let (order, representations) = refund_order(&paypal).await;

    let expected = [
        ("checkout-order", "An order has been approved by buyer"),
        (
            "authorization",
            "A successful payment authorization was created for $ 237.60 USD",
        ),
        ("capture", "Payment completed for $ 237.60 USD"),
        ("refund", "A $ 237.60 USD capture payment was refunded"),
    ];
    let records = event_records(&paypal, &order);
    assert_eq!(records.len(), 4);
    for ((record, representation), (resource_type, summary)) in
        records.iter().zip(representations).zip(expected)
    {
        let id = record["id"].as_str().unwrap();
        let event = event_body(&paypal, id);
        let own = format!("{BASE}/v1/notifications/webhooks-events/{id}");
        assert_eq!(
            event,
            json!({
                "id": id,
                "event_version": "1.0",
                "create_time": event["create_time"],
                "resource_type": resource_type,
                "resource_version": "2.0",
                "event_type": record["type"],
                "summary": summary,
                "resource": representation,
                "links": [
                    {"href": own, "rel": "self", "method": "GET"},
                    {"href": format!("{own}/resend"), "rel": "resend", "method": "POST"},
                ],
            })
        );
        let age = timestamp(&record["createdAt"]).duration_since(timestamp(&event["create_time"]));
        assert!(age.as_millis() == 0, "{age}");
        assert_eq!(id.len(), "WH-58D329510W468432D-8HN650336L201105X".len());
    }
}

#[tokio::test]
async fn event_resource_names_order_and_payment() {
    let paypal = PayPal::new().await;
    let (order, representations) = refund_order(&paypal).await;
    let records = event_records(&paypal, &order);
    let resource =
        |at: usize| event_body(&paypal, records[at]["id"].as_str().unwrap())["resource"].clone();
    for at in [1, 2] {
        assert_eq!(resource(at)["custom_id"], "payment-1");
        assert_eq!(resource(at)["invoice_id"], "R-1");
        assert_eq!(
            resource(at)["supplementary_data"]["related_ids"]["order_id"],
            order
        );
    }
    assert_eq!(resource(3)["custom_id"], "payment-1");
    let capture = representations[2]["id"].as_str().unwrap();
    assert_eq!(
        resource(3)["links"][1]["href"],
        format!("{BASE}/v2/payments/captures/{capture}")
    );
}

#[tokio::test]
async fn all_authorization_changes_but_denials_are_reported() {
    let mut paypal = PayPal::new().await;
    let (voided_order, id) = paypal.authorize_order("A car").await;
    let (reauthorized_order, authorization) = paypal.authorize_order("A car").await;
    let (denied_order, _) = paypal.authorize_order("SIMULATE_AUTHORIZE_DENIED").await;
    let (pending_order, _) = paypal.authorize_order("SIMULATE_AUTHORIZE_PENDING").await;
    let declined_order = paypal.create_order("SIMULATE_AUTHORIZE_DECLINED").await;
    paypal.approve(&declined_order).await;
    let path = format!("/v2/checkout/orders/{declined_order}/authorize");
    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "INSTRUMENT_DECLINED")
    );
    for _ in 0..2 {
        let path = format!("/v2/payments/authorizations/{id}/void");
        paypal.call("POST", &path, None, &[]).await;
    }
    assert_eq!(
        event_types(&paypal, &voided_order),
        [
            "CHECKOUT.ORDER.APPROVED",
            "PAYMENT.AUTHORIZATION.CREATED",
            "PAYMENT.AUTHORIZATION.VOIDED"
        ]
    );
    let last = event_records(&paypal, &voided_order)[2]["id"].clone();
    let last = event_body(&paypal, last.as_str().unwrap());
    assert_eq!(
        last["summary"],
        "A payment authorization was voided for $ 237.60 USD"
    );
    assert_eq!(last["resource"]["status"], "VOIDED");
    assert_eq!(last["resource"]["id"], id);
    for order in [&denied_order, &declined_order] {
        assert_eq!(event_types(&paypal, order), ["CHECKOUT.ORDER.APPROVED"]);
    }
    assert_eq!(
        event_types(&paypal, &pending_order),
        ["CHECKOUT.ORDER.APPROVED", "PAYMENT.AUTHORIZATION.CREATED"]
    );

    paypal.advance_hours(72).await;
    let path = format!("/v2/payments/authorizations/{authorization}/reauthorize");
    let reauthorization = paypal.post(&path, json!({})).await.id();
    let last = event_records(&paypal, &reauthorized_order);
    assert_eq!(last.len(), 3);
    assert_eq!(last[2]["type"], "PAYMENT.AUTHORIZATION.CREATED");
    let last = event_body(&paypal, last[2]["id"].as_str().unwrap());
    assert_eq!(last["resource"]["id"], reauthorization);
}

#[tokio::test]
async fn authorization_expiry_is_reported_once() {
    let mut paypal = PayPal::new().await;
    let (expiring_order, id) = paypal.authorize_order("A car").await;
    let (captured_order, captured_id) = paypal.authorize_order("A car").await;
    let path = format!("/v2/payments/authorizations/{captured_id}/capture");
    paypal.post(&path, json!({})).await;
    paypal.advance_hours(29 * 24 - 1).await;
    assert_eq!(event_types(&paypal, &expiring_order).len(), 2);
    paypal.advance_hours(1).await;
    for _ in 0..2 {
        assert_eq!(
            event_types(&paypal, &expiring_order).last().unwrap(),
            "PAYMENT.AUTHORIZATION.VOIDED"
        );
        assert_eq!(event_types(&paypal, &expiring_order).len(), 3);
    }
    let last = event_records(&paypal, &expiring_order)[2].clone();
    let last = event_body(&paypal, last["id"].as_str().unwrap());
    assert_eq!(last["resource"]["id"], id);
    assert_eq!(last["resource"]["status"], "VOIDED");
    assert_eq!(
        event_types(&paypal, &captured_order).last().unwrap(),
        "PAYMENT.CAPTURE.COMPLETED"
    );
}

#[tokio::test]
async fn e_check_is_reported_when_pending_and_decided() {
    let mut paypal = PayPal::new().await;
    let outcomes = [
        ("SIMULATE_CAPTURE_CHECK_CLEARS", "COMPLETED"),
        ("SIMULATE_CAPTURE_CHECK_BOUNCES", "DECLINED"),
        ("SIMULATE_CAPTURE_PENDING", "PENDING"),
    ];
    let mut captures = Vec::new();
    for (description, outcome) in outcomes {
        let (order, id) = paypal.authorize_order(description).await;
        let path = format!("/v2/payments/authorizations/{id}/capture");
        let capture = paypal.post(&path, json!({"final_capture": true})).await;
        assert_eq!(capture.body["status"], "PENDING");
        assert_eq!(
            event_types(&paypal, &order).last().unwrap(),
            "PAYMENT.CAPTURE.PENDING"
        );
        captures.push((order, capture.id(), outcome));
    }
    paypal.advance_hours(3 * 24 - 1).await;
    for (order, _, _) in &captures {
        assert_eq!(event_types(&paypal, order).len(), 3);
    }
    paypal.advance_hours(1).await;
    for (order, capture, outcome) in captures {
        let path = format!("/v2/payments/captures/{capture}");
        assert_eq!(paypal.status(&path).await, outcome);
        assert_eq!(
            event_types(&paypal, &order).last().unwrap(),
            &format!("PAYMENT.CAPTURE.{outcome}")
        );
        assert_eq!(
            event_types(&paypal, &order).len(),
            if outcome == "PENDING" { 3 } else { 4 }
        );
        let refund = paypal.post(&format!("{path}/refund"), json!({})).await;
        let issue = match outcome {
            "DECLINED" => "REFUND_NOT_ALLOWED",
            "PENDING" => "PENDING_CAPTURE",
            _ => "",
        };
        assert_eq!(refund.issue().1, issue);
    }
}

#[tokio::test]
async fn order_shows_captures_and_refunds() {
    let paypal = PayPal::new().await;
    let (order, id) = paypal.authorize_order("A car").await;
    let authorization = format!("/v2/payments/authorizations/{id}");
    let mut captures = Vec::new();
    for value in ["100", "50"] {
        let capture = paypal
            .post(&format!("{authorization}/capture"), dollars(value))
            .await;
        captures.push(capture.id());
    }
    let refund = paypal
        .post(
            &format!("/v2/payments/captures/{}/refund", captures[0]),
            dollars("30"),
        )
        .await;
    assert_eq!(refund.status, StatusCode::CREATED);
    paypal
        .post(
            &format!("/v2/payments/captures/{}/refund", captures[1]),
            json!({}),
        )
        .await;
    let response = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
    let payments = &response.body["purchase_units"][0]["payments"];
    let amounts = |kind: &str| -> Vec<(String, String)> {
        payments[kind]
            .as_array()
            .unwrap()
            .iter()
            .map(|payment| {
                (
                    payment["status"].as_str().unwrap().to_owned(),
                    payment["amount"]["value"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    };
    let pair = |status: &str, value: &str| (status.to_owned(), value.to_owned());
    assert_eq!(
        amounts("authorizations"),
        [pair("PARTIALLY_CAPTURED", "237.60")]
    );
    assert_eq!(
        amounts("captures"),
        [
            pair("PARTIALLY_REFUNDED", "100.00"),
            pair("REFUNDED", "50.00")
        ]
    );
    assert_eq!(
        amounts("refunds"),
        [pair("COMPLETED", "30.00"), pair("COMPLETED", "50.00")]
    );
    assert_eq!(payments["refunds"][0]["id"], refund.id());
    assert_eq!(
        payments["refunds"][0]["links"][1]["href"],
        format!("{BASE}/v2/payments/captures/{}", captures[0])
    );
}

#[tokio::test]
async fn same_ledger_gives_same_event_ids() {
    let (one, other) = (Folder::new("seed-one"), Folder::new("seed-other"));
    drop(one.load().unwrap());
    std::fs::copy(one.file(), other.file()).unwrap();
    let mut ids = Vec::new();
    for folder in [&one, &other] {
        let paypal =
            PayPal::with_simulator(folder.load().unwrap(), exodrive_native::Clock::default()).await;
        let (order, _) = paypal.authorize_order("A car").await;
        let events = event_records(&paypal, &order);
        assert_eq!(events.len(), 2);
        ids.push([events[0]["id"].clone(), events[1]["id"].clone()]);
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0][0], ids[0][1]);
}
