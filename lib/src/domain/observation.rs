//! The money of a payment's orders, as PayPal shows it.
//!
//! `difference` compares it with the payment's record. `finding` names contradictions that stay.

pub(crate) use super::payment_record::{
    PaymentRecord, RecordedCaptureStatus, RecordedRefundStatus,
};

use super::{money::Money, payment_state::PaymentState, paypal_meaning::Meaning};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

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

impl OrderStatus {
    #[must_use]
    pub(crate) fn meaning(self) -> Meaning {
        match self {
            Self::Completed => Meaning::Done,
            Self::Created | Self::Saved | Self::Approved | Self::PayerActionRequired => {
                Meaning::NotYet
            }
            Self::Voided => Meaning::Ended,
            Self::Missing | Self::Unknown => Meaning::Unknown,
        }
    }
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
    /// Older descriptions of PayPal have this word.
    Expired,
    /// PayPal is reviewing it.
    Pending,
    /// A word that PayPal does not document.
    #[serde(other)]
    Unknown,
}

impl AuthorizationStatus {
    #[must_use]
    pub(crate) fn meaning(self) -> Meaning {
        match self {
            Self::Created | Self::Captured | Self::PartiallyCaptured => Meaning::Done,
            Self::Pending => Meaning::NotYet,
            Self::Denied | Self::Voided | Self::Expired => Meaning::Ended,
            Self::Unknown => Meaning::Unknown,
        }
    }
}

/// A capture as PayPal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Capture {
    pub(crate) id: String,
    pub(crate) status: CaptureStatus,
    pub(crate) money: Money,
    /// PayPal's reason for a pending or declined capture, for example `PENDING_REVIEW`.
    pub(crate) reason: Option<String>,
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
    #[must_use]
    pub(crate) fn meaning(self) -> Meaning {
        match self {
            Self::Completed | Self::PartiallyRefunded | Self::Refunded => Meaning::Done,
            Self::Pending => Meaning::NotYet,
            Self::Declined | Self::Failed => Meaning::DeclinedByPayer,
            Self::Unknown => Meaning::Unknown,
        }
    }

    /// Whether the payer's money was captured, refunded or not.
    #[must_use]
    pub(crate) fn is_successful(self) -> bool {
        self.recorded() == Some(RecordedCaptureStatus::Completed)
    }

    /// The status in the database. `None` if PayPal's word is unknown.
    #[must_use]
    pub(crate) fn recorded(self) -> Option<RecordedCaptureStatus> {
        match self.meaning() {
            Meaning::Done => Some(RecordedCaptureStatus::Completed),
            Meaning::NotYet => Some(RecordedCaptureStatus::Pending),
            Meaning::DeclinedByPayer => Some(RecordedCaptureStatus::Declined),
            _ => None,
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
    #[must_use]
    pub(crate) fn meaning(self) -> Meaning {
        match self {
            Self::Completed => Meaning::Done,
            Self::Pending => Meaning::NotYet,
            Self::Failed | Self::Cancelled => Meaning::Ended,
            Self::Unknown => Meaning::Unknown,
        }
    }

    /// The status in the database. `None` if PayPal's word is unknown.
    #[must_use]
    pub(crate) fn recorded(self) -> Option<RecordedRefundStatus> {
        match self.meaning() {
            Meaning::Done => Some(RecordedRefundStatus::Refunded),
            Meaning::NotYet => Some(RecordedRefundStatus::Pending),
            Meaning::Ended => Some(RecordedRefundStatus::Refused),
            _ => None,
        }
    }
}

fn decisive<'a>(captures: impl DoubleEndedIterator<Item = &'a Capture>) -> Option<&'a Capture> {
    let captures: Vec<&Capture> = captures.collect();
    let mut oldest_first = captures.iter();
    let mut latest_first = captures.iter().rev();
    oldest_first
        .find(|capture| capture.status.is_successful())
        .or_else(|| latest_first.find(|capture| capture.status == CaptureStatus::Pending))
        .or(captures.last())
        .copied()
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
        decisive(self.captures.iter())
    }

    /// The same among the captures of one of these amounts.
    #[must_use]
    pub(crate) fn decisive_capture_of(&self, ordered: &[Money]) -> Option<&Capture> {
        let captures = self.captures.iter();
        decisive(captures.filter(|capture| ordered.contains(&capture.money)))
    }

    /// The capture of a refund: PayPal's word, otherwise the only successful capture.
    #[must_use]
    pub(super) fn capture_of<'a>(&'a self, refund: &'a Refund) -> Option<&'a str> {
        refund.capture_id.as_deref().or_else(|| {
            let mut captures = self.successful_captures();
            captures
                .next()
                .filter(|_| captures.next().is_none())
                .map(|capture| capture.id.as_str())
        })
    }

    /// Whether PayPal shows something of the record in a state that it does not document, or does
    /// not know what holds or took the money, as with the credentials of another app. That is no
    /// answer.
    #[must_use]
    pub(crate) fn is_unclear(&self, record: &PaymentRecord) -> bool {
        let authorization = record
            .authorization_id
            .as_deref()
            .filter(|_| !record.hold_ended)
            .and_then(|id| self.authorization(id));
        let mut captures = self.captures.iter();
        let mut refunds = self.refunds.iter();
        let is_held = matches!(
            record.status,
            PaymentState::Authorized | PaymentState::Capturing
        );
        let mut held = record.authorization_id.iter().filter(|_| is_held);
        let mut taken = record.captures.iter();
        held.any(|id| self.is_missing(id))
            || taken.any(|capture| self.is_missing(&capture.capture_id))
            || authorization.is_some_and(|shown| shown.status == AuthorizationStatus::Unknown)
            || captures.any(|capture| {
                let mut recorded = record.captures.iter();
                capture.status == CaptureStatus::Unknown
                    && recorded.any(|recorded| recorded.capture_id == capture.id)
            })
            || refunds.any(|refund| {
                let mut recorded = record.refunds.iter();
                refund.status == RefundStatus::Unknown
                    && recorded.any(|recorded| recorded.id_at_paypal() == Some(&refund.id))
            })
            || (record.status == PaymentState::Created
                && self
                    .orders
                    .iter()
                    .any(|order| order.status == OrderStatus::Unknown))
    }

    /// The sum of the listed refunds of a capture that PayPal has made or accepted, in its
    /// currency.
    #[must_use]
    pub(super) fn listed_refunds(&self, capture: &Capture) -> Decimal {
        self.refunds
            .iter()
            .filter(|refund| {
                matches!(
                    refund.status,
                    RefundStatus::Completed | RefundStatus::Pending
                ) && refund.money.currency == capture.money.currency
                    && self.capture_of(refund) == Some(capture.id.as_str())
            })
            .map(|refund| refund.money.amount.decimal())
            .sum()
    }
}
