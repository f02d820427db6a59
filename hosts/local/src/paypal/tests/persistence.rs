//! The ledger's file: the state that a restart keeps.

use super::{BASE, PayPal, credentials, event_types};
use crate::paypal::{LoadError, Simulator};
use exodrive_native::Clock;
use http::StatusCode;
use serde_json::json;
use std::path::PathBuf;

/// A temporary folder, deleted on drop.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("exodrive-paypal-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("paypal.json")
    }

    pub(super) fn load(&self) -> Result<Simulator, LoadError> {
        self.load_at(Clock::default())
    }

    pub(super) fn load_at(&self, clock: Clock) -> Result<Simulator, LoadError> {
        Simulator::load(clock, credentials(), BASE.to_owned(), &self.file())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn restart_keeps_orders_but_not_tokens() {
    let folder = Folder::new("restart");
    let first = PayPal::with_simulator(folder.load().unwrap(), Clock::default()).await;
    let (order, authorization) = first.authorize_order("A car").await;
    let capture = format!("/v2/payments/authorizations/{authorization}/capture");
    let capture_response = first.post_with_id("capture-1", &capture, json!({})).await;
    let saved_order = first.get(&format!("/v2/checkout/orders/{order}")).await;

    first.simulator.save().unwrap();
    let second = PayPal::with_simulator(folder.load().unwrap(), Clock::default()).await;
    assert_eq!(
        second
            .get(&format!("/v2/checkout/orders/{order}"))
            .await
            .body,
        saved_order.body
    );
    let retry = second.post_with_id("capture-1", &capture, json!({})).await;
    assert_eq!(
        (retry.status, retry.id()),
        (StatusCode::OK, capture_response.id())
    );
    // Tokens are not stored.
    let old_client = PayPal {
        token: first.token,
        ..second
    };
    assert_eq!(
        old_client.get("/v2/checkout/orders/1").await.body["error"],
        "invalid_token"
    );
}

#[tokio::test]
async fn approval_alone_is_saved() {
    let folder = Folder::new("approved");
    let first = PayPal::with_simulator(folder.load().unwrap(), Clock::default()).await;
    let order = first.create_order("A car").await;
    first.approve(&order).await;
    first.simulator.save().unwrap();
    let second = PayPal::with_simulator(folder.load().unwrap(), Clock::default()).await;
    assert_eq!(
        second.status(&format!("/v2/checkout/orders/{order}")).await,
        "APPROVED"
    );
}

#[tokio::test]
async fn file_without_events_is_loaded() {
    let folder = Folder::new("no-events");
    let first = PayPal::with_simulator(folder.load().unwrap(), Clock::default()).await;
    let (order, authorization) = first.authorize_order("A car").await;
    first.simulator.save().unwrap();
    let mut ledger: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.file()).unwrap()).unwrap();
    ledger.as_object_mut().unwrap().remove("events");
    std::fs::write(folder.file(), ledger.to_string()).unwrap();
    let second = PayPal::with_simulator(folder.load().unwrap(), Clock::default()).await;
    assert!(event_types(&second, &order).is_empty());
    let capture = format!("/v2/payments/authorizations/{authorization}/capture");
    second.post(&capture, json!({})).await;
    assert_eq!(event_types(&second, &order), ["PAYMENT.CAPTURE.COMPLETED"]);
}

#[tokio::test]
async fn malformed_file_is_not_overwritten() {
    let folder = Folder::new("malformed");
    std::fs::write(folder.file(), "[]").unwrap();
    assert!(matches!(folder.load(), Err(LoadError::Malformed { .. })));
    assert_eq!(std::fs::read_to_string(folder.file()).unwrap(), "[]");
    let missing = Simulator::load(
        Clock::default(),
        credentials(),
        BASE.to_owned(),
        &folder.0.join("none/paypal.json"),
    );
    assert!(matches!(missing, Err(LoadError::Unusable { .. })));
}
