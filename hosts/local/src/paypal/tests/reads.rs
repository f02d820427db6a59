//! Behaviours that shape what is read: forgotten orders, stale states, missing members.

use super::{Behaviour, PayPal, Unkindness, dollars};
use crate::paypal::{Operation, PaymentStatus};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

fn forgets(approved: bool) -> Unkindness {
    Unkindness::ForgetsOrders {
        after: None,
        approved,
    }
}

#[tokio::test]
async fn order_without_approval_is_forgotten() {
    let mut paypal = PayPal::new().await;
    let (authorized, _) = paypal.authorize_order("A car").await;
    let abandoned = paypal.create_order("A car").await;
    let approved = paypal.create_order("A car").await;
    paypal.approve(&approved).await;
    let show = |order: &str| format!("/v2/checkout/orders/{order}");
    paypal.be(forgets(false));
    assert_eq!(paypal.status(&show(&abandoned)).await, "CREATED");
    paypal.advance_hours(3).await;
    assert_eq!(
        paypal.get(&show(&abandoned)).await.issue(),
        (404, "INVALID_RESOURCE_ID")
    );
    let authorize = format!("{}/authorize", show(&abandoned));
    assert_eq!(
        paypal.post(&authorize, json!({})).await.issue(),
        (404, "INVALID_RESOURCE_ID")
    );
    assert_eq!(paypal.simulator.behaviour()[0].fired, 2);
    // The same order with the approved ones included, and with a kind PayPal.
    assert_eq!(paypal.status(&show(&approved)).await, "APPROVED");
    paypal.simulator.reset_behaviour();
    assert_eq!(paypal.status(&show(&abandoned)).await, "CREATED");
    assert_eq!(
        paypal.post(&authorize, json!({})).await.issue(),
        (422, "ORDER_EXPIRED")
    );
    paypal.be(forgets(true));
    assert_eq!(
        paypal.get(&show(&approved)).await.issue(),
        (404, "INVALID_RESOURCE_ID")
    );
    assert_eq!(paypal.status(&show(&authorized)).await, "COMPLETED");
}

#[tokio::test]
async fn opened_order_lives_three_more_hours() {
    let mut paypal = PayPal::new().await;
    let order = paypal.create_order("A car").await;
    let show = format!("/v2/checkout/orders/{order}");
    paypal.be(forgets(false));
    paypal.advance_hours(2).await;
    paypal.get(&format!("/checkoutnow?token={order}")).await;
    paypal.advance_hours(2).await;
    assert_eq!(paypal.status(&show).await, "CREATED");
    paypal.advance_hours(1).await;
    assert_eq!(paypal.get(&show).await.status, StatusCode::NOT_FOUND);
}

/// The statuses of a list in an order. A missing list is empty.
fn statuses(list: &Value) -> Vec<&str> {
    let items = list.as_array().into_iter().flatten();
    items.map(|item| item["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn stale_reads_show_the_past() {
    let mut paypal = PayPal::new().await;
    let order = paypal.create_order("A car").await;
    let show = format!("/v2/checkout/orders/{order}");
    paypal.advance_hours(1).await;
    paypal.approve(&order).await;
    paypal.advance_hours(1).await;
    let authorized = paypal.post(&format!("{show}/authorize"), json!({})).await;
    let payments = &authorized.body["purchase_units"][0]["payments"];
    let id = payments["authorizations"][0]["id"].as_str().unwrap();
    let path = format!("/v2/payments/authorizations/{id}");
    paypal.advance_hours(80).await;
    let renewed = paypal
        .post(&format!("{path}/reauthorize"), json!({}))
        .await
        .id();
    paypal.advance_hours(1).await;
    let capture = paypal
        .post(&format!("{path}/capture"), json!({"final_capture": true}))
        .await
        .id();
    paypal.advance_hours(1).await;
    let refund = format!("/v2/payments/captures/{capture}/refund");
    let refund = paypal.post(&refund, dollars("1.00")).await.id();
    paypal.advance_hours(1).await;

    // The order was approved 84 hours ago, and authorized 83 hours ago.
    for (hours, status, authorizations, captures, refunds) in [
        (
            1,
            "COMPLETED",
            vec!["CAPTURED", "CAPTURED"],
            vec!["PARTIALLY_REFUNDED"],
            1,
        ),
        (
            2,
            "COMPLETED",
            vec!["CAPTURED", "CAPTURED"],
            vec!["COMPLETED"],
            0,
        ),
        (3, "COMPLETED", vec!["CREATED", "CREATED"], vec![], 0),
        (4, "COMPLETED", vec!["CREATED"], vec![], 0),
        (83, "COMPLETED", vec!["CREATED"], vec![], 0),
        (84, "APPROVED", vec![], vec![], 0),
        (85, "CREATED", vec![], vec![], 0),
    ] {
        let by = SignedDuration::from_hours(hours) - SignedDuration::from_mins(1);
        paypal.simulator.reset_behaviour();
        paypal.be(Unkindness::Stale { by });
        let past = paypal.get(&show).await;
        assert_eq!(past.body["status"], status, "{hours}");
        let payments = &past.body["purchase_units"][0]["payments"];
        let statuses = |kind: &str| statuses(&payments[kind]);
        assert_eq!(statuses("authorizations"), authorizations, "{hours}");
        assert_eq!(statuses("captures"), captures, "{hours}");
        assert_eq!(statuses("refunds").len(), refunds, "{hours}");
    }
    let by = SignedDuration::from_mins(90);
    paypal.simulator.reset_behaviour();
    paypal.be(Unkindness::Stale { by });
    let refund = format!("/v2/payments/refunds/{refund}");
    assert_eq!(
        paypal.get(&refund).await.issue(),
        (404, "INVALID_RESOURCE_ID")
    );
    let renewed = format!("/v2/payments/authorizations/{renewed}");
    assert_eq!(paypal.status(&renewed).await, "CAPTURED");
}

#[tokio::test]
async fn stale_read_precedes_void_and_decision() {
    let mut paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    paypal.advance_hours(1).await;
    paypal.post(&format!("{path}/void"), json!({})).await;
    paypal.advance_hours(1).await;
    assert_eq!(paypal.status(&path).await, "VOIDED");
    paypal.be(Unkindness::Stale {
        by: SignedDuration::from_mins(90),
    });
    assert_eq!(paypal.status(&path).await, "CREATED");
    // A write sees the present.
    assert_eq!(
        paypal
            .post(&format!("{path}/capture"), json!({}))
            .await
            .issue(),
        (422, "AUTHORIZATION_VOIDED")
    );
}

#[tokio::test]
async fn members_are_missing_or_null() {
    let paypal = PayPal::new().await;
    let (order, id) = paypal.authorize_order("A car").await;
    let show = format!("/v2/checkout/orders/{order}");
    let path = format!("/v2/payments/authorizations/{id}");
    let changed = async |unkindness: Unkindness, path: &str| {
        paypal.set(Behaviour::new(unkindness).times(1));
        let response = paypal.get(path).await;
        assert_eq!(response.status, 200);
        response.body
    };
    let body = changed(Unkindness::without(&["payments"]), &show).await;
    assert_eq!(body["purchase_units"][0].get("payments"), None);
    let members = ["amount", "status", "expiration_time", "links"];
    let body = changed(Unkindness::without(&members), &path).await;
    for member in members {
        assert_eq!(body.get(member), None, "{member}");
    }
    assert_eq!(body["id"], json!(id));
    let list = "/purchase_units/*/payments/authorizations";
    let body = changed(Unkindness::with(list, Value::Null), &show).await;
    assert_eq!(
        body["purchase_units"][0]["payments"]["authorizations"],
        Value::Null
    );
    let body = changed(Unkindness::with("/status", json!("SETTLED")), &path).await;
    assert_eq!(body["status"], "SETTLED");
    // An error is not changed, and does not use the change up.
    paypal.set(Behaviour::new(Unkindness::without(&["details"])).times(1));
    let missing = paypal.get("/v2/checkout/orders/NONE").await;
    assert_eq!(missing.issue(), (404, "INVALID_RESOURCE_ID"));
    assert_eq!(paypal.simulator.behaviour().len(), 1);
}

#[tokio::test]
async fn minimal_bodies_ignore_preference() {
    let paypal = PayPal::new().await;
    let order = paypal.create_order("A car").await;
    paypal.approve(&order).await;
    let show = format!("/v2/checkout/orders/{order}");
    paypal.be(Unkindness::Minimal {});
    let members = |body: &Value| -> Vec<String> {
        let mut members: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        members.sort();
        members
    };
    let authorized = paypal.post(&format!("{show}/authorize"), json!({})).await;
    assert_eq!(members(&authorized.body), ["id", "links", "status"]);
    assert_eq!(authorized.body["status"], "COMPLETED");
    let read = paypal.get(&show).await;
    assert_eq!(members(&read.body), ["id", "links", "status"]);
    let ledger = paypal.simulator.ledger();
    let id = ledger["authorizations"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap();
    let void = format!("/v2/payments/authorizations/{id}/void");
    let voided = paypal.post(&void, json!({})).await;
    assert_eq!(
        (voided.status, voided.text.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
}

#[tokio::test]
async fn reauthorization_is_shown_in_four_ways() {
    let mut paypal = PayPal::new().await;
    let (order, id) = paypal.authorize_order("A car").await;
    let path = format!("/v2/payments/authorizations/{id}");
    paypal.advance_hours(73).await;
    let renewed = paypal
        .post(&format!("{path}/reauthorize"), json!({}))
        .await
        .id();
    let statuses = async || {
        let order = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
        let listed = &order.body["purchase_units"][0]["payments"]["authorizations"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let entry = |item: &Value| (text(&item["id"]), text(&item["status"]));
        let listed: Vec<(String, String)> = listed.as_array().unwrap().iter().map(entry).collect();
        (listed, paypal.status(&path).await)
    };
    let entry = |id: &str, status: &str| (id.to_owned(), status.to_owned());
    for (listed, original, expected) in [
        (
            true,
            "CREATED",
            vec![entry(&id, "CREATED"), entry(&renewed, "CREATED")],
        ),
        (
            true,
            "VOIDED",
            vec![entry(&id, "VOIDED"), entry(&renewed, "CREATED")],
        ),
        (false, "CREATED", vec![entry(&id, "CREATED")]),
        (false, "VOIDED", vec![entry(&id, "VOIDED")]),
    ] {
        paypal.simulator.reset_behaviour();
        paypal.be(Unkindness::Reauthorizations {
            many: false,
            listed,
            original: if original == "VOIDED" {
                PaymentStatus::Voided
            } else {
                PaymentStatus::Created
            },
        });
        assert_eq!(statuses().await, (expected, original.to_owned()));
        let own = format!("/v2/payments/authorizations/{renewed}");
        assert_eq!(paypal.status(&own).await, "CREATED");
    }
    // The order and the authorization disagree.
    paypal.simulator.reset_behaviour();
    paypal.set(
        Behaviour::new(Unkindness::Reauthorizations {
            many: false,
            listed: true,
            original: PaymentStatus::Voided,
        })
        .only(Operation::ShowOrder),
    );
    let (listed, original) = statuses().await;
    assert_eq!(
        (listed[0].1.as_str(), original.as_str()),
        ("VOIDED", "CREATED")
    );
}

#[tokio::test]
async fn original_is_reauthorized_once_or_often() {
    for many in [false, true] {
        let mut paypal = PayPal::new().await;
        let path = paypal.authorization_path("A car").await;
        let reauthorize = format!("{path}/reauthorize");
        paypal.be(Unkindness::Reauthorizations {
            listed: true,
            original: PaymentStatus::Created,
            many,
        });
        paypal.advance_hours(73).await;
        let renewed = paypal.post(&reauthorize, json!({})).await.id();
        paypal.advance_hours(73).await;
        let again = paypal.post(&reauthorize, json!({})).await;
        assert_eq!(again.status == 201, many, "{}", again.text);
        let renewed = format!("/v2/payments/authorizations/{renewed}/reauthorize");
        assert_eq!(
            paypal.post(&renewed, json!({})).await.issue(),
            (422, "REAUTHORIZATION_NOT_SUPPORTED")
        );
    }
}
