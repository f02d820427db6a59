//! The schedule of deliveries.

use super::{PayPal, event_records, persistence::Folder};
use crate::paypal::{Forgery, WebhookError};
use exodrive_native::Clock;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Takes all due deliveries and returns the ids of their events.
fn take(paypal: &PayPal) -> Vec<String> {
    let deliveries = paypal.simulator.take_deliveries(usize::MAX).unwrap();
    deliveries
        .into_iter()
        .map(|delivery| delivery.event)
        .collect()
}

#[tokio::test]
async fn delivery_is_signed_post_to_product() {
    let paypal = PayPal::new().await;
    let (order, _) = paypal.authorize_order("A car").await;
    let deliveries = paypal.simulator.take_deliveries(usize::MAX).unwrap();
    let events = event_records(&paypal, &order);
    assert_eq!(deliveries.len(), 2);
    let mut transmissions = BTreeSet::new();
    for (delivery, event) in deliveries.iter().zip(&events) {
        let request = &delivery.request;
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "/api/webhooks/paypal");
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("paypal-auth-algo"), "SHA256withRSA");
        assert_eq!(
            header("paypal-cert-url"),
            "http://paypal.test/v1/notifications/certs/CERT-LOCAL"
        );
        assert!(header("paypal-transmission-time").ends_with('Z'));
        assert_eq!(header("paypal-transmission-sig").len(), 344);
        transmissions.insert(header("paypal-transmission-id").to_owned());
        assert_eq!(event["id"], delivery.event);
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["id"], delivery.event);
    }
    assert_eq!(transmissions.len(), 2);
}

#[tokio::test]
async fn event_is_due_until_success_response() {
    let paypal = PayPal::new().await;
    let order = paypal.create_order("A car").await;
    paypal.approve(&order).await;
    let event = event_records(&paypal, &order)[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(take(&paypal), [event.as_str()]);
    assert!(take(&paypal).is_empty());
    // The first attempt gets no response, the next three fail with these statuses.
    for (pause, status) in [(45, 503), (180, 401), (405, 302)] {
        paypal.clock.advance(Duration::from_secs(pause - 2));
        assert!(take(&paypal).is_empty(), "{pause}");
        paypal.clock.advance(Duration::from_secs(2));
        assert_eq!(take(&paypal), [event.as_str()], "{pause}");
        let status = StatusCode::from_u16(status).unwrap();
        paypal.simulator.record_response(&event, status);
        assert_eq!(event_records(&paypal, &order)[0]["delivered"], false);
    }
    paypal.clock.advance(Duration::from_secs(720));
    assert_eq!(take(&paypal), [event.as_str()]);
    paypal
        .simulator
        .record_response(&event, StatusCode::NO_CONTENT);
    let record = event_records(&paypal, &order)[0].clone();
    assert_eq!(
        (&record["delivered"], &record["attempts"], &record["due"]),
        (&json!(true), &json!(5), &Value::Null)
    );
    paypal.clock.advance(Duration::from_secs(24 * 3600));
    assert!(take(&paypal).is_empty());
}

#[tokio::test]
async fn delivery_stops_after_25_retries() {
    let paypal = PayPal::new().await;
    let order = paypal.create_order("A car").await;
    paypal.approve(&order).await;
    let mut attempts = 0;
    for _ in 0..(4 * 24 * 60) {
        attempts += take(&paypal).len();
        paypal.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(attempts, 26);
    let record = event_records(&paypal, &order)[0].clone();
    assert_eq!(
        (&record["delivered"], &record["attempts"], &record["due"]),
        (&json!(false), &json!(26), &Value::Null)
    );
}

#[tokio::test]
async fn clock_jump_leaves_one_attempt() {
    let mut paypal = PayPal::new().await;
    let order = paypal.create_order("A car").await;
    paypal.approve(&order).await;
    paypal.advance_hours(20 * 24).await;
    assert_eq!(take(&paypal).len(), 1);
    paypal.advance_hours(24).await;
    assert!(take(&paypal).is_empty(), "a retry after three days");
    // Events are removed after 30 days.
    paypal.advance_hours(9 * 24).await;
    paypal.authorize_order("A car").await;
    assert!(event_records(&paypal, &order).is_empty());
}

#[tokio::test]
async fn deliveries_are_taken_in_order_up_to_limit() {
    let paypal = PayPal::new().await;
    let (order, _) = paypal.authorize_order("A car").await;
    let ids: Vec<Value> = event_records(&paypal, &order)
        .iter()
        .map(|event| event["id"].clone())
        .collect();
    for id in ids {
        let deliveries = paypal.simulator.take_deliveries(1).unwrap();
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0].event, id);
    }
    assert!(paypal.simulator.take_deliveries(1).unwrap().is_empty());
}

#[tokio::test]
async fn only_genuine_resend_counts_as_attempt() {
    let paypal = PayPal::new().await;
    let order = paypal.create_order("A car").await;
    paypal.approve(&order).await;
    let event = event_records(&paypal, &order)[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let first = paypal.simulator.deliver(&event, None).unwrap();
    paypal.simulator.record_response(&event, StatusCode::OK);
    let resent = paypal.simulator.deliver(&event, None).unwrap();
    assert_eq!(first.request.body(), resent.request.body());
    let header = |delivery: &crate::paypal::Delivery, name: &str| {
        delivery.request.headers()[name]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_ne!(
        header(&first, "paypal-transmission-id"),
        header(&resent, "paypal-transmission-id")
    );
    paypal
        .simulator
        .record_response(&event, StatusCode::INTERNAL_SERVER_ERROR);
    for forgery in [
        Forgery::Body,
        Forgery::Signature,
        Forgery::CertUrl,
        Forgery::WebhookId,
    ] {
        let forged = paypal.simulator.deliver(&event, Some(forgery)).unwrap();
        let body: Value = serde_json::from_slice(forged.request.body()).unwrap();
        assert_eq!(body["id"], event);
        assert_eq!(
            forged.request.body() != resent.request.body(),
            forgery == Forgery::Body
        );
        assert_eq!(
            header(&forged, "paypal-cert-url") != header(&resent, "paypal-cert-url"),
            forgery == Forgery::CertUrl
        );
    }
    let record = event_records(&paypal, &order)[0].clone();
    assert_eq!(
        (&record["delivered"], &record["attempts"]),
        (&json!(true), &json!(2))
    );
    assert!(matches!(
        paypal.simulator.deliver("WH-NONE", None),
        Err(WebhookError::UnknownEvent(id)) if id == "WH-NONE"
    ));
}

#[tokio::test]
async fn restart_resumes_undelivered_events() {
    let folder = Folder::new("deliveries");
    let clock = Clock::default();
    let first = PayPal::with_simulator(folder.load_at(clock.clone()).unwrap(), clock).await;
    let (order, _) = first.authorize_order("A car").await;
    let event_ids = take(&first);
    first
        .simulator
        .record_response(&event_ids[0], StatusCode::OK);
    let saved_records = event_records(&first, &order);

    let clock = Clock::default();
    first.simulator.save().unwrap();
    let second = PayPal::with_simulator(folder.load_at(clock.clone()).unwrap(), clock).await;
    assert_eq!(event_records(&second, &order), saved_records);
    assert!(take(&second).is_empty());
    second.clock.advance(Duration::from_secs(45));
    assert_eq!(take(&second), [event_ids[1].as_str()]);
}

#[tokio::test]
async fn restart_keeps_timed_events() {
    let folder = Folder::new("timed-events");
    let clock = Clock::default();
    let first = PayPal::with_simulator(folder.load_at(clock.clone()).unwrap(), clock).await;
    let (order, _) = first.authorize_order("A car").await;
    first.clock.advance(Duration::from_secs(29 * 24 * 3600));
    assert_eq!(take(&first).len(), 3);
    let saved_records = event_records(&first, &order);
    let later_clock = Clock::default();
    later_clock.advance(Duration::from_secs(29 * 24 * 3600));
    first.simulator.save().unwrap();
    let second =
        PayPal::with_simulator(folder.load_at(later_clock.clone()).unwrap(), later_clock).await;
    assert_eq!(event_records(&second, &order), saved_records);
}
