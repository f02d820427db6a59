//! Contradictions between a payment, its booking and PayPal's order, which a person must resolve.

use super::{
    booking_state::BookingState,
    money::Money,
    observation::{Capture, CaptureStatus, Observation, PaymentRecord},
    payment_state::PaymentState,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A kind of contradiction between money and booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FindingKind {
    /// PayPal captured the money more than once.
    CapturedTwice,
    /// PayPal captured another amount than was ordered.
    AmountMismatch,
    /// Money is authorized or captured for a booking that is not confirmed.
    PaidButUnbooked,
    /// PayPal still holds an authorization that must be voided.
    CancelledNotVoided,
    /// The authorization expires within a day, and the money is not captured.
    Lapsing,
    /// The booking is confirmed, and its payment has ended without money.
    UnpaidBooking,
    /// PayPal is reviewing the capture.
    CapturePending,
    RefundRefused,
    /// The payer opened a dispute.
    Disputed,
}

impl FindingKind {
    /// The name in the database.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CapturedTwice => "captured_twice",
            Self::AmountMismatch => "amount_mismatch",
            Self::PaidButUnbooked => "paid_but_unbooked",
            Self::CancelledNotVoided => "cancelled_not_voided",
            Self::Lapsing => "lapsing",
            Self::UnpaidBooking => "unpaid_booking",
            Self::CapturePending => "capture_pending",
            Self::RefundRefused => "refund_refused",
            Self::Disputed => "disputed",
        }
    }

    /// The advice to an operator.
    #[must_use]
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::CapturedTwice => "Refund the second capture in PayPal's dashboard.",
            Self::AmountMismatch => {
                "Compare the capture with the booking's price. Refund the difference, or ask the customer for it."
            }
            Self::PaidButUnbooked => {
                "Void or refund, or make a booking for other days with the customer."
            }
            Self::CancelledNotVoided => {
                "The crons void it. If it stays for an hour, void it in PayPal's dashboard."
            }
            Self::Lapsing => "Capture it: POST /api/admin/bookings/{id}/capture.",
            Self::UnpaidBooking => {
                "Cancel it (POST /api/admin/bookings/{id}/void) and let the customer book again, or be paid in another way."
            }
            Self::CapturePending => "Wait for PayPal, or look into its dashboard.",
            Self::RefundRefused => {
                "Fund the PayPal account or refund in another way, then order the refund again."
            }
            Self::Disputed => "Answer the dispute in PayPal's Resolution Center.",
        }
    }
}

/// One finding about a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) kind: FindingKind,
    /// Ids and amounts, without personal data.
    pub(crate) detail: String,
}

/// The time that a void, a refund or a confirmation may take.
const GRACE_PERIOD: SignedDuration = SignedDuration::from_mins(30);
/// An authorization that expires this soon needs a person.
const LAPSING_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// The findings about `record`, to which all differences have been applied.
#[must_use]
pub(crate) fn findings(
    record: &PaymentRecord,
    observation: &Observation,
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |kind, detail: String| findings.push(Finding { kind, detail });
    let is_overdue = now.duration_since(record.updated_at) > GRACE_PERIOD;
    let captures: Vec<&Capture> = observation.successful_captures().collect();
    let is_confirmed = record.booking_status.is_confirmed();

    if captures.len() > 1 {
        let ids: Vec<&str> = captures.iter().map(|capture| capture.id.as_str()).collect();
        report(FindingKind::CapturedTwice, ids.join(" "));
    }
    if let Some(capture) = captures.first() {
        let expected = Money {
            amount: record.capture_amount.unwrap_or(record.amount),
            currency: record.currency,
        };
        if capture.money != expected && record.void_reason.is_none() {
            let Money { amount, currency } = capture.money;
            report(
                FindingKind::AmountMismatch,
                format!(
                    "{amount} {currency} instead of {} {}",
                    expected.amount, expected.currency
                ),
            );
        }
    }
    let has_money =
        observation.has_authorized_money() || (!captures.is_empty() && !record.refunds_open);
    if is_overdue
        && has_money
        && record.void_reason.is_none()
        && matches!(
            record.booking_status,
            BookingState::PendingPayment | BookingState::Expired
        )
    {
        report(FindingKind::PaidButUnbooked, String::new());
    }
    let must_be_voided = record.void_reason.is_some()
        || (record.booking_status == BookingState::Cancelled
            && (record.capture_amount.is_none() || record.status == PaymentState::Failed));
    if is_overdue && must_be_voided && observation.has_authorized_money() {
        report(
            FindingKind::CancelledNotVoided,
            record.authorization_id.clone().unwrap_or_default(),
        );
    }
    let expires_soon = record
        .authorization_expires_at
        .is_some_and(|end| end.duration_since(now) < LAPSING_PERIOD);
    if is_confirmed && expires_soon && observation.has_authorized_money() {
        report(
            FindingKind::Lapsing,
            record
                .authorization_expires_at
                .map(|end| end.to_string())
                .unwrap_or_default(),
        );
    }
    if is_confirmed && record.is_latest && record.status.ended_without_money() {
        report(
            FindingKind::UnpaidBooking,
            record.failure_code.clone().unwrap_or_default(),
        );
    }
    if let Some(pending) = observation
        .captures
        .iter()
        .find(|capture| capture.status == CaptureStatus::Pending)
    {
        report(FindingKind::CapturePending, pending.id.clone());
    }
    if record.refund_refused {
        report(FindingKind::RefundRefused, String::new());
    }
    findings
}

#[cfg(test)]
#[path = "finding_tests.rs"]
mod tests;
