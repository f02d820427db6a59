//! Reads PayPal's ledger: its authorizations, captures and refunds.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Each map is keyed by PayPal's id.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Ledger {
    /// Original authorizations only. Each contains its reauthorizations.
    pub(crate) authorizations: BTreeMap<String, Authorization>,
    pub(crate) captures: BTreeMap<String, Capture>,
    pub(crate) refunds: BTreeMap<String, Refund>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Money {
    pub(crate) currency: String,
    pub(crate) amount: Decimal,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) id: String,
    pub(crate) order_id: String,
    pub(crate) amount: Money,
    /// The product sends the booking's id here.
    custom_id: Uuid,
    /// The product sends the payment's id here.
    invoice_id: Uuid,
    grant: String,
    pub(crate) voided: bool,
    /// The final capture was made.
    pub(crate) closed: bool,
    pub(crate) expires_at: Timestamp,
    reauthorizations: Vec<Reauthorization>,
}

#[derive(Clone, Debug, Deserialize)]
struct Reauthorization {
    id: String,
}

impl Authorization {
    pub(crate) fn booking(&self) -> Uuid {
        self.custom_id
    }

    pub(crate) fn payment(&self) -> Uuid {
        self.invoice_id
    }

    /// The id to capture, void or reauthorize.
    pub(crate) fn latest_id(&self) -> &str {
        self.reauthorizations
            .last()
            .map_or(&self.id, |reauthorization| &reauthorization.id)
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.grant == "DENIED"
    }

    fn is_pending(&self) -> bool {
        self.grant == "PENDING"
    }

    /// Whether PayPal has neither captured, released nor denied the money. Ignores the expiry.
    pub(crate) fn reserves_money(&self) -> bool {
        !self.voided && !self.closed && !self.is_denied()
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Capture {
    pub(crate) id: String,
    pub(crate) original_id: String,
    pub(crate) amount: Money,
    funding: Funding,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Funding {
    Balance,
    /// PayPal never decides.
    Review,
    Check {
        decided_at: Timestamp,
        clears: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaptureStatus {
    Completed,
    Pending,
    Declined,
}

impl Capture {
    pub(crate) fn status_at(&self, now: Timestamp) -> CaptureStatus {
        match self.funding {
            Funding::Review => CaptureStatus::Pending,
            Funding::Check { decided_at, .. } if now < decided_at => CaptureStatus::Pending,
            Funding::Balance | Funding::Check { clears: true, .. } => CaptureStatus::Completed,
            Funding::Check { clears: false, .. } => CaptureStatus::Declined,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) capture_id: String,
    pub(crate) amount: Money,
}

impl Ledger {
    pub(crate) fn read(ledger: Value) -> Self {
        serde_json::from_value(ledger).unwrap()
    }

    pub(crate) fn authorizations_of(&self, payment: Uuid) -> impl Iterator<Item = &Authorization> {
        self.authorizations
            .values()
            .filter(move |authorization| authorization.payment() == payment)
    }

    pub(crate) fn captures_of(
        &self,
        authorization: &Authorization,
    ) -> impl Iterator<Item = &Capture> {
        self.captures
            .values()
            .filter(|capture| capture.original_id == authorization.id)
    }

    /// Whether PayPal has yet to decide on an authorization or a capture of a payment.
    pub(crate) fn is_undecided(&self, payment: Uuid, now: Timestamp) -> bool {
        self.authorizations_of(payment).any(|authorization| {
            authorization.is_pending()
                || self
                    .captures_of(authorization)
                    .any(|capture| capture.status_at(now) == CaptureStatus::Pending)
        })
    }

    pub(crate) fn refunds_of(&self, capture: &str) -> impl Iterator<Item = &Refund> {
        self.refunds
            .values()
            .filter(move |refund| refund.capture_id == capture)
    }

    /// The refunded amount of a capture.
    pub(crate) fn refunded(&self, capture: &str) -> Decimal {
        self.refunds_of(capture)
            .map(|refund| refund.amount.amount)
            .sum()
    }
}
