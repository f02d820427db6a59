//! Reconciliation: payments to compare with PayPal, and the findings about them.

use super::{Argument, Arguments, Database, DatabaseError};
use crate::{
    clients::json,
    domain::{finding::Finding, observation::PaymentRecord},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

/// An id of a payment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PaymentName<'a> {
    Id(Uuid),
    /// An id that PayPal gave the payment: an order, authorization, capture or refund.
    PayPalId(&'a str),
}

/// A payment that is due for a comparison with PayPal.
#[derive(Debug)]
pub(crate) struct DueComparison {
    pub(crate) payment_id: Uuid,
    /// `None` if the record cannot be read. It must not hide the other payments.
    pub(crate) record: Option<PaymentRecord>,
}

/// The reason that a payment could not be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ComparisonFailure {
    /// It is retried later and later.
    Failed,
    /// PayPal refuses our credentials, account or request.
    Ours,
    /// PayPal did nothing, for example because of a rate limit.
    NotNow,
}

/// A page of findings and dead letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DriftListing {
    pub(crate) page: u32,
    pub(crate) limit: u32,
    /// Whether to list the acknowledged findings, instead of the others.
    pub(crate) is_acknowledged: bool,
}

/// The report of a dispute event.
#[derive(Debug)]
pub(crate) struct DisputeReport<'a> {
    pub(crate) dispute_id: &'a str,
    /// The ids of the disputed captures.
    pub(crate) transactions: &'a [String],
    pub(crate) is_resolved: bool,
    /// PayPal's word for the end of a resolved dispute.
    pub(crate) outcome: Option<&'a str>,
}

/// The result of `record_dispute`.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisputeRecord {
    Recorded,
    /// No transaction is ours.
    UnknownPayment,
}

/// The result of `acknowledge_finding`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Acknowledgement {
    Acknowledged { finding: OpenFinding },
    FindingNotFound,
}

/// A finding that is open.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenFinding {
    pub(crate) payment_id: Uuid,
    pub(crate) booking_id: Uuid,
    /// The booking's reference.
    pub(crate) reference: String,
    /// The name of a `FindingKind`. Another version of the product may have written one that this
    /// version does not know.
    pub(crate) kind: String,
    /// Ids and amounts.
    pub(crate) detail: String,
    pub(crate) found_at: Timestamp,
    /// When an operator acknowledged it, who, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledged_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledged_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledgement: Option<String>,
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
    /// Newest first.
    pub(crate) findings: Vec<OpenFinding>,
    pub(crate) pagination: Value,
    /// Newest first.
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) dead_letter_pagination: Value,
}

impl Database<'_> {
    pub(crate) async fn find_payment(
        &self,
        name: PaymentName<'_>,
    ) -> Result<Option<PaymentRecord>, DatabaseError> {
        let (argument, id): (_, &dyn Argument) = match &name {
            PaymentName::Id(id) => ("p_payment_id", id),
            PaymentName::PayPalId(id) => ("p_paypal_id", id),
        };
        self.call("find_payment", &[(argument, id)]).await
    }

    /// Up to `limit` payments that are due for a comparison with PayPal, longest overdue first.
    pub(crate) async fn payments_to_reconcile(
        &self,
        limit: u32,
    ) -> Result<Vec<DueComparison>, DatabaseError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Id {
            payment_id: Uuid,
        }
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        let records: Vec<Box<RawValue>> = self.call("payments_to_reconcile", arguments).await?;
        let due = records.iter().filter_map(|record| {
            let record = record.get().as_bytes();
            let Id { payment_id } = json::from_slice(record).ok()?;
            let record = json::from_slice(record)
                .inspect_err(|error| log::error!("payment={payment_id} unreadable: {error}"))
                .ok();
            Some(DueComparison { payment_id, record })
        });
        Ok(due.collect())
    }

    /// Records that a payment could not be compared. `code` is the detail of a finding.
    pub(crate) async fn record_comparison_failure(
        &self,
        payment: Uuid,
        failure: ComparisonFailure,
        code: &str,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_code", &code),
            ("p_kind", &failure),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_comparison_failure", arguments)
            .await
            .map(drop)
    }

    /// Records that a payment was compared with PayPal, and the findings.
    pub(crate) async fn record_reconciliation(
        &self,
        payment: Uuid,
        findings: &[Finding],
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_findings", &findings),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_reconciliation", arguments)
            .await
            .map(drop)
    }

    /// Records a dispute, and the finding about it.
    pub(crate) async fn record_dispute(
        &self,
        report: &DisputeReport<'_>,
    ) -> Result<DisputeRecord, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_dispute_id", &report.dispute_id),
            ("p_transactions", &report.transactions),
            ("p_is_resolved", &report.is_resolved),
            ("p_outcome", &report.outcome),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("record_dispute", arguments).await
    }

    /// Takes a finding off the open list until its detail changes.
    pub(crate) async fn acknowledge_finding(
        &self,
        payment: Uuid,
        kind: &str,
        reason: &str,
        actor: &str,
        request_id: &str,
    ) -> Result<Acknowledgement, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_kind", &kind),
            ("p_reason", &reason),
            ("p_actor", &actor),
            ("p_request_id", &request_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("acknowledge_finding", arguments).await
    }

    /// A page of the open findings and of the dead letters.
    pub(crate) async fn payment_drift(
        &self,
        listing: DriftListing,
    ) -> Result<Drift, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_page", &listing.page),
            ("p_limit", &listing.limit),
            ("p_acknowledged", &listing.is_acknowledged),
        ];
        self.call("payment_drift", arguments).await
    }
}
