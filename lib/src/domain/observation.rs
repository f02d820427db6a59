//! Compares the record of a payment with its order at PayPal.
//!
//! Webhooks, the reconciliation and operators' requests all lead here. The product fetches the
//! order from PayPal, and each difference from the record becomes an event. PayPal's order decides,
//! so a webhook may arrive twice, late or in any order.

use crate::domain::{
    booking_state::BookingState,
    money::{Amount, Currency, Money},
    payment_state::{PaymentEvent, PaymentState},
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

/// The database's record of a payment and its booking.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentRecord {
    pub(crate) payment_id: Uuid,
    pub(crate) status: PaymentState,
    pub(crate) booking_status: BookingState,
    /// Whether this is the booking's latest payment, not an earlier attempt.
    pub(crate) is_latest: bool,
    /// The price.
    pub(crate) amount: Amount,
    pub(crate) currency: Currency,
    /// PayPal's order.
    pub(crate) order_id: Option<String>,
    pub(crate) order_created_at: Option<Timestamp>,
    /// PayPal's latest authorization.
    pub(crate) authorization_id: Option<String>,
    pub(crate) authorization_expires_at: Option<Timestamp>,
    /// The amount to capture, if it is not the price.
    pub(crate) capture_amount: Option<Amount>,
    /// PayPal's capture.
    pub(crate) capture_id: Option<String>,
    pub(crate) refunded_amount: Amount,
    /// The reason to void the authorization.
    pub(crate) void_reason: Option<String>,
    pub(crate) failure_code: Option<String>,
    /// Whether PayPal has not made all ordered refunds.
    pub(crate) refunds_open: bool,
    /// Whether PayPal refused a refund.
    pub(crate) refund_refused: bool,
    pub(crate) updated_at: Timestamp,
}

/// The money of an order, as PayPal shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observation {
    /// Authorizations and reauthorizations, oldest first.
    pub(crate) authorizations: Vec<Authorization>,
    /// Oldest first.
    pub(crate) captures: Vec<Capture>,
    /// The sum of all refunds.
    pub(crate) refunded: Decimal,
}

/// An authorization as PayPal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) id: String,
    pub(crate) status: AuthorizationStatus,
    pub(crate) money: Money,
    pub(crate) expires_at: Option<Timestamp>,
}

/// PayPal's states of an authorization. PayPal shows an expired one as voided.
/// <https://developer.paypal.com/docs/api/payments/v2/#authorizations_get>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AuthorizationStatus {
    /// The money is authorized.
    Created,
    Captured,
    /// The payer's bank refused.
    Denied,
    PartiallyCaptured,
    /// Voided or expired.
    Voided,
    /// PayPal is reviewing it.
    Pending,
    /// A word that PayPal does not document.
    #[serde(other)]
    Unknown,
}

/// A capture as PayPal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Capture {
    pub(crate) id: String,
    pub(crate) status: CaptureStatus,
    pub(crate) money: Money,
}

/// PayPal's states of a capture.
/// <https://developer.paypal.com/docs/api/payments/v2/#captures_get>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum CaptureStatus {
    Completed,
    /// PayPal is reviewing it.
    Pending,
    /// No money has moved.
    Declined,
    /// No money has moved.
    Failed,
    PartiallyRefunded,
    Refunded,
    /// A word that PayPal does not document.
    #[serde(other)]
    Unknown,
}

/// A refund as PayPal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refund {
    pub(crate) id: String,
    /// The capture whose money goes back. `None` if PayPal does not name it.
    pub(crate) capture_id: Option<String>,
    pub(crate) status: RefundStatus,
    pub(crate) money: Money,
    /// The id of our row in `refunds`, if the refund is ours.
    pub(crate) custom_id: Option<Uuid>,
}

/// PayPal's states of a refund.
/// <https://developer.paypal.com/docs/api/payments/v2/#refunds_get>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RefundStatus {
    Completed,
    /// PayPal has not moved the money yet.
    Pending,
    /// No money has moved.
    Failed,
    /// No money has moved.
    Cancelled,
    /// A word that PayPal does not document.
    #[serde(other)]
    Unknown,
}

impl CaptureStatus {
    /// Whether the payer's money was captured, refunded or not.
    #[must_use]
    pub(crate) fn is_successful(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::PartiallyRefunded | Self::Refunded
        )
    }
}

impl Observation {
    /// The authorization that covers, or covered, the capture: the latest that is neither denied
    /// nor voided.
    #[must_use]
    pub(crate) fn standing_authorization(&self) -> Option<&Authorization> {
        self.authorizations.iter().rev().find(|authorization| {
            !matches!(
                authorization.status,
                AuthorizationStatus::Denied | AuthorizationStatus::Voided
            )
        })
    }

    /// Whether the payer's bank refused an authorization.
    #[must_use]
    pub(crate) fn is_denied(&self) -> bool {
        self.authorizations
            .iter()
            .any(|authorization| authorization.status == AuthorizationStatus::Denied)
    }

    pub(crate) fn successful_captures(&self) -> impl Iterator<Item = &Capture> {
        self.captures
            .iter()
            .filter(|capture| capture.status.is_successful())
    }

    /// The capture that decides the payment's state: the first successful one, otherwise the latest
    /// pending one, otherwise the latest.
    #[must_use]
    pub(crate) fn decisive_capture(&self) -> Option<&Capture> {
        self.successful_captures().next().or_else(|| {
            self.captures
                .iter()
                .rev()
                .find(|capture| capture.status == CaptureStatus::Pending)
                .or_else(|| self.captures.last())
        })
    }

    fn is_or_was_authorized(&self) -> bool {
        self.standing_authorization().is_some() || self.successful_captures().next().is_some()
    }

    /// Whether PayPal holds money that is not captured.
    pub(super) fn has_authorized_money(&self) -> bool {
        self.successful_captures().next().is_none()
            && self.standing_authorization().is_some_and(|authorization| {
                matches!(
                    authorization.status,
                    AuthorizationStatus::Created | AuthorizationStatus::PartiallyCaptured
                )
            })
    }
}

/// An action of PayPal that is missing in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    Authorized,
    Captured(Capture),
    Voided,
    /// The authorization has expired, or the order before it was authorized.
    Expired,
    /// The sum of all refunds is larger than in the record.
    Refunded(Amount),
}

impl Difference {
    /// The event for the payment's state machine.
    #[must_use]
    pub(crate) fn event(&self, record: &PaymentRecord) -> PaymentEvent {
        match self {
            Self::Authorized => PaymentEvent::Authorized,
            Self::Captured(_) => PaymentEvent::Captured,
            Self::Voided => PaymentEvent::Voided,
            Self::Expired => PaymentEvent::Expired,
            Self::Refunded(total) if *total < record.amount => PaymentEvent::RefundedInPart,
            Self::Refunded(_) => PaymentEvent::RefundedInFull,
        }
    }
}

/// The lifetime of an order. PayPal gives the payer 3 hours to open it and 3 more to approve it.
/// One more hour lets a late response arrive.
const ORDER_LIFE: SignedDuration = SignedDuration::from_hours(7);

/// PayPal's actions that are missing in `record`, in the order in which they must be applied.
#[must_use]
pub(crate) fn differences(
    record: &PaymentRecord,
    observation: &Observation,
    now: Timestamp,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let captured = observation.successful_captures().next();
    if record.status == PaymentState::Created && observation.standing_authorization().is_some() {
        differences.push(Difference::Authorized);
    }
    if let Some(capture) = captured.filter(|_| record.capture_id.is_none()) {
        differences.push(Difference::Captured(capture.clone()));
    }
    let is_authorized = matches!(
        record.status,
        PaymentState::Authorized | PaymentState::Capturing
    );
    if is_authorized && captured.is_none() && observation.standing_authorization().is_none() {
        // PayPal shows an expired authorization as voided.
        let has_expired = record
            .authorization_expires_at
            .is_some_and(|end| end <= now);
        differences.push(if has_expired {
            Difference::Expired
        } else {
            Difference::Voided
        });
    }
    let has_order_expired = record
        .order_created_at
        .is_some_and(|created| now.duration_since(created) > ORDER_LIFE);
    if record.status == PaymentState::Created
        && has_order_expired
        && !observation.is_or_was_authorized()
    {
        differences.push(Difference::Expired);
    }
    if let Some(total) = Amount::from_decimal(observation.refunded)
        && total > record.refunded_amount
        && !record.refunds_open
    {
        differences.push(Difference::Refunded(total));
    }
    differences
}

#[cfg(test)]
#[path = "observation_tests.rs"]
pub(super) mod tests;
