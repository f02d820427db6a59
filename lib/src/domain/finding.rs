//! What does not fit together between a payment, its booking and what PayPal shows, and what a person does about it.

use super::{
    booking_state::BookingState,
    money::Money,
    observation::{CaptureStatus, Observation, PaymentRecord, SeenCapture},
    payment_state::PaymentState,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Where money and booking do not fit together, for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// PayPal took the money more than once.
    CapturedTwice,
    /// What was taken is not what should have been.
    AmountMismatch,
    /// PayPal holds or took money for a booking that is not confirmed.
    PaidButUnbooked,
    /// PayPal still holds money that should have been given back.
    CancelledNotVoided,
    /// The authorization ends within a day and the money is not taken.
    Lapsing,
    /// The booking stands and nobody pays for it.
    UnpaidBooking,
    /// PayPal is still looking at the capture.
    CapturePending,
    /// PayPal refused a refund.
    RefundRefused,
    /// The payer opened a dispute.
    Disputed,
}

impl FindingKind {
    /// As it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
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

    /// What an operator does about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::CapturedTwice => "Refund the second capture in PayPal's dashboard.",
            Self::AmountMismatch => {
                "Compare the capture with the booking's price; refund the difference or ask for it."
            }
            Self::PaidButUnbooked => {
                "Void or refund, or make a booking for other days with the customer."
            }
            Self::CancelledNotVoided => {
                "The crons void it; if this stays for an hour, void it in PayPal's dashboard."
            }
            Self::Lapsing => "Capture it: POST /api/admin/bookings/{id}/capture.",
            Self::UnpaidBooking => {
                "Cancel it (POST /api/admin/bookings/{id}/void) and let the customer book again, or be paid in another way."
            }
            Self::CapturePending => "Wait for PayPal, or look into its dashboard.",
            Self::RefundRefused => {
                "Fund the PayPal account or refund in another way, then order the refund again."
            }
            Self::Disputed => "Answer the dispute in PayPal's resolution centre.",
        }
    }
}

/// One finding about a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// Ids and amounts that help to find it; no personal data.
    pub detail: String,
}

/// A void, a refund or a confirmation may take so long before it counts as missing.
const PATIENCE: SignedDuration = SignedDuration::from_mins(30);
/// An authorization that ends this soon needs a person.
const LAPSING: SignedDuration = SignedDuration::from_hours(24);

/// What does not fit together once every difference was applied to `record`.
#[must_use]
pub fn findings(record: &PaymentRecord, seen: &Observation, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut note = |kind, detail: String| found.push(Finding { kind, detail });
    let is_settled = now.duration_since(record.updated_at) > PATIENCE;
    let taken: Vec<&SeenCapture> = seen.taken().collect();
    let stands = record.booking_status.is_confirmed();

    if taken.len() > 1 {
        let ids: Vec<&str> = taken.iter().map(|capture| capture.id.as_str()).collect();
        note(FindingKind::CapturedTwice, ids.join(" "));
    }
    if let Some(capture) = taken.first() {
        let expected = Money {
            amount: record.capture_amount.unwrap_or(record.amount),
            currency: record.currency,
        };
        if capture.money != expected && record.void_reason.is_none() {
            let Money { amount, currency } = capture.money;
            note(
                FindingKind::AmountMismatch,
                format!(
                    "{amount} {currency} instead of {} {}",
                    expected.amount, expected.currency
                ),
            );
        }
    }
    let has_money = seen.holds_money() || (!taken.is_empty() && !record.refunds_open);
    if is_settled
        && has_money
        && record.void_reason.is_none()
        && matches!(
            record.booking_status,
            BookingState::PendingPayment | BookingState::Expired
        )
    {
        note(FindingKind::PaidButUnbooked, String::new());
    }
    let must_go_back = record.void_reason.is_some()
        || (record.booking_status == BookingState::Cancelled
            && (record.capture_amount.is_none() || record.status == PaymentState::Failed));
    if is_settled && must_go_back && seen.holds_money() {
        note(
            FindingKind::CancelledNotVoided,
            record.authorization_id.clone().unwrap_or_default(),
        );
    }
    let ends_soon = record
        .authorization_expires_at
        .is_some_and(|end| end.duration_since(now) < LAPSING);
    if stands && ends_soon && taken.is_empty() && seen.holds_money() {
        note(
            FindingKind::Lapsing,
            record
                .authorization_expires_at
                .map(|end| end.to_string())
                .unwrap_or_default(),
        );
    }
    if stands && record.is_latest && record.status.ended_without_money() {
        note(
            FindingKind::UnpaidBooking,
            record.failure_code.clone().unwrap_or_default(),
        );
    }
    if let Some(pending) = seen
        .captures
        .iter()
        .find(|capture| capture.status == CaptureStatus::Pending)
    {
        note(FindingKind::CapturePending, pending.id.clone());
    }
    if record.refund_refused {
        note(FindingKind::RefundRefused, String::new());
    }
    found
}

#[cfg(test)]
#[path = "finding_tests.rs"]
mod tests;
