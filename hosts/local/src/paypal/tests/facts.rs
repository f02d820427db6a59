//! The simulator against the table of PayPal's facts that `tests/clients` also uses.

use crate::paypal::{Operation, PaymentStatus, course::Outcome, webhooks::events::EventType};
use serde_json::{Value, json};

fn facts() -> Value {
    let text = include_str!("../../../../../tests/clients/paypal-facts.json");
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_event_is_a_fact() {
    let events = &facts()["events"];
    let known: Vec<&Value> = ["documented", "elsewhere"]
        .iter()
        .flat_map(|list| events[list].as_array().unwrap())
        .collect();
    for event in EventType::ALL {
        assert!(known.contains(&&json!(event)), "{event:?}");
    }
    assert_eq!(known.len(), EventType::ALL.len());
}

#[test]
fn outcomes_have_the_statuses_of_their_resource() {
    use PaymentStatus as S;
    let facts = facts();
    for (operation, resource) in [
        (Operation::AuthorizeOrder, "authorization"),
        (Operation::Capture, "capture"),
        (Operation::Refund, "refund"),
    ] {
        let statuses = facts["resources"][resource]["values"]["status"].as_array();
        for status in [
            S::Created,
            S::Pending,
            S::Denied,
            S::Voided,
            S::Completed,
            S::Declined,
            S::Failed,
            S::Cancelled,
        ] {
            let is_possible = Outcome::of(status).problem(Some(operation)).is_none();
            let is_known = statuses.unwrap().contains(&json!(status));
            assert_eq!(is_possible, is_known, "{resource} {status:?}");
        }
    }
}

#[test]
fn every_operation_is_a_fact() {
    let facts = facts();
    let operations = facts["operations"].as_object().unwrap();
    for operation in Operation::ALL {
        let entry = &operations[operation.name()];
        let method = if operation.is_write() { "POST" } else { "GET" };
        assert_eq!(entry["method"], method, "{}", operation.name());
    }
    assert_eq!(operations.len(), Operation::ALL.len());
}
