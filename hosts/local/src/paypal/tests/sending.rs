//! Deliveries over HTTP, to a merchant with scripted responses.

use super::{PayPal, event_records};
use crate::{
    paypal::{Forgery, WebhookError},
    serve::Server,
    webhooks::{SendError, Sender},
};
use axum::{Router, extract::State, routing::post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, time::sleep};

/// A merchant's server. It responds 200 after the last of `responses`.
#[derive(Clone, Default)]
struct Merchant {
    requests: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    responses: Arc<Mutex<VecDeque<StatusCode>>>,
}

impl Merchant {
    /// Starts a merchant and returns its base URL.
    async fn open(responses: &[StatusCode]) -> (Self, Server, String) {
        let merchant = Self {
            responses: Arc::new(Mutex::new(responses.iter().copied().collect())),
            ..Self::default()
        };
        let router = Router::new()
            .route("/api/webhooks/paypal", post(receive))
            .with_state(merchant.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        (merchant, Server::start(listener, router, None), address)
    }

    /// The ids of the received events, in order.
    fn events(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|(_, body)| {
                let event: Value = serde_json::from_slice(body).unwrap();
                event["id"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}

async fn receive(State(merchant): State<Merchant>, headers: HeaderMap, body: Bytes) -> StatusCode {
    merchant.requests.lock().unwrap().push((headers, body));
    let next = merchant.responses.lock().unwrap().pop_front();
    next.unwrap_or(StatusCode::OK)
}

async fn wait_for(name: &str, condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{name} did not happen within ten seconds");
}

async fn approve_order(paypal: &PayPal) -> (String, String) {
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
    let (order, event) = approve_order(&paypal).await;
    for (times, pause) in [(1, 45), (2, 180)] {
        wait_for("an attempt", || merchant.events().len() == times).await;
        assert_eq!(event_records(&paypal, &order)[0]["delivered"], false);
        paypal.clock.advance(Duration::from_secs(pause));
        sender.clock_moved();
    }
    wait_for("the delivery", || {
        event_records(&paypal, &order)[0]["delivered"] == true
    })
    .await;
    assert_eq!(merchant.events(), vec![event; 3]);
    let requests = merchant.requests.lock().unwrap().clone();
    let transmission = |index: usize| requests[index].0["paypal-transmission-id"].clone();
    assert_eq!(
        requests[0].1, requests[2].1,
        "every attempt has the same body"
    );
    assert_ne!(transmission(0), transmission(1));
    task.abort();
    server.stop().await;
}

#[tokio::test]
async fn send_now_sends_several_copies() {
    let paypal = PayPal::new().await;
    let (merchant, server, address) = Merchant::open(&[StatusCode::OK, StatusCode::CONFLICT]).await;
    let sender = Sender::new(paypal.simulator.clone(), &address);
    let (order, event) = approve_order(&paypal).await;
    let forgery = sender.send_now(&event, 1, Some(Forgery::Body)).await;
    assert_eq!(forgery.unwrap(), [StatusCode::OK]);
    let record = &event_records(&paypal, &order)[0];
    assert_eq!(
        (&record["delivered"], &record["attempts"]),
        (&false.into(), &0.into())
    );

    let mut statuses = sender.send_now(&event, 3, None).await.unwrap();
    statuses.sort();
    assert_eq!(
        statuses,
        [StatusCode::OK, StatusCode::OK, StatusCode::CONFLICT]
    );
    assert_eq!(merchant.events(), vec![event; 4]);
    let record = &event_records(&paypal, &order)[0];
    assert_eq!(
        (&record["delivered"], &record["attempts"]),
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
    let (order, event) = approve_order(&paypal).await;
    assert!(matches!(
        sender.send_now(&event, 1, None).await,
        Err(SendError::Transport(_))
    ));
    let record = &event_records(&paypal, &order)[0];
    assert_eq!(
        (&record["delivered"], &record["attempts"]),
        (&false.into(), &1.into())
    );
    assert!(record["due"].is_string());
    let misconfigured = Sender::new(paypal.simulator.clone(), "no address");
    assert!(matches!(
        misconfigured.send_now(&event, 1, None).await,
        Err(SendError::Address(..))
    ));
}
