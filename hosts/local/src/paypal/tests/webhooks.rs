//! What makes an event, and what stands in it.

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
    // Refused: nothing changed.
    paypal.post(&authorize, json!({})).await;
    let shown = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
    let authorization = shown.body["purchase_units"][0]["payments"]["authorizations"][0]["id"]
        .as_str()
        .unwrap();
    let authorization = format!("/v2/payments/authorizations/{authorization}");
    let mut capture = Value::Null;
    for _ in 0..2 {
        let answer = paypal
            .post_with_id("capture-1", &format!("{authorization}/capture"), json!({}))
            .await;
        capture = answer.body["id"].clone();
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
    let elsewhere = paypal.create_order("A car").await;
    assert_eq!(event_types(&paypal, &elsewhere), Vec::<String>::new());
}

/// An order whose money is taken and given back: its id, and what the API showed after each step.
async fn refunded(paypal: &PayPal) -> (String, Vec<Value>) {
    let mut body = order_body("A car");
    body["purchase_units"][0]["invoice_id"] = json!("R-1");
    let order = paypal.post("/v2/checkout/orders", body).await.id();
    paypal.approve(&order).await;
    let mut shown = vec![
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
    shown.push(paypal.get(&authorization).await.body);
    let path = format!("{authorization}/capture");
    let capture = paypal.call("POST", &path, Some(json!({})), &[]).await.id();
    let capture = format!("/v2/payments/captures/{capture}");
    shown.push(paypal.get(&capture).await.body);
    let refund = paypal
        .call("POST", &format!("{capture}/refund"), None, &[])
        .await
        .id();
    let refund = paypal.get(&format!("/v2/payments/refunds/{refund}")).await;
    shown.push(refund.body);
    (order, shown)
}

#[tokio::test]
async fn event_resource_equals_api_representation() {
    let paypal = PayPal::new().await;
    let (order, shown) = refunded(&paypal).await;

    let expected = [
        ("checkout-order", "An order has been approved by buyer"),
        (
            "authorization",
            "A successful payment authorization was created for $ 237.60 USD",
        ),
        ("capture", "Payment completed for $ 237.60 USD"),
        ("refund", "A $ 237.60 USD capture payment was refunded"),
    ];
    let reported = event_records(&paypal, &order);
    assert_eq!(reported.len(), 4);
    for ((reported, shown), (resource_type, summary)) in reported.iter().zip(shown).zip(expected) {
        let id = reported["id"].as_str().unwrap();
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
                "event_type": reported["type"],
                "summary": summary,
                "resource": shown,
                "links": [
                    {"href": own, "rel": "self", "method": "GET"},
                    {"href": format!("{own}/resend"), "rel": "resend", "method": "POST"},
                ],
            })
        );
        let age =
            timestamp(&reported["createdAt"]).duration_since(timestamp(&event["create_time"]));
        assert!(age.as_millis() == 0, "{age}");
        assert_eq!(id.len(), "WH-58D329510W468432D-8HN650336L201105X".len());
    }
}

#[tokio::test]
async fn event_resource_names_order_and_payment() {
    let paypal = PayPal::new().await;
    let (order, shown) = refunded(&paypal).await;
    let reported = event_records(&paypal, &order);
    let resource =
        |at: usize| event_body(&paypal, reported[at]["id"].as_str().unwrap())["resource"].clone();
    for at in [1, 2] {
        assert_eq!(resource(at)["custom_id"], "payment-1");
        assert_eq!(resource(at)["invoice_id"], "R-1");
        assert_eq!(
            resource(at)["supplementary_data"]["related_ids"]["order_id"],
            order
        );
    }
    assert_eq!(resource(3)["custom_id"], "payment-1");
    let capture = shown[2]["id"].as_str().unwrap();
    assert_eq!(
        resource(3)["links"][1]["href"],
        format!("{BASE}/v2/payments/captures/{capture}")
    );
}

#[tokio::test]
async fn voids_and_reauthorizations_reported_denials_not() {
    let mut paypal = PayPal::new().await;
    let (voided, id) = paypal.authorize_order("A car").await;
    let (renewed, renewed_id) = paypal.authorize_order("A car").await;
    let (denied, _) = paypal.authorize_order("SIMULATE_AUTHORIZE_DENIED").await;
    let (pending, _) = paypal.authorize_order("SIMULATE_AUTHORIZE_PENDING").await;
    let declined = paypal.create_order("SIMULATE_AUTHORIZE_DECLINED").await;
    paypal.approve(&declined).await;
    let path = format!("/v2/checkout/orders/{declined}/authorize");
    assert_eq!(
        paypal.post(&path, json!({})).await.issue(),
        (422, "INSTRUMENT_DECLINED")
    );
    for _ in 0..2 {
        let path = format!("/v2/payments/authorizations/{id}/void");
        paypal.call("POST", &path, None, &[]).await;
    }
    assert_eq!(
        event_types(&paypal, &voided),
        [
            "CHECKOUT.ORDER.APPROVED",
            "PAYMENT.AUTHORIZATION.CREATED",
            "PAYMENT.AUTHORIZATION.VOIDED"
        ]
    );
    let last = event_records(&paypal, &voided)[2]["id"].clone();
    let last = event_body(&paypal, last.as_str().unwrap());
    assert_eq!(
        last["summary"],
        "A payment authorization was voided for $ 237.60 USD"
    );
    assert_eq!(last["resource"]["status"], "VOIDED");
    assert_eq!(last["resource"]["id"], id);
    for order in [&denied, &declined] {
        assert_eq!(event_types(&paypal, order), ["CHECKOUT.ORDER.APPROVED"]);
    }
    assert_eq!(
        event_types(&paypal, &pending),
        ["CHECKOUT.ORDER.APPROVED", "PAYMENT.AUTHORIZATION.CREATED"]
    );

    paypal.advance_hours(72).await;
    let path = format!("/v2/payments/authorizations/{renewed_id}/reauthorize");
    let renewal = paypal.post(&path, json!({})).await.id();
    let last = event_records(&paypal, &renewed);
    assert_eq!(last.len(), 3);
    assert_eq!(last[2]["type"], "PAYMENT.AUTHORIZATION.CREATED");
    let last = event_body(&paypal, last[2]["id"].as_str().unwrap());
    assert_eq!(last["resource"]["id"], renewal);
}

#[tokio::test]
async fn authorization_expiry_is_reported_once() {
    let mut paypal = PayPal::new().await;
    let (lapses, id) = paypal.authorize_order("A car").await;
    let (taken, taken_id) = paypal.authorize_order("A car").await;
    let path = format!("/v2/payments/authorizations/{taken_id}/capture");
    paypal.post(&path, json!({})).await;
    paypal.advance_hours(29 * 24 - 1).await;
    assert_eq!(event_types(&paypal, &lapses).len(), 2);
    paypal.advance_hours(1).await;
    for _ in 0..2 {
        assert_eq!(
            event_types(&paypal, &lapses).last().unwrap(),
            "PAYMENT.AUTHORIZATION.VOIDED"
        );
        assert_eq!(event_types(&paypal, &lapses).len(), 3);
    }
    let last = event_records(&paypal, &lapses)[2].clone();
    let last = event_body(&paypal, last["id"].as_str().unwrap());
    assert_eq!(last["resource"]["id"], id);
    assert_eq!(last["resource"]["status"], "VOIDED");
    assert_eq!(
        event_types(&paypal, &taken).last().unwrap(),
        "PAYMENT.CAPTURE.COMPLETED"
    );
}

#[tokio::test]
async fn e_check_reported_pending_then_decided() {
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
    let shown = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
    let payments = &shown.body["purchase_units"][0]["payments"];
    let seen = |kind: &str| -> Vec<(String, String)> {
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
        seen("authorizations"),
        [pair("PARTIALLY_CAPTURED", "237.60")]
    );
    assert_eq!(
        seen("captures"),
        [
            pair("PARTIALLY_REFUNDED", "100.00"),
            pair("REFUNDED", "50.00")
        ]
    );
    assert_eq!(
        seen("refunds"),
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
