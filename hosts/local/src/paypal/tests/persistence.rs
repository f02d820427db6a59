//! The ledger's file: the state that a restart keeps.

use super::{BASE, Behaviour, PayPal, Unkindness, credentials, dollars, event_types};
use crate::paypal::{ConsoleAction, LoadError, Operation, Outcome, PaymentStatus, Simulator};
use exodrive_native::Clock;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;
use std::{path::PathBuf, time::Duration};

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

/// A ledger as it was written before outcomes, reversals and disputes.
fn old_ledger() -> serde_json::Value {
    let money = json!({"currency": "USD", "amount": "237.60"});
    let time = "2024-01-01T00:00:00Z";
    let seed = [0; 16];
    let order = json!({
        "id": "O", "intent": "AUTHORIZE", "status": "COMPLETED", "units": [],
        "experience": {}, "wallet": false, "created_at": time, "updated_at": time,
        "opened_at": time, "authorization_id": "GIVEN",
    });
    let authorization = |id: &str, voided: bool| {
        let grant = if voided { "GIVEN" } else { id };
        json!({
            "id": id, "order_id": "O", "amount": money, "custom_id": null, "invoice_id": null,
            "description": null, "grant": grant, "voided": voided, "closed": false,
            "was_busy": false, "created_at": time, "updated_at": time, "honoured_until": time,
            "expires_at": "2999-01-01T00:00:00Z", "reauthorizations": [],
        })
    };
    let capture = |id: &str, funding: serde_json::Value| {
        json!({
            "id": id, "order_id": "O", "original_id": "GIVEN", "authorization_id": "GIVEN",
            "amount": money, "funding": funding, "refuses_refunds": false, "is_final": false,
            "custom_id": null, "invoice_id": null, "created_at": time, "updated_at": time,
        })
    };
    let check = |clears: bool| json!({"check": {"decided_at": time, "clears": clears}});
    json!({
        "ids": {"seed": seed, "given": 0},
        "orders": {"O": order},
        "authorizations": {
            "GIVEN": authorization("GIVEN", false), "PENDING": authorization("PENDING", false),
            "DENIED": authorization("DENIED", false), "VOIDED": authorization("VOIDED", true),
        },
        "captures": {
            "A": capture("A", json!("balance")), "B": capture("B", json!("review")),
            "C": capture("C", check(true)), "D": capture("D", check(false)),
        },
        "refunds": {"R": {
            "id": "R", "capture_id": "C", "amount": money, "total": "237.60", "custom_id": null,
            "invoice_id": null, "note_to_payer": null, "created_at": time,
        }},
        "request_ids": {"orders": {}, "payments": {}},
    })
}

#[tokio::test]
async fn file_without_outcomes_is_loaded() {
    let folder = Folder::new("no-outcomes");
    std::fs::write(folder.file(), old_ledger().to_string()).unwrap();
    for _ in 0..2 {
        let simulator = folder.load().unwrap();
        let books = simulator.books();
        let authorizations: Vec<_> = books
            .authorizations
            .iter()
            .map(|entry| (entry.id.as_str(), entry.status))
            .collect();
        assert_eq!(
            authorizations,
            [
                ("DENIED", "DENIED"),
                ("GIVEN", "CAPTURED"),
                ("PENDING", "PENDING"),
                ("VOIDED", "VOIDED")
            ]
        );
        let captures: Vec<_> = books.captures.iter().map(|entry| entry.status).collect();
        assert_eq!(captures, ["COMPLETED", "PENDING", "REFUNDED", "DECLINED"]);
        let paypal = PayPal::with_simulator(simulator, Clock::default()).await;
        assert_eq!(paypal.status("/v2/payments/refunds/R").await, "COMPLETED");
        assert_eq!(paypal.status("/v2/checkout/orders/O").await, "COMPLETED");
    }
}

#[tokio::test]
async fn restart_keeps_outcomes_and_disputes() {
    let folder = Folder::new("outcomes");
    let first = PayPal::with_simulator(folder.load().unwrap(), Clock::default()).await;
    first.set(
        Behaviour::new(Unkindness::Outcome(Outcome::pending(
            "ECHECK",
            SignedDuration::from_hours(24),
            PaymentStatus::Failed,
        )))
        .only(Operation::Refund),
    );
    let (order, id) = first.authorize_order("A car").await;
    let capture = format!("/v2/payments/authorizations/{id}/capture");
    let capture = first.post(&capture, json!({})).await.id();
    let refund = format!("/v2/payments/captures/{capture}/refund");
    let refund = first.post(&refund, dollars("1.00")).await.id();
    let open = json!({"action": "open_dispute", "capture": capture});
    let open: ConsoleAction = serde_json::from_value(open).unwrap();
    first.simulator.console(&open).unwrap();
    first.simulator.save().unwrap();

    let clock = Clock::default();
    clock.advance(Duration::from_secs(25 * 3600));
    let second = PayPal::with_simulator(folder.load_at(clock.clone()).unwrap(), clock).await;
    // A restart is kind again, but what was planned happens.
    assert!(second.simulator.behaviour().is_empty());
    let refund = format!("/v2/payments/refunds/{refund}");
    assert_eq!(second.status(&refund).await, "FAILED");
    let types = event_types(&second, &order);
    assert_eq!(
        types[3..],
        [
            "PAYMENT.REFUND.PENDING",
            "CUSTOMER.DISPUTE.CREATED",
            "PAYMENT.REFUND.FAILED"
        ]
    );
}
