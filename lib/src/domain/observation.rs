//! Comparing a payment with what PayPal shows of it.
//!
//! A webhook, the reconciliation and an operator's question all end here: PayPal is asked for the
//! order, and what differs from our record becomes events. So an event may come doubled, late or in
//! any order: what is true is what PayPal shows.

use crate::domain::{
    booking_state::BookingState,
    money::{Amount, Currency, Money},
    payment_state::{PaymentEvent, PaymentState},
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

/// Our record of a payment, with what matters of its booking.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRecord {
    /// Our payment.
    pub payment_id: Uuid,
    /// Where it stands.
    pub status: PaymentState,
    /// Our booking.
    pub booking_id: Uuid,
    /// What people call the booking.
    pub reference: String,
    /// Where the booking stands.
    pub booking_status: BookingState,
    /// Whether this is the payment that stands for the booking, not an earlier attempt.
    pub is_latest: bool,
    /// The price.
    pub amount: Amount,
    /// Its currency.
    pub currency: Currency,
    /// PayPal's order.
    pub order_id: Option<String>,
    /// When that was made.
    pub order_created_at: Option<Timestamp>,
    /// PayPal's authorization, the latest.
    pub authorization_id: Option<String>,
    /// The end of its life.
    pub authorization_expires_at: Option<Timestamp>,
    /// What is to be captured where that is not all.
    pub capture_amount: Option<Amount>,
    /// PayPal's capture.
    pub capture_id: Option<String>,
    /// What went back.
    pub refunded_amount: Amount,
    /// Why the authorization must not stand, if so.
    pub void_reason: Option<String>,
    /// Why the payment failed, if so.
    pub failure_code: Option<String>,
    /// Refunds are ordered that PayPal has not made.
    pub refunds_open: bool,
    /// A refund was refused.
    pub refund_refused: bool,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// What PayPal shows of an order's money.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Authorizations and the reauthorizations that prolong them, oldest first.
    pub authorizations: Vec<SeenAuthorization>,
    /// Captures, oldest first.
    pub captures: Vec<SeenCapture>,
    /// What went back in all.
    pub refunded: Decimal,
}

/// An authorization as PayPal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenAuthorization {
    /// PayPal's id.
    pub id: String,
    /// Where it stands.
    pub status: AuthorizationStatus,
    /// How much.
    pub money: Money,
    /// The end of its life.
    pub expires_at: Option<Timestamp>,
}

/// PayPal's authorization states. There is none for a lapsed one: it reads as voided.
/// <https://developer.paypal.com/docs/api/payments/v2/#authorizations_get>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizationStatus {
    /// The money is held.
    Created,
    /// It was captured.
    Captured,
    /// The payer's bank refused.
    Denied,
    /// Some of it was captured.
    PartiallyCaptured,
    /// It was given back, or it lapsed.
    Voided,
    /// PayPal is looking at it.
    Pending,
    /// A word that is not in PayPal's list.
    #[serde(other)]
    Unknown,
}

/// A capture as PayPal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCapture {
    /// PayPal's id.
    pub id: String,
    /// Where it stands.
    pub status: CaptureStatus,
    /// How much.
    pub money: Money,
}

/// PayPal's capture states.
/// <https://developer.paypal.com/docs/api/payments/v2/#captures_get>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaptureStatus {
    /// The money is ours.
    Completed,
    /// PayPal is looking at it; it will say.
    Pending,
    /// The money did not move.
    Declined,
    /// The money did not move.
    Failed,
    /// The money was ours and went back in part.
    PartiallyRefunded,
    /// The money was ours and went back.
    Refunded,
}

impl CaptureStatus {
    /// Whether the money moved.
    #[must_use]
    pub fn took_money(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::PartiallyRefunded | Self::Refunded
        )
    }
}

impl Observation {
    /// The authorization that is, or was, good for the money: the latest that was neither refused
    /// nor given back.
    #[must_use]
    pub fn standing_authorization(&self) -> Option<&SeenAuthorization> {
        self.authorizations.iter().rev().find(|seen| {
            !matches!(
                seen.status,
                AuthorizationStatus::Denied | AuthorizationStatus::Voided
            )
        })
    }

    /// Whether the payer's bank refused an authorization.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.authorizations
            .iter()
            .any(|seen| seen.status == AuthorizationStatus::Denied)
    }

    /// The captures that took money.
    pub fn taken(&self) -> impl Iterator<Item = &SeenCapture> {
        self.captures
            .iter()
            .filter(|capture| capture.status.took_money())
    }

    /// The capture that decides about the money: the first that took it, otherwise the latest.
    #[must_use]
    pub fn decisive_capture(&self) -> Option<&SeenCapture> {
        self.taken().next().or_else(|| {
            self.captures
                .iter()
                .rev()
                .find(|capture| capture.status == CaptureStatus::Pending)
                .or_else(|| self.captures.last())
        })
    }

    fn holds_or_held_money(&self) -> bool {
        self.standing_authorization().is_some() || self.taken().next().is_some()
    }

    /// Money is held and not taken.
    pub(super) fn holds_money(&self) -> bool {
        self.taken().next().is_none()
            && self.standing_authorization().is_some_and(|seen| {
                matches!(
                    seen.status,
                    AuthorizationStatus::Created | AuthorizationStatus::PartiallyCaptured
                )
            })
    }
}

/// Something that PayPal did and our record does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It holds money that we do not know of.
    Authorized,
    /// It took the money.
    Captured(SeenCapture),
    /// The authorization is void.
    Voided,
    /// The authorization lapsed, or the order did before it was authorized.
    Lapsed,
    /// More went back than we know of: so much in all.
    Refunded(Amount),
}

impl Difference {
    /// What it is to the payment's state machine.
    #[must_use]
    pub fn event(&self, record: &PaymentRecord) -> PaymentEvent {
        match self {
            Self::Authorized => PaymentEvent::Authorized,
            Self::Captured(_) => PaymentEvent::Captured,
            Self::Voided => PaymentEvent::Voided,
            Self::Lapsed => PaymentEvent::Lapsed,
            Self::Refunded(total) if *total < record.amount => PaymentEvent::RefundedInPart,
            Self::Refunded(_) => PaymentEvent::RefundedInFull,
        }
    }
}

/// How long an order can be authorized: the payer has 3 hours to come, then 3 to approve and be
/// authorized. One more, so that an answer on its way is not overtaken.
const ORDER_LIFE: SignedDuration = SignedDuration::from_hours(7);

/// What PayPal shows and `record` does not say, in the order in which it is to be applied.
#[must_use]
pub fn differences(record: &PaymentRecord, seen: &Observation, now: Timestamp) -> Vec<Difference> {
    let mut found = Vec::new();
    let taken = seen.taken().next();
    if record.status == PaymentState::Created && seen.standing_authorization().is_some() {
        found.push(Difference::Authorized);
    }
    if let Some(capture) = taken.filter(|_| record.capture_id.is_none()) {
        found.push(Difference::Captured(capture.clone()));
    }
    let is_held = matches!(
        record.status,
        PaymentState::Authorized | PaymentState::Capturing
    );
    if is_held && taken.is_none() && seen.standing_authorization().is_none() {
        // PayPal has no word for lapsed.
        let has_lapsed = record
            .authorization_expires_at
            .is_some_and(|end| end <= now);
        found.push(if has_lapsed {
            Difference::Lapsed
        } else {
            Difference::Voided
        });
    }
    let order_is_over = record
        .order_created_at
        .is_some_and(|made| now.duration_since(made) > ORDER_LIFE);
    if record.status == PaymentState::Created && order_is_over && !seen.holds_or_held_money() {
        found.push(Difference::Lapsed);
    }
    if let Some(total) = Amount::of_cents(seen.refunded)
        && total > record.refunded_amount
        && !record.refunds_open
    {
        found.push(Difference::Refunded(total));
    }
    found
}

#[cfg(test)]
#[path = "observation_tests.rs"]
pub(super) mod tests;
