//! What PayPal says.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Orders and payments by their ids.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Ledger {
    /// The originals; a reauthorization is a part of what it prolongs.
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
    /// The booking, as we named it to PayPal.
    custom_id: Uuid,
    /// The payment, as we named it to PayPal.
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

    /// The id to capture.
    pub(crate) fn latest_id(&self) -> &str {
        self.reauthorizations
            .last()
            .map_or(&self.id, |renewal| &renewal.id)
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.grant == "DENIED"
    }

    /// PayPal has not decided.
    fn is_pending(&self) -> bool {
        self.grant == "PENDING"
    }

    /// Money is held, whatever time it is: neither taken, nor given back, nor refused.
    pub(crate) fn holds(&self) -> bool {
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

/// What a capture came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Taken,
    Pending,
    Declined,
}

impl Capture {
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        match self.funding {
            Funding::Review => Standing::Pending,
            Funding::Check { decided_at, .. } if now < decided_at => Standing::Pending,
            Funding::Balance | Funding::Check { clears: true, .. } => Standing::Taken,
            Funding::Check { clears: false, .. } => Standing::Declined,
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

    /// The authorizations of a payment.
    pub(crate) fn authorizations_of(&self, payment: Uuid) -> impl Iterator<Item = &Authorization> {
        self.authorizations
            .values()
            .filter(move |authorization| authorization.payment() == payment)
    }

    /// The captures of an authorization.
    pub(crate) fn captures_of(
        &self,
        authorization: &Authorization,
    ) -> impl Iterator<Item = &Capture> {
        self.captures
            .values()
            .filter(|capture| capture.original_id == authorization.id)
    }

    /// Whether PayPal itself has not decided about a payment.
    pub(crate) fn is_undecided(&self, payment: Uuid, now: Timestamp) -> bool {
        self.authorizations_of(payment).any(|authorization| {
            authorization.is_pending()
                || self
                    .captures_of(authorization)
                    .any(|capture| capture.standing(now) == Standing::Pending)
        })
    }

    /// The refunds of a capture.
    pub(crate) fn refunds_of(&self, capture: &str) -> impl Iterator<Item = &Refund> {
        self.refunds
            .values()
            .filter(move |refund| refund.capture_id == capture)
    }

    /// What went back of a capture.
    pub(crate) fn refunded(&self, capture: &str) -> Decimal {
        self.refunds_of(capture)
            .map(|refund| refund.amount.amount)
            .sum()
    }
}
