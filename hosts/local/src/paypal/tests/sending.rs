//! Deliveries over HTTP, to a merchant that answers as it is told.

use super::{PayPal, event_records};
use crate::{
    paypal::{Tamper, WebhookError},
    serve::Server,
    webhooks::{SendError, Sender},
};
use axum::{Router, extract::State, routing::post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, time::sleep};

/// What a merchant got, and what it answers next; 200 when it was not told.
#[derive(Clone, Default)]
struct Merchant {
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
}

impl Merchant {
    /// A merchant at work, and where.
    async fn open(answers: &[StatusCode]) -> (Self, Server, String) {
        let merchant = Self {
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            ..Self::default()
        };
        let router = Router::new()
            .route("/api/webhooks/paypal", post(take))
            .with_state(merchant.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        (merchant, Server::start(listener, router, None), address)
    }

    /// The events that came, in order.
    fn events(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter()
            .map(|(_, body)| {
                let event: Value = serde_json::from_slice(body).unwrap();
                event["id"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}

async fn take(State(merchant): State<Merchant>, headers: HeaderMap, body: Bytes) -> StatusCode {
    merchant.got.lock().unwrap().push((headers, body));
    let next = merchant.answers.lock().unwrap().pop_front();
    next.unwrap_or(StatusCode::OK)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("not within ten seconds: {what}");
}

async fn approved(paypal: &PayPal) -> (String, String) {
    let order = paypal.create_order("A car").await;
    paypal.approve(&order).await;
    let event = event_records(paypal, &order)[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    (order, event)
}

#[tokio::test]
async fn due_event_is_resent_until_delivered() {
    let paypal = PayPal::new().await;
    let (merchant, server, address) =
        Merchant::open(&[StatusCode::SERVICE_UNAVAILABLE, StatusCode::FOUND]).await;
    let sender = Arc::new(Sender::new(paypal.simulator.clone(), &address));
    let task = tokio::spawn(Arc::clone(&sender).keep_sending());
    let (order, event) = approved(&paypal).await;
    for (times, pause) in [(1, 45), (2, 180)] {
        until("an attempt", || merchant.events().len() == times).await;
        assert_eq!(event_records(&paypal, &order)[0]["delivered"], false);
        paypal.clock.advance(SignedDuration::from_secs(pause));
        sender.clock_moved();
    }
    until("the delivery", || {
        event_records(&paypal, &order)[0]["delivered"] == true
    })
    .await;
    assert_eq!(merchant.events(), vec![event; 3]);
    let got = merchant.got.lock().unwrap().clone();
    let transmission = |at: usize| got[at].0["paypal-transmission-id"].clone();
    assert_eq!(got[0].1, got[2].1, "every attempt says the same");
    assert_ne!(transmission(0), transmission(1));
    task.abort();
    server.stop().await;
}

#[tokio::test]
async fn send_now_sends_several_copies() {
    let paypal = PayPal::new().await;
    let (merchant, server, address) = Merchant::open(&[StatusCode::OK, StatusCode::CONFLICT]).await;
    let sender = Sender::new(paypal.simulator.clone(), &address);
    let (order, event) = approved(&paypal).await;
    let forged = sender.send_now(&event, 1, Some(Tamper::Body)).await;
    assert_eq!(forged.unwrap(), [StatusCode::OK]);
    let seen = &event_records(&paypal, &order)[0];
    assert_eq!(
        (&seen["delivered"], &seen["attempts"]),
        (&false.into(), &0.into())
    );

    let mut statuses = sender.send_now(&event, 3, None).await.unwrap();
    statuses.sort();
    assert_eq!(
        statuses,
        [StatusCode::OK, StatusCode::OK, StatusCode::CONFLICT]
    );
    assert_eq!(merchant.events(), vec![event; 4]);
    let seen = &event_records(&paypal, &order)[0];
    assert_eq!(
        (&seen["delivered"], &seen["attempts"]),
        (&true.into(), &3.into())
    );
    assert!(matches!(
        sender.send_now("WH-NONE", 1, None).await,
        Err(SendError::Webhook(WebhookError::UnknownEvent(_)))
    ));
    server.stop().await;
}

#[tokio::test]
async fn unreachable_merchant_leaves_event_due() {
    let paypal = PayPal::new().await;
    let (_, server, address) = Merchant::open(&[]).await;
    server.stop().await;
    let sender = Sender::new(paypal.simulator.clone(), &address);
    let (order, event) = approved(&paypal).await;
    assert!(matches!(
        sender.send_now(&event, 1, None).await,
        Err(SendError::Transport(_))
    ));
    let seen = &event_records(&paypal, &order)[0];
    assert_eq!(
        (&seen["delivered"], &seen["attempts"]),
        (&false.into(), &1.into())
    );
    assert!(seen["due"].is_string());
    let nowhere = Sender::new(paypal.simulator.clone(), "no address");
    assert!(matches!(
        nowhere.send_now(&event, 1, None).await,
        Err(SendError::Address(..))
    ));
}
