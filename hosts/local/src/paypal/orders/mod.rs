//! Orders: payments that a payer approves.
//!
//! ```text
//! CREATED or PAYER_ACTION_REQUIRED --payer approves--> APPROVED --merchant authorizes--> COMPLETED
//! ```
//! An order expires if its payer does not open the approval page within 3 hours. After the page is
//! opened, the order expires if it is not approved and authorized within another 3 hours.

mod amounts;
mod input;
mod operations;
pub(in crate::paypal) mod page;
mod representation;

use self::input::{ExperienceContext, Intent, PurchaseUnit};
use super::{links::Links, request::ApiRequest, times::saturating_add};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The time to open the approval page. The approval and the authorization have as long after that.
const WINDOW: SignedDuration = SignedDuration::from_hours(3);

/// PayPal's statuses. The request that creates an order selects one of the two before the approval.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::paypal) enum OrderStatus {
    Created,
    PayerActionRequired,
    Approved,
    Completed,
}

impl OrderStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::PayerActionRequired => "PAYER_ACTION_REQUIRED",
            Self::Approved => "APPROVED",
            Self::Completed => "COMPLETED",
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::paypal) struct Order {
    pub(in crate::paypal) id: String,
    pub(in crate::paypal) intent: Intent,
    pub(in crate::paypal) status: OrderStatus,
    pub(in crate::paypal) units: Vec<PurchaseUnit>,
    pub(in crate::paypal) experience: ExperienceContext,
    /// See [`OrderInput`](input::OrderInput).
    #[serde(rename = "wallet")]
    pub(in crate::paypal) has_payment_source: bool,
    pub(in crate::paypal) created_at: Timestamp,
    pub(in crate::paypal) updated_at: Timestamp,
    /// The first visit to the approval page.
    pub(in crate::paypal) opened_at: Option<Timestamp>,
    /// None before the approval, and in older files.
    #[serde(default)]
    pub(in crate::paypal) approved_at: Option<Timestamp>,
    pub(in crate::paypal) authorization_id: Option<String>,
}

/// The result of an approval.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::paypal) enum Approval {
    Approved,
    AlreadyApproved,
    Expired,
}

impl Order {
    pub(in crate::paypal) fn is_expired(&self, now: Timestamp) -> bool {
        self.status != OrderStatus::Completed && now >= saturating_add(self.life_began_at(), WINDOW)
    }

    fn life_began_at(&self) -> Timestamp {
        self.opened_at.unwrap_or(self.created_at)
    }

    /// Whether PayPal forgot the order. It does so only under the behaviour `forgets_orders`.
    pub(in crate::paypal) fn is_forgotten(&self, request: &ApiRequest<'_>) -> bool {
        let is_approved = self.status == OrderStatus::Approved;
        self.status != OrderStatus::Completed
            && request.unkind.is_some_and(|unkind| {
                unkind.forgets_order(is_approved, self.life_began_at(), WINDOW, request.now)
            })
    }

    /// The order as it was. `authorized_at` is the time of its authorization. None if the order did
    /// not exist.
    pub(in crate::paypal) fn as_of(
        &self,
        time: Timestamp,
        authorized_at: Option<Timestamp>,
    ) -> Option<Self> {
        let mut past = self.clone();
        if authorized_at.is_some_and(|authorized_at| authorized_at > time) {
            past.authorization_id = None;
            past.status = OrderStatus::Approved;
        }
        let was_approved = |approved_at: &Timestamp| *approved_at <= time;
        if past.status == OrderStatus::Approved
            && !past.approved_at.as_ref().is_none_or(was_approved)
        {
            past.status = if past.has_payment_source {
                OrderStatus::PayerActionRequired
            } else {
                OrderStatus::Created
            };
        }
        past.opened_at = past.opened_at.filter(|opened_at| *opened_at <= time);
        past.updated_at = past.updated_at.min(time);
        (self.created_at <= time).then_some(past)
    }

    /// Records a visit to the approval page. The first one starts the second window.
    pub(in crate::paypal) fn open(&mut self, now: Timestamp) {
        if self.opened_at.is_none() && !self.is_expired(now) {
            self.opened_at = Some(now);
        }
    }

    pub(in crate::paypal) fn approve(&mut self, now: Timestamp) -> Approval {
        if self.is_expired(now) {
            return Approval::Expired;
        }
        self.open(now);
        if matches!(
            self.status,
            OrderStatus::Created | OrderStatus::PayerActionRequired
        ) {
            self.status = OrderStatus::Approved;
            self.approved_at = Some(now);
            self.updated_at = now;
            return Approval::Approved;
        }
        Approval::AlreadyApproved
    }

    /// A text of the first purchase unit. An order to authorize has only one.
    pub(in crate::paypal) fn text(&self, member: &str) -> Option<&str> {
        self.units.first().and_then(|unit| unit.text(member))
    }

    fn links(&self, links: Links<'_>) -> Value {
        let own = format!("/v2/checkout/orders/{}", self.id);
        let approval_page = format!("/checkoutnow?token={}", self.id);
        let mut all = vec![links.get("self", &own)];
        match self.status {
            OrderStatus::Created => all.push(links.get("approve", &approval_page)),
            OrderStatus::PayerActionRequired => {
                all.push(links.get("payer-action", &approval_page));
            }
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
