//! Comparing payments with what PayPal shows, and keeping what does not fit.

use super::{Database, DatabaseError};
use crate::domain::{
    finding::{Finding, FindingKind},
    money::Amount,
    observation::{PaymentRecord, SeenCapture},
    payment_state::PaymentState,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How a payment is named.
#[derive(Clone, Copy, Debug)]
pub enum PaymentName<'a> {
    /// By our id.
    Ours(Uuid),
    /// By PayPal's id of its order, authorization or capture.
    PayPals(&'a str),
}

/// A finding that is open.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenFinding {
    /// Our payment.
    pub payment_id: Uuid,
    /// Our booking.
    pub booking_id: Uuid,
    /// What people call the booking.
    pub reference: String,
    /// What is wrong.
    pub kind: FindingKind,
    /// Ids and amounts.
    pub detail: String,
    /// Since when.
    pub found_at: Timestamp,
}

/// An event that could not be applied.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// PayPal's id of the event.
    pub event_id: String,
    /// What it is about.
    pub event_type: String,
    /// The resource it names.
    pub resource_id: Option<String>,
    /// Why it could not be applied.
    pub error: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
}

/// The answer of `payment_drift`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Oldest first.
    pub findings: Vec<OpenFinding>,
    /// Oldest first.
    pub dead_letters: Vec<DeadLetter>,
}

impl Database<'_> {
    /// A payment of ours.
    pub async fn find_payment(
        &self,
        name: PaymentName<'_>,
    ) -> Result<Option<PaymentRecord>, DatabaseError> {
        let (ours, paypals) = match name {
            PaymentName::Ours(id) => (Some(id), None),
            PaymentName::PayPals(id) => (None, Some(id)),
        };
        let arguments = serde_json::json!({ "p_payment_id": ours, "p_paypal_id": paypals });
        self.call("find_payment", &arguments).await
    }

    /// Up to `limit` payments that were not compared with PayPal for a while, longest first.
    pub async fn payments_to_reconcile(
        &self,
        limit: u32,
    ) -> Result<Vec<PaymentRecord>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call("payments_to_reconcile", &arguments).await
    }

    /// Notes that a payment was compared, and what does not fit.
    pub async fn record_reconciliation(
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

    /// Notes one finding.
    pub async fn record_finding(
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

    /// Notes a capture that PayPal shows.
    pub async fn record_observed_capture(
        &self,
        payment: Uuid,
        capture: &SeenCapture,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_capture_id": capture.id,
            "p_amount": capture.money.amount,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_observed_capture", &arguments)
            .await
            .map(drop)
    }

    /// Notes that PayPal shows an authorization that is over: `state` is voided or expired.
    pub async fn record_observed_end(
        &self,
        payment: Uuid,
        state: PaymentState,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_status": state.name(),
            "p_now": self.platform.now(),
        });
        self.call_raw("record_observed_end", &arguments)
            .await
            .map(drop)
    }

    /// Notes how much PayPal shows as refunded in all.
    pub async fn record_observed_refunds(
        &self,
        payment: Uuid,
        total: Amount,
    ) -> Result<(), DatabaseError> {
        let arguments = serde_json::json!({
            "p_payment_id": payment,
            "p_total": total,
            "p_now": self.platform.now(),
        });
        self.call_raw("record_observed_refunds", &arguments)
            .await
            .map(drop)
    }

    /// Everything that an operator has to look at.
    pub async fn payment_drift(&self) -> Result<Drift, DatabaseError> {
        self.call("payment_drift", &serde_json::json!({})).await
    }
}
