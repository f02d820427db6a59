//! The books: what PayPal holds, took and gave back, at the present moment.
//!
//! Tests compare them with the product's record. Behaviours do not affect them.

use super::{
    ledger::Ledger,
    simulator::{Simulator, lock},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;

/// Every payment, with PayPal's status at the present moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Books {
    /// Original authorizations.
    pub authorizations: Vec<AuthorizationEntry>,
    /// Captures.
    pub captures: Vec<CaptureEntry>,
    /// Refunds, and reversals that an order lists.
    pub refunds: Vec<RefundEntry>,
}

/// An authorization.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationEntry {
    /// The original's id.
    pub id: String,
    /// The order's id.
    pub order: String,
    /// The product's id of the payment.
    pub invoice_id: Option<String>,
    /// The product's id of the booking.
    pub custom_id: Option<String>,
    /// Such as `CREATED` or `VOIDED`.
    pub status: &'static str,
    /// The authorized amount.
    pub amount: Decimal,
    /// Its currency.
    pub currency: String,
    /// The authorized money that is neither captured nor released.
    pub held: Decimal,
}

/// A capture.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureEntry {
    /// The capture's id.
    pub id: String,
    /// The order's id.
    pub order: String,
    /// The original authorization's id.
    pub authorization: String,
    /// Such as `COMPLETED` or `PARTIALLY_REFUNDED`.
    pub status: &'static str,
    /// The amount of the capture.
    pub amount: Decimal,
    /// The money that the merchant received. Zero for a capture that is pending or failed.
    pub taken: Decimal,
    /// The money that went back, with reversals.
    pub given_back: Decimal,
    /// The part of it that went back without a refund that an order lists.
    pub reversed: Decimal,
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefundEntry {
    /// The refund's id.
    pub id: String,
    /// The capture's id.
    pub capture: String,
    /// Such as `COMPLETED` or `FAILED`.
    pub status: &'static str,
    /// The amount of the refund.
    pub amount: Decimal,
}

impl Simulator {
    /// PayPal's books now.
    #[must_use]
    pub fn books(&self) -> Books {
        lock(&self.inner.ledger).books(self.inner.clock.now())
    }
}

impl Ledger {
    fn books(&self, now: Timestamp) -> Books {
        use super::{authorizations::AuthorizationStatus as Status, course::PaymentStatus};
        let authorizations = self.authorizations.values().map(|original| {
            let status = self.authorization_status(original, now);
            let held = match status {
                Status::Created | Status::PartiallyCaptured | Status::Pending => {
                    let rest = original.amount.value - self.captured(original, now).amount;
                    rest.max(Decimal::ZERO)
                }
                _ => Decimal::ZERO,
            };
            AuthorizationEntry {
                id: original.id.clone(),
                order: original.order_id.clone(),
                invoice_id: original.invoice_id.clone(),
                custom_id: original.custom_id.clone(),
                status: status.as_str(),
                amount: original.amount.value,
                currency: original.amount.currency.clone(),
                held,
            }
        });
        let captures = self.captures.values().map(|capture| {
            let is_taken = capture.status(now) == PaymentStatus::Completed;
            CaptureEntry {
                id: capture.id.clone(),
                order: capture.order_id.clone(),
                authorization: capture.original_id.clone(),
                status: self.capture_status(capture, now),
                amount: capture.amount.value,
                taken: if is_taken {
                    capture.amount.value
                } else {
                    Decimal::ZERO
                },
                given_back: self.refunded_amount(capture, now),
                reversed: capture.reversed_amount(),
            }
        });
        let refunds = self.refunds.values().map(|refund| RefundEntry {
            id: refund.id.clone(),
            capture: refund.capture_id.clone(),
            status: refund.status(now).as_str(),
            amount: refund.amount.value,
        });
        Books {
            authorizations: authorizations.collect(),
            captures: captures.collect(),
            refunds: refunds.collect(),
        }
    }
}
