//! Authorizations: money reserved for 29 days, and guaranteed for an honor period of 3 days.
//!
//! A reauthorization has its own id but reserves the same money. A capture through either id counts
//! for both. Voiding the original authorization voids its reauthorizations.

mod operations;
mod representation;

use super::{
    money::Money, orders::Order, scripted_outcome::ScriptedOutcome, times::saturating_add,
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

const LIFETIME: SignedDuration = SignedDuration::from_hours(29 * 24);
const HONOR_PERIOD: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Captures may exceed an authorization by 15 %, but in US dollars by no more than this.
const MAX_EXCESS_USD: Decimal = Decimal::from_parts(75, 0, 0, false, 0);

/// The decision of the payer's bank.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum BankDecision {
    #[serde(rename = "GIVEN")]
    Approved,
    Pending,
    Denied,
}

/// An original authorization with its reauthorizations.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Authorization {
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) order_id: String,
    pub(in crate::paypal) amount: Money,
    pub(in crate::paypal) custom_id: Option<String>,
    pub(in crate::paypal) invoice_id: Option<String>,
    /// The purchase unit's description, which may select a scripted outcome.
    description: Option<String>,
    #[serde(rename = "grant")]
    bank_decision: BankDecision,
    #[serde(rename = "voided")]
    is_voided: bool,
    #[serde(rename = "closed")]
    pub(in crate::paypal) has_final_capture: bool,
    /// The scripted 503 was returned.
    pub(in crate::paypal) was_busy: bool,
    created_at: Timestamp,
    pub(in crate::paypal) updated_at: Timestamp,
    #[serde(rename = "honoured_until")]
    honored_until: Timestamp,
    expires_at: Timestamp,
    reauthorizations: Vec<Reauthorization>,
}

/// Another honor period for the same money.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Reauthorization {
    id: String,
    amount: Money,
    created_at: Timestamp,
    #[serde(rename = "honoured_until")]
    honored_until: Timestamp,
}

/// PayPal's statuses, and expiry, which PayPal shows as VOIDED.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::paypal) enum AuthorizationStatus {
    Created,
    Pending,
    Denied,
    PartiallyCaptured,
    Captured,
    Voided,
    Expired,
}

impl AuthorizationStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Denied => "DENIED",
            Self::PartiallyCaptured => "PARTIALLY_CAPTURED",
            Self::Captured => "CAPTURED",
            Self::Voided | Self::Expired => "VOIDED",
        }
    }
}

impl Authorization {
    pub(in crate::paypal) fn new(id: String, order: &Order, amount: Money, now: Timestamp) -> Self {
        let description = order.text("description");
        let bank_decision = if ScriptedOutcome::AuthorizeDenied.is_in(description) {
            BankDecision::Denied
        } else if ScriptedOutcome::AuthorizePending.is_in(description) {
            BankDecision::Pending
        } else {
            BankDecision::Approved
        };
        Self {
            id,
            order_id: order.id.clone(),
            amount,
            custom_id: order.text("custom_id").map(str::to_owned),
            invoice_id: order.text("invoice_id").map(str::to_owned),
            description: description.map(str::to_owned),
            bank_decision,
            is_voided: false,
            has_final_capture: false,
            was_busy: false,
            created_at: now,
            updated_at: now,
            honored_until: saturating_add(now, HONOR_PERIOD),
            expires_at: saturating_add(now, LIFETIME),
            reauthorizations: Vec::new(),
        }
    }

    pub(in crate::paypal) fn is_denied(&self) -> bool {
        self.bank_decision == BankDecision::Denied
    }

    pub(in crate::paypal) fn is_scripted(&self, outcome: ScriptedOutcome) -> bool {
        outcome.is_in(self.description.as_deref())
    }

    /// None for the id of the original authorization.
    fn reauthorization(&self, id: &str) -> Option<&Reauthorization> {
        self.reauthorizations
            .iter()
            .find(|reauthorization| reauthorization.id == id)
    }

    /// The amount of the original authorization or of a reauthorization.
    pub(in crate::paypal) fn amount_of(&self, id: &str) -> &Money {
        self.reauthorization(id)
            .map_or(&self.amount, |reauthorization| &reauthorization.amount)
    }

    /// Whether the honor period of this id has not ended yet.
    pub(in crate::paypal) fn is_honored(&self, id: &str, now: Timestamp) -> bool {
        now < self
            .reauthorization(id)
            .map_or(self.honored_until, |reauthorization| {
                reauthorization.honored_until
            })
    }

    /// The maximum sum of all captures.
    pub(in crate::paypal) fn capture_limit(&self) -> Decimal {
        let relative_limit = self.amount.share(115, 100).value;
        if self.amount.currency == "USD" {
            relative_limit.min(self.amount.value + MAX_EXCESS_USD)
        } else {
            relative_limit
        }
    }

    pub(in crate::paypal) fn status(
        &self,
        captured: Decimal,
        now: Timestamp,
    ) -> AuthorizationStatus {
        let latest_amount = self
            .reauthorizations
            .last()
            .map_or(&self.amount, |reauthorization| &reauthorization.amount);
        if self.has_final_capture || captured >= latest_amount.value {
            AuthorizationStatus::Captured
        } else if self.is_voided {
            AuthorizationStatus::Voided
        } else if self.bank_decision == BankDecision::Denied {
            AuthorizationStatus::Denied
        } else if self.bank_decision == BankDecision::Pending {
            AuthorizationStatus::Pending
        } else if now >= self.expires_at {
            AuthorizationStatus::Expired
        } else if captured > Decimal::ZERO {
            AuthorizationStatus::PartiallyCaptured
        } else {
            AuthorizationStatus::Created
        }
    }

    fn add_reauthorization(&mut self, id: String, amount: Money, now: Timestamp) {
        self.updated_at = now;
        self.reauthorizations.push(Reauthorization {
            id,
            amount,
            created_at: now,
            honored_until: saturating_add(now, HONOR_PERIOD).min(self.expires_at),
        });
    }
}
