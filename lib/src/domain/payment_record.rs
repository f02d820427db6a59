//! The database's record of a payment: what we know of its money.

use crate::domain::{
    booking_state::BookingState,
    money::{Amount, Currency},
    payment_state::PaymentState,
};
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use uuid::Uuid;

/// The database's record of a payment and its booking.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a member of the database's result"
)]
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
    pub(crate) authorization_expires_at: Option<Timestamp>,
    /// Whether PayPal is known to hold none of the authorized money that is not captured.
    #[serde(default)]
    pub(crate) hold_ended: bool,
    /// The amount to capture, if it is not the price.
    pub(crate) capture_amount: Option<Amount>,
    /// The part of the captured money that a cancellation or a void leaves to us. `None`: all of
    /// it.
    #[serde(default)]
    pub(crate) kept_amount: Option<Amount>,
    /// The sum of all completed captures.
    #[serde(default)]
    pub(crate) captured_amount: Option<Amount>,
    #[serde(default)]
    pub(crate) captured_at: Option<Timestamp>,
    /// Since when captures fail, without a decision of PayPal.
    #[serde(default)]
    pub(crate) capture_failing_since: Option<Timestamp>,
    #[serde(default)]
    pub(crate) captures: Vec<RecordedCapture>,
    /// The sum of all completed refunds.
    pub(crate) refunded_amount: Amount,
    #[serde(default)]
    pub(crate) refunds: Vec<RecordedRefund>,
    /// Whether refunds of a cancellation or an operator explain the refunded amount.
    #[serde(default)]
    pub(crate) refunded_by_us: bool,
    /// The operations without success, with the codes of their last failures.
    #[serde(default)]
    pub(crate) open_failures: Vec<OpenFailure>,
    /// The reason to void the authorization.
    pub(crate) void_reason: Option<String>,
    pub(crate) failure_code: Option<String>,
    /// Whether PayPal has not made all ordered refunds.
    pub(crate) refunds_open: bool,
    /// Whether PayPal refused a refund.
    pub(crate) refund_refused: bool,
    pub(crate) updated_at: Timestamp,
}

/// A call to PayPal that failed and is retried.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct OpenFailure {
    /// `capture`, `reauthorize`, `void` or `refund`.
    pub(crate) operation: String,
    pub(crate) code: String,
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
    #[serde(default)]
    pub(crate) ordered_at: Option<Timestamp>,
    /// Since when PayPal has the refund without completing it.
    #[serde(default)]
    pub(crate) pending_since: Option<Timestamp>,
    /// The reason that the latest attempt failed.
    #[serde(default)]
    pub(crate) failure_code: Option<String>,
    /// Whether PayPal refused it because of a dispute.
    #[serde(default)]
    pub(crate) is_disputed: bool,
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
