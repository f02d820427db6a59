//! Reconciliation: payments to compare with PayPal, and the findings about them.

use super::{Database, DatabaseError};
use crate::domain::{
    finding::{Finding, FindingKind},
    observation::PaymentRecord,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An id of a payment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PaymentName<'a> {
    Id(Uuid),
    /// The id of PayPal's order, authorization or capture.
    PayPalId(&'a str),
}

/// A finding that is open.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenFinding {
    pub(crate) payment_id: Uuid,
    pub(crate) booking_id: Uuid,
    /// The booking's reference.
    pub(crate) reference: String,
    pub(crate) kind: FindingKind,
    /// Ids and amounts.
    pub(crate) detail: String,
    pub(crate) found_at: Timestamp,
}

/// An event that could not be applied.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetter {
    /// PayPal's id of the event.
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    /// The resource that the event names.
    pub(crate) resource_id: Option<String>,
    /// The code of the last attempt's error.
    pub(crate) error: Option<String>,
    pub(crate) received_at: Timestamp,
}

/// The result of `payment_drift`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Drift {
    /// Oldest first.
    pub(crate) findings: Vec<OpenFinding>,
    /// Oldest first.
    pub(crate) dead_letters: Vec<DeadLetter>,
}

impl Database<'_> {
    pub(crate) async fn find_payment(
        &self,
        name: PaymentName<'_>,
    ) -> Result<Option<PaymentRecord>, DatabaseError> {
        let arguments = match name {
            PaymentName::Id(id) => serde_json::json!({ "p_payment_id": id }),
            PaymentName::PayPalId(id) => serde_json::json!({ "p_paypal_id": id }),
        };
        self.call("find_payment", &arguments).await
    }

    /// Up to `limit` payments that are due for a comparison with PayPal, longest overdue first.
    pub(crate) async fn payments_to_reconcile(
        &self,
        limit: u32,
    ) -> Result<Vec<PaymentRecord>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call("payments_to_reconcile", &arguments).await
    }

    /// Records that a payment was compared with PayPal, and the findings.
    pub(crate) async fn record_reconciliation(
        &self,
        payment: Uuid,
        findings: &[Finding],
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_findings": findings,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_reconciliation", &arguments)
            .await
            .map(drop)
    }

    /// Records one finding.
    pub(crate) async fn record_finding(
        &self,
        payment: Uuid,
        finding: &Finding,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_kind": finding.kind,
            "p_detail": finding.detail,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_finding", &arguments).await.map(drop)
    }

    /// The open findings and the dead letters.
    pub(crate) async fn payment_drift(&self) -> Result<Drift, DatabaseError> {
        self.call("payment_drift", &serde_json::json!({})).await
    }
}
