//! The payer's approval at PayPal, and the requests that PayPal received.

use super::{client::http_client, database::Database, local_system::paypal_exchanges};
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Approves an order on PayPal's page, which redirects the payer to the shop.
pub(crate) async fn approve(approve_url: &str) {
    let response = http_client().post(approve_url).send().await.unwrap();
    assert_eq!(response.status(), 303, "{approve_url}");
}

/// Requests to PayPal about the payments of one booking with their responses, oldest first.
pub(crate) struct Exchanges(Vec<Value>);

pub(crate) async fn exchanges_about(database: &Database, booking: Uuid) -> Exchanges {
    let mut exchanges = Vec::new();
    for payment in database.payments(booking).await {
        exchanges.extend(paypal_exchanges(payment["id"].as_str().unwrap()).await);
    }
    Exchanges(exchanges)
}

impl Exchanges {
    /// The exchanges of one operation, such as `authorizations.capture`.
    pub(crate) fn of(&self, operation: &str) -> Vec<&Value> {
        self.0
            .iter()
            .filter(|exchange| exchange["operation"] == operation)
            .collect()
    }

    /// How often PayPal executed the operation. It returns 200 instead of 201 for a known request.
    pub(crate) fn effects(&self, operation: &str) -> usize {
        self.of(operation)
            .iter()
            .filter(|exchange| exchange["status"] == 201)
            .count()
    }

    /// The authorizations that PayPal voided. A void returns 200 each time.
    pub(crate) fn voided_authorizations(&self) -> BTreeSet<String> {
        self.of("authorizations.void")
            .iter()
            .filter(|exchange| exchange["responseBody"]["status"] == "VOIDED")
            .map(|exchange| exchange["responseBody"]["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The different PayPal-Request-Ids of one operation.
    pub(crate) fn request_ids(&self, operation: &str) -> BTreeSet<String> {
        self.of(operation)
            .iter()
            .map(|exchange| {
                exchange["requestHeaders"]["paypal-request-id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }
}
