//! Authorizations: money reserved for 29 days, and guaranteed for an honor period of 3 days.
//!
//! A reauthorization has its own id but reserves the same money. A capture through either id counts
//! for both. Voiding the original authorization voids its reauthorizations.

mod operations;
mod representation;

use super::{
    course::{Course, Outcome, PaymentStatus},
    money::Money,
    orders::Order,
    scripted_outcome::ScriptedOutcome,
    times::saturating_add,
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

const LIFETIME: SignedDuration = SignedDuration::from_hours(29 * 24);
const HONOR_PERIOD: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Captures may exceed an authorization by 15 %, but in US dollars by no more than this.
const MAX_EXCESS_USD: Decimal = Decimal::from_parts(75, 0, 0, false, 0);

/// The first decision of the payer's bank, for readers of the ledger and for files without courses.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum BankDecision {
    #[serde(rename = "GIVEN")]
    Approved,
    Pending,
    Denied,
}

/// The captures that count against an authorization.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::paypal) struct CapturedPart {
    pub(in crate::paypal) amount: Decimal,
    /// One of them was the final capture.
    pub(in crate::paypal) is_final: bool,
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
    /// None for an authorization that was granted at once.
    #[serde(default)]
    course: Option<Course>,
    #[serde(rename = "voided")]
    is_voided: bool,
    /// None in older files.
    #[serde(default)]
    voided_at: Option<Timestamp>,
    /// For readers of the ledger. The captures decide.
    #[serde(rename = "closed")]
    pub(in crate::paypal) has_final_capture: bool,
    /// The scripted 503 was returned.
    pub(in crate::paypal) was_busy: bool,
    pub(in crate::paypal) created_at: Timestamp,
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
    pub(in crate::paypal) const fn as_str(self) -> &'static str {
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
    pub(in crate::paypal) fn new(
        id: String,
        order: &Order,
        amount: Money,
        outcome: Option<&Outcome>,
        now: Timestamp,
    ) -> Self {
        let bank_decision = match outcome.map(|outcome| outcome.status) {
            Some(PaymentStatus::Pending) => BankDecision::Pending,
            Some(PaymentStatus::Denied) => BankDecision::Denied,
            _ => BankDecision::Approved,
        };
        Self {
            id,
            order_id: order.id.clone(),
            amount,
            custom_id: order.text("custom_id").map(str::to_owned),
            invoice_id: order.text("invoice_id").map(str::to_owned),
            description: order.text("description").map(str::to_owned),
            bank_decision,
            course: outcome.map(|outcome| Course::begin(outcome, now)),
            is_voided: false,
            voided_at: None,
            has_final_capture: false,
            was_busy: false,
            created_at: now,
            updated_at: now,
            honored_until: saturating_add(now, HONOR_PERIOD),
            expires_at: saturating_add(now, LIFETIME),
            reauthorizations: Vec::new(),
        }
    }

    /// The decision of the payer's bank or of PayPal.
    pub(in crate::paypal) fn granted_status(&self, now: Timestamp) -> PaymentStatus {
        match (&self.course, self.bank_decision) {
            (Some(course), _) => course.status(now),
            (None, BankDecision::Approved) => PaymentStatus::Created,
            (None, BankDecision::Pending) => PaymentStatus::Pending,
            (None, BankDecision::Denied) => PaymentStatus::Denied,
        }
    }

    /// `status_details.reason` while PENDING.
    fn pending_reason(&self) -> &str {
        self.course
            .as_ref()
            .map_or("PENDING_REVIEW", Course::reason)
    }

    pub(in crate::paypal) fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// PayPal decides now about a pending authorization.
    pub(in crate::paypal) fn decide(&mut self, status: PaymentStatus, now: Timestamp) {
        self.course
            .get_or_insert(Course::constant(PaymentStatus::Pending))
            .decide(status, now);
        self.updated_at = now;
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
        captured: CapturedPart,
        now: Timestamp,
    ) -> AuthorizationStatus {
        let granted = self.granted_status(now);
        let latest_amount = self
            .reauthorizations
            .last()
            .map_or(&self.amount, |reauthorization| &reauthorization.amount);
        if captured.is_final || captured.amount >= latest_amount.value {
            AuthorizationStatus::Captured
        } else if self.is_voided || granted == PaymentStatus::Voided {
            AuthorizationStatus::Voided
        } else if granted == PaymentStatus::Denied {
            AuthorizationStatus::Denied
        } else if granted == PaymentStatus::Pending {
            AuthorizationStatus::Pending
        } else if now >= self.expires_at {
            AuthorizationStatus::Expired
        } else if captured.amount > Decimal::ZERO {
            AuthorizationStatus::PartiallyCaptured
        } else {
            AuthorizationStatus::Created
        }
    }

    pub(in crate::paypal) fn void(&mut self, now: Timestamp) {
        self.is_voided = true;
        self.voided_at = Some(now);
        self.updated_at = now;
    }

    /// The authorization as it was. None if it did not exist.
    pub(in crate::paypal) fn as_of(&self, time: Timestamp) -> Option<Self> {
        let mut past = self.clone();
        past.is_voided &= self.voided_at.unwrap_or(self.updated_at) <= time;
        past.reauthorizations
            .retain(|reauthorization| reauthorization.created_at <= time);
        past.updated_at = past.updated_at.min(time);
        (self.created_at <= time).then_some(past)
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
