//! Contradictions between a payment, its booking and PayPal's order, which a person must resolve.

use super::{
    booking_state::BookingState,
    money::Money,
    observation::{CaptureStatus, Observation, PaymentRecord},
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
    let is_overdue = now.duration_since(record.updated_at) > GRACE_PERIOD;
    [
        (FindingKind::CapturedTwice, captured_twice(observation)),
        (
            FindingKind::AmountMismatch,
            amount_mismatch(record, observation),
        ),
        (
            FindingKind::PaidButUnbooked,
            paid_but_unbooked(record, observation, is_overdue),
        ),
        (
            FindingKind::CancelledNotVoided,
            cancelled_not_voided(record, observation, is_overdue),
        ),
        (FindingKind::Lapsing, lapsing(record, observation, now)),
        (FindingKind::UnpaidBooking, unpaid_booking(record)),
        (FindingKind::CapturePending, capture_pending(observation)),
        (FindingKind::RefundRefused, refund_refused(record)),
    ]
    .into_iter()
    .filter_map(|(kind, detail)| detail.map(|detail| Finding { kind, detail }))
    .collect()
}

// One function for each kind. It returns the detail of the finding, if there is one.

fn captured_twice(observation: &Observation) -> Option<String> {
    let ids: Vec<&str> = observation
        .successful_captures()
        .map(|capture| capture.id.as_str())
        .collect();
    (ids.len() > 1).then(|| ids.join(" "))
}

fn amount_mismatch(record: &PaymentRecord, observation: &Observation) -> Option<String> {
    let captured = observation.successful_captures().next()?.money;
    let expected = Money {
        amount: record.capture_amount.unwrap_or(record.amount),
        currency: record.currency,
    };
    (captured != expected && record.void_reason.is_none()).then(|| {
        format!(
            "{} {} instead of {} {}",
            captured.amount, captured.currency, expected.amount, expected.currency
        )
    })
}

fn paid_but_unbooked(
    record: &PaymentRecord,
    observation: &Observation,
    is_overdue: bool,
) -> Option<String> {
    let has_captured_money =
        observation.successful_captures().next().is_some() && !record.refunds_open;
    let has_money = has_authorized_money(observation) || has_captured_money;
    let is_unbooked = matches!(
        record.booking_status,
        BookingState::PendingPayment | BookingState::Expired
    );
    (is_overdue && has_money && is_unbooked && record.void_reason.is_none()).then(String::new)
}

fn cancelled_not_voided(
    record: &PaymentRecord,
    observation: &Observation,
    is_overdue: bool,
) -> Option<String> {
    let must_be_voided = record.void_reason.is_some()
        || (record.booking_status == BookingState::Cancelled
            && (record.capture_amount.is_none() || record.status == PaymentState::Failed));
    (is_overdue && must_be_voided && has_authorized_money(observation))
        .then(|| record.authorization_id.clone().unwrap_or_default())
}

fn lapsing(record: &PaymentRecord, observation: &Observation, now: Timestamp) -> Option<String> {
    let end = record.authorization_expires_at?;
    let expires_soon = end.duration_since(now) < LAPSING_PERIOD;
    (record.booking_status.is_confirmed() && expires_soon && has_authorized_money(observation))
        .then(|| end.to_string())
}

fn unpaid_booking(record: &PaymentRecord) -> Option<String> {
    (record.booking_status.is_confirmed()
        && record.is_latest
        && record.status.ended_without_money())
    .then(|| record.failure_code.clone().unwrap_or_default())
}

fn capture_pending(observation: &Observation) -> Option<String> {
    observation
        .captures
        .iter()
        .find(|capture| capture.status == CaptureStatus::Pending)
        .map(|capture| capture.id.clone())
}

fn refund_refused(record: &PaymentRecord) -> Option<String> {
    record.refund_refused.then(String::new)
}

/// Whether PayPal holds money that is not captured.
fn has_authorized_money(observation: &Observation) -> bool {
    observation.successful_captures().next().is_none()
        && observation
            .standing_authorization()
            .is_some_and(|authorization| authorization.status.is_living())
}
