//! Orders: what a payer is asked to approve.
//!
//! ```text
//! CREATED or PAYER_ACTION_REQUIRED --payer approves--> APPROVED --merchant authorizes--> COMPLETED
//! ```
//! An order is lost when its payer does not come within 3 hours, or has not approved and been authorized 3 hours later.

mod amounts;
mod input;
mod operations;
pub(in crate::paypal) mod page;
mod representation;

use self::input::{Experience, Intent, Unit};
use super::links::Links;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const WINDOW: SignedDuration = SignedDuration::from_hours(3);

/// Where an order stands; the two states before approval differ only in how it was asked for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::paypal) enum OrderStatus {
    Created,
    PayerActionRequired,
    Approved,
    Completed,
}

impl OrderStatus {
    const fn word(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::PayerActionRequired => "PAYER_ACTION_REQUIRED",
            Self::Approved => "APPROVED",
            Self::Completed => "COMPLETED",
        }
    }
}

/// An order and all that is known of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Order {
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) intent: Intent,
    pub(in crate::paypal) status: OrderStatus,
    pub(in crate::paypal) units: Vec<Unit>,
    pub(in crate::paypal) experience: Experience,
    pub(in crate::paypal) wallet: bool,
    pub(in crate::paypal) created_at: Timestamp,
    pub(in crate::paypal) updated_at: Timestamp,
    /// When the payer came to the approval page.
    pub(in crate::paypal) opened_at: Option<Timestamp>,
    pub(in crate::paypal) authorization_id: Option<String>,
}

/// What approving an order came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::paypal) enum Approval {
    /// Now.
    Approved,
    /// Earlier, by the same payer.
    Repeated,
    /// Too late.
    Expired,
}

impl Order {
    /// Whether the payer is too late, or the merchant.
    pub(in crate::paypal) fn expired(&self, now: Timestamp) -> bool {
        let window_from = self.opened_at.unwrap_or(self.created_at);
        self.status != OrderStatus::Completed
            && now >= window_from.checked_add(WINDOW).unwrap_or(Timestamp::MAX)
    }

    /// The payer came; the second 3 hours begin.
    pub(in crate::paypal) fn open(&mut self, now: Timestamp) {
        if self.opened_at.is_none() && !self.expired(now) {
            self.opened_at = Some(now);
        }
    }

    /// The payer pressed the button.
    pub(in crate::paypal) fn approve(&mut self, now: Timestamp) -> Approval {
        if self.expired(now) {
            return Approval::Expired;
        }
        self.open(now);
        if matches!(
            self.status,
            OrderStatus::Created | OrderStatus::PayerActionRequired
        ) {
            self.status = OrderStatus::Approved;
            self.updated_at = now;
            return Approval::Approved;
        }
        Approval::Repeated
    }

    /// The script and the ids of its payments are those of the first unit; an order to authorize has just one.
    pub(in crate::paypal) fn text(&self, member: &str) -> Option<&str> {
        self.units.first().and_then(|unit| unit.text(member))
    }

    fn links(&self, links: Links<'_>) -> Value {
        let own = format!("/v2/checkout/orders/{}", self.id);
        let page = format!("/checkoutnow?token={}", self.id);
        let mut all = vec![links.get("self", &own)];
        match self.status {
            OrderStatus::Created => all.push(links.get("approve", &page)),
            OrderStatus::PayerActionRequired => all.push(links.get("payer-action", &page)),
            OrderStatus::Approved | OrderStatus::Completed => {}
        }
        if matches!(self.status, OrderStatus::Created | OrderStatus::Approved)
            && self.intent == Intent::Authorize
        {
            all.push(links.post("authorize", &format!("{own}/authorize")));
        }
        Value::Array(all)
    }
}
