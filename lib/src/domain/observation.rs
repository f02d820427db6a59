//! A payment's record, and the money of its orders as PayPal shows it.
//!
//! `difference.rs` compares the two, and `finding.rs` names contradictions that stay.

use crate::domain::{
    booking_state::BookingState,
    money::{Amount, Currency, Money},
    payment_state::PaymentState,
};
use jiff::{Timestamp, civil::Date};
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
    /// The pick-up's day.
    #[serde(default)]
    pub(crate) start_date: Option<Date>,
    /// Whether this is the booking's latest payment, not an earlier attempt.
    pub(crate) is_latest: bool,
    /// The price.
    pub(crate) amount: Amount,
    pub(crate) currency: Currency,
    /// PayPal's order: the authorized one, otherwise the latest.
    pub(crate) order_id: Option<String>,
    /// PayPal's orders of this payment that may still be authorized, newest first. It includes
    /// `order_id`.
    #[serde(default)]
    pub(crate) order_ids: Vec<String>,
    pub(crate) order_created_at: Option<Timestamp>,
    /// PayPal's latest authorization.
    pub(crate) authorization_id: Option<String>,
    /// The first authorization, if `authorization_id` is a reauthorization.
    #[serde(default)]
    pub(crate) original_authorization_id: Option<String>,
    pub(crate) authorization_expires_at: Option<Timestamp>,
    /// Since when PayPal reviews the authorization or the capture.
    #[serde(default)]
    pub(crate) pending_since: Option<Timestamp>,
    /// The amount to capture, if it is not the price.
    pub(crate) capture_amount: Option<Amount>,
    /// PayPal's capture: the first completed one, otherwise the latest pending one.
    pub(crate) capture_id: Option<String>,
    /// The sum of all completed captures.
    #[serde(default)]
    pub(crate) captured_amount: Option<Amount>,
    #[serde(default)]
    pub(crate) captured_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) captures: Vec<RecordedCapture>,
    /// The sum of all completed refunds.
    pub(crate) refunded_amount: Amount,
    #[serde(default)]
    pub(crate) refunds: Vec<RecordedRefund>,
    /// Whether refunds of a cancellation or an operator explain the refunded amount.
    #[serde(default)]
    pub(crate) refunded_by_us: bool,
    /// The reason to void the authorization.
    pub(crate) void_reason: Option<String>,
    pub(crate) failure_code: Option<String>,
    /// Whether PayPal has not made all ordered refunds.
    pub(crate) refunds_open: bool,
    /// Whether PayPal refused a refund.
    pub(crate) refund_refused: bool,
    /// Whether a dispute is open.
    #[serde(default)]
    pub(crate) disputed: bool,
    pub(crate) updated_at: Timestamp,
}

/// A capture in the database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordedCapture {
    pub(crate) capture_id: String,
    pub(crate) amount: Amount,
    pub(crate) status: RecordedCaptureStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordedCaptureStatus {
    Pending,
    Completed,
    Declined,
}

impl RecordedCaptureStatus {
    /// The name in the database.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Declined => "declined",
        }
    }
}

/// A refund in the database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordedRefund {
    /// Our id.
    pub(crate) refund_id: Uuid,
    /// PayPal's id. `None` until PayPal has the refund.
    pub(crate) paypal_refund_id: Option<String>,
    pub(crate) capture_id: Option<String>,
    pub(crate) amount: Amount,
    pub(crate) status: RecordedRefundStatus,
}

/// The end of the id of a refund that PayPal does not list: a reversal or a chargeback.
const REVERSAL: &str = ":reversal";

/// The id under which a reversal of a capture is recorded.
#[must_use]
pub(crate) fn reversal_id(capture_id: &str) -> String {
    format!("{capture_id}{REVERSAL}")
}

impl RecordedRefund {
    /// The id by which PayPal knows the refund.
    #[must_use]
    pub(crate) fn id_at_paypal(&self) -> Option<&str> {
        self.paypal_refund_id
            .as_deref()
            .filter(|id| !id.ends_with(REVERSAL))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordedRefundStatus {
    /// PayPal has no answer to it yet.
    Ordered,
    /// PayPal has not moved the money yet.
    Pending,
    Refunded,
    /// No money has moved.
    Refused,
}

impl RecordedRefundStatus {
    /// The name in the database.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Pending => "pending",
            Self::Refunded => "refunded",
            Self::Refused => "refused",
        }
    }
}

/// The money of a payment's orders, as PayPal shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observation {
    /// In the order in which they were fetched.
    pub(crate) orders: Vec<ObservedOrder>,
    /// Authorizations and reauthorizations, oldest first.
    pub(crate) authorizations: Vec<Authorization>,
    /// Oldest first.
    pub(crate) captures: Vec<Capture>,
    /// Oldest first.
    pub(crate) refunds: Vec<Refund>,
    /// Ids of authorizations, captures and refunds that PayPal does not know (404).
    pub(crate) missing: Vec<String>,
}

/// An order as PayPal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObservedOrder {
    pub(crate) id: String,
    pub(crate) status: OrderStatus,
}

/// PayPal's states of an order. <https://developer.paypal.com/docs/api/orders/v2/#orders_get>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum OrderStatus {
    Created,
    Saved,
    Approved,
    Voided,
    Completed,
    PayerActionRequired,
    /// PayPal does not know the order (404). It forgets one that nobody approved.
    #[serde(skip)]
    Missing,
    /// No word, or one that PayPal does not document.
    #[default]
    #[serde(other)]
    Unknown,
}

/// An authorization as PayPal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) id: String,
    /// The order that was authorized. `None` if PayPal does not name it.
    pub(crate) order_id: Option<String>,
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

impl AuthorizationStatus {
    /// Whether it holds money that can be captured or voided.
    #[must_use]
    pub(crate) fn is_living(self) -> bool {
        matches!(
            self,
            Self::Created | Self::PartiallyCaptured | Self::Pending
        )
    }
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

impl CaptureStatus {
    /// Whether the payer's money was captured, refunded or not.
    #[must_use]
    pub(crate) fn is_successful(self) -> bool {
        self.recorded() == Some(RecordedCaptureStatus::Completed)
    }

    /// The status in the database. `None` if PayPal's word is unknown.
    #[must_use]
    pub(crate) fn recorded(self) -> Option<RecordedCaptureStatus> {
        match self {
            Self::Completed | Self::PartiallyRefunded | Self::Refunded => {
                Some(RecordedCaptureStatus::Completed)
            }
            Self::Pending => Some(RecordedCaptureStatus::Pending),
            Self::Declined | Self::Failed => Some(RecordedCaptureStatus::Declined),
            Self::Unknown => None,
        }
    }
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

impl RefundStatus {
    /// The status in the database. `None` if PayPal's word is unknown.
    #[must_use]
    pub(crate) fn recorded(self) -> Option<RecordedRefundStatus> {
        match self {
            Self::Completed => Some(RecordedRefundStatus::Refunded),
            Self::Pending => Some(RecordedRefundStatus::Pending),
            Self::Failed | Self::Cancelled => Some(RecordedRefundStatus::Refused),
            Self::Unknown => None,
        }
    }
}

impl Observation {
    /// Adds what another order shows.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.orders.append(&mut other.orders);
        self.authorizations.append(&mut other.authorizations);
        self.captures.append(&mut other.captures);
        self.refunds.append(&mut other.refunds);
        self.missing.append(&mut other.missing);
    }

    /// The authorization that covers, or covered, the capture: the latest that PayPal made,
    /// otherwise the latest that it reviews. Not one that is denied, voided or in a state that
    /// PayPal does not document.
    #[must_use]
    pub(crate) fn standing_authorization(&self) -> Option<&Authorization> {
        use AuthorizationStatus::{Captured, Created, PartiallyCaptured, Pending};
        let latest = |states: &[AuthorizationStatus]| {
            let mut latest_first = self.authorizations.iter().rev();
            latest_first.find(|authorization| states.contains(&authorization.status))
        };
        latest(&[Created, Captured, PartiallyCaptured]).or_else(|| latest(&[Pending]))
    }

    /// The authorization with this id.
    #[must_use]
    pub(crate) fn authorization(&self, id: &str) -> Option<&Authorization> {
        self.authorizations
            .iter()
            .rev()
            .find(|authorization| authorization.id == id)
    }

    /// Whether PayPal does not know the authorization, capture or refund with this id.
    #[must_use]
    pub(crate) fn is_missing(&self, id: &str) -> bool {
        self.missing.iter().any(|missing| missing == id)
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

    /// The sum of the refunds that PayPal has made or accepted.
    #[must_use]
    pub(crate) fn refunded(&self) -> Decimal {
        self.refunds
            .iter()
            .filter(|refund| {
                matches!(
                    refund.status,
                    RefundStatus::Completed | RefundStatus::Pending
                )
            })
            .map(|refund| refund.money.amount.decimal())
            .sum()
    }
}
