//! Authorizations: money that is promised, for 29 days at most and surely for 3.
//!
//! A reauthorization has an id of its own, but the money is the same: what is captured through either counts for both,
//! and voiding the original ends both.

mod operations;
mod representation;

use super::{money::Money, orders::Order, scripted::Scripted, times::later};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

const LIFE: SignedDuration = SignedDuration::from_hours(29 * 24);
const HONOURED: SignedDuration = SignedDuration::from_hours(3 * 24);
/// How much more than authorized may be captured in dollars, where 15 % would be more.
const MOST_ABOVE_USD: Decimal = Decimal::from_parts(75, 0, 0, false, 0);

/// What the payer's bank said.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Grant {
    Given,
    Pending,
    Denied,
}

/// An authorization and what became of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Authorization {
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) order_id: String,
    pub(in crate::paypal) amount: Money,
    pub(in crate::paypal) custom_id: Option<String>,
    pub(in crate::paypal) invoice_id: Option<String>,
    /// Of the purchase unit; it may script an outcome.
    description: Option<String>,
    grant: Grant,
    voided: bool,
    /// A capture was said to be the final one.
    pub(in crate::paypal) closed: bool,
    /// The one 503 that a script asks for was given.
    pub(in crate::paypal) was_busy: bool,
    created_at: Timestamp,
    pub(in crate::paypal) updated_at: Timestamp,
    honoured_until: Timestamp,
    expires_at: Timestamp,
    reauthorizations: Vec<Reauthorization>,
}

/// A renewal of the 3 days.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Reauthorization {
    id: String,
    amount: Money,
    created_at: Timestamp,
    honoured_until: Timestamp,
}

/// Where an authorization stands, as PayPal words it, and whether time alone brought it there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::paypal) enum Standing {
    Created,
    Pending,
    Denied,
    PartiallyCaptured,
    Captured,
    Voided,
    /// Reads as VOIDED: there is no such status.
    Expired,
}

impl Standing {
    const fn word(self) -> &'static str {
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
        let grant = if Scripted::AuthorizeDenied.in_description(description) {
            Grant::Denied
        } else if Scripted::AuthorizePending.in_description(description) {
            Grant::Pending
        } else {
            Grant::Given
        };
        Self {
            id,
            order_id: order.id.clone(),
            amount,
            custom_id: order.text("custom_id").map(str::to_owned),
            invoice_id: order.text("invoice_id").map(str::to_owned),
            description: description.map(str::to_owned),
            grant,
            voided: false,
            closed: false,
            was_busy: false,
            created_at: now,
            updated_at: now,
            honoured_until: later(now, HONOURED),
            expires_at: later(now, LIFE),
            reauthorizations: Vec::new(),
        }
    }

    /// The payer's bank refused it.
    pub(in crate::paypal) fn is_denied(&self) -> bool {
        self.grant == Grant::Denied
    }

    pub(in crate::paypal) fn scripts(&self, scripted: Scripted) -> bool {
        scripted.in_description(self.description.as_deref())
    }

    /// The reauthorization that bears this id; None where it is the original's own.
    fn renewal(&self, id: &str) -> Option<&Reauthorization> {
        self.reauthorizations
            .iter()
            .find(|renewal| renewal.id == id)
    }

    /// The amount to capture when a capture names none.
    pub(in crate::paypal) fn amount_of(&self, id: &str) -> &Money {
        self.renewal(id)
            .map_or(&self.amount, |renewal| &renewal.amount)
    }

    /// Whether the funds are sure when captured by this id.
    pub(in crate::paypal) fn honoured(&self, id: &str, now: Timestamp) -> bool {
        now < self
            .renewal(id)
            .map_or(self.honoured_until, |renewal| renewal.honoured_until)
    }

    /// The most that all captures may come to.
    pub(in crate::paypal) fn limit(&self) -> Decimal {
        let by_share = self.amount.share(115, 100).amount;
        if self.amount.currency == "USD" {
            by_share.min(self.amount.amount + MOST_ABOVE_USD)
        } else {
            by_share
        }
    }

    pub(in crate::paypal) fn standing(&self, captured: Decimal, now: Timestamp) -> Standing {
        let whole = self
            .reauthorizations
            .last()
            .map_or(&self.amount, |renewal| &renewal.amount);
        if self.closed || captured >= whole.amount {
            Standing::Captured
        } else if self.voided {
            Standing::Voided
        } else if self.grant == Grant::Denied {
            Standing::Denied
        } else if self.grant == Grant::Pending {
            Standing::Pending
        } else if now >= self.expires_at {
            Standing::Expired
        } else if captured > Decimal::ZERO {
            Standing::PartiallyCaptured
        } else {
            Standing::Created
        }
    }

    fn renew(&mut self, id: String, amount: Money, now: Timestamp) {
        self.updated_at = now;
        self.reauthorizations.push(Reauthorization {
            id,
            amount,
            created_at: now,
            honoured_until: later(now, HONOURED).min(self.expires_at),
        });
    }
}
