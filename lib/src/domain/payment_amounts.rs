//! The amounts of a booking as they are shown: authorized, held, captured and given back.
//!
//! They are sums over all payments of the booking, also those that were replaced. Two equations
//! hold at any time:
//!
//! - authorized = held + released + captured
//! - captured = refunded + kept
//!
//! `tests/sql/bookings/shown_money.rs` compares them with the rows of the database.

use crate::domain::money::Amount;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};

/// The record of one payment that PayPal authorized or captured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AmountFacts {
    /// The authorized amount. In a mismatched payment it differs from the price.
    amount: Amount,
    /// PayPal authorized the payment at some time.
    is_authorized: bool,
    /// The authorization can still be captured.
    is_held: bool,
    captures: Vec<CaptureFact>,
    refunds: Vec<RefundFact>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct CaptureFact {
    amount: Amount,
    status: CaptureFactStatus,
}

/// The states of a row in `payment_captures`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CaptureFactStatus {
    Pending,
    Completed,
    Declined,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct RefundFact {
    amount: Amount,
    status: RefundFactStatus,
}

/// The states of a row in `refunds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundFactStatus {
    Ordered,
    Pending,
    Refunded,
    Refused,
}

/// The amounts of a booking. Each is serialized as a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentAmounts {
    /// The amount that PayPal authorized. A capture beyond it counts as authorized.
    #[serde(rename = "authorizedAmount", serialize_with = "decimal_string")]
    pub authorized: Decimal,
    /// The amount that PayPal holds and may still capture, pending captures included.
    #[serde(rename = "heldAmount", serialize_with = "decimal_string")]
    pub held: Decimal,
    /// The amount that was authorized and is neither held nor captured.
    #[serde(rename = "releasedAmount", serialize_with = "decimal_string")]
    pub released: Decimal,
    #[serde(rename = "capturedAmount", serialize_with = "decimal_string")]
    pub captured: Decimal,
    #[serde(rename = "refundedAmount", serialize_with = "decimal_string")]
    pub refunded: Decimal,
    /// The part of `kept` whose refund is ordered or pending.
    #[serde(rename = "pendingRefundAmount", serialize_with = "decimal_string")]
    pub pending_refund: Decimal,
    /// The captured amount that was not refunded.
    #[serde(rename = "keptAmount", serialize_with = "decimal_string")]
    pub kept: Decimal,
    /// The part of `held` whose capture is pending.
    #[serde(skip)]
    pub(crate) pending_capture: Decimal,
}

/// Serializes an amount with two decimals, as a string.
pub(crate) fn decimal_string<S: Serializer>(
    amount: &Decimal,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{amount:.2}"))
}

/// The sum over all payments of a booking.
#[must_use]
pub fn amounts(payments: &[AmountFacts]) -> PaymentAmounts {
    payments
        .iter()
        .map(amounts_of)
        .fold(PaymentAmounts::default(), |sum, next| PaymentAmounts {
            authorized: sum.authorized + next.authorized,
            held: sum.held + next.held,
            released: sum.released + next.released,
            captured: sum.captured + next.captured,
            refunded: sum.refunded + next.refunded,
            pending_refund: sum.pending_refund + next.pending_refund,
            kept: sum.kept + next.kept,
            pending_capture: sum.pending_capture + next.pending_capture,
        })
}

fn amounts_of(payment: &AmountFacts) -> PaymentAmounts {
    let sum_of_captures = |status| -> Decimal {
        let with_status = payment.captures.iter().filter(|it| it.status == status);
        with_status.map(|capture| capture.amount.decimal()).sum()
    };
    let sum_of_refunds = |status| -> Decimal {
        let with_status = payment.refunds.iter().filter(|it| it.status == status);
        with_status.map(|refund| refund.amount.decimal()).sum()
    };
    let captured = sum_of_captures(CaptureFactStatus::Completed);
    let pending_capture = sum_of_captures(CaptureFactStatus::Pending);
    let uncaptured = if payment.is_held {
        payment.amount.decimal() - captured
    } else {
        Decimal::ZERO
    };
    let held = uncaptured.max(pending_capture);
    let authorized = if payment.is_authorized {
        payment.amount.decimal().max(captured + held)
    } else {
        captured + held
    };
    // PayPal never gives back more than it took.
    let refunded = sum_of_refunds(RefundFactStatus::Refunded).min(captured);
    let kept = captured - refunded;
    let open =
        sum_of_refunds(RefundFactStatus::Ordered) + sum_of_refunds(RefundFactStatus::Pending);
    PaymentAmounts {
        authorized,
        held,
        released: authorized - held - captured,
        captured,
        refunded,
        pending_refund: open.min(kept),
        kept,
        pending_capture,
    }
}

/// The amount that a canceled booking keeps in the end.
///
/// `to_capture` is the amount that will be captured. `pending_refund` is the amount that the
/// cancellation has yet to give back. It counts while a capture is pending, because its refund is
/// ordered later.
#[must_use]
pub(crate) fn kept_after_cancellation(
    amounts: &PaymentAmounts,
    to_capture: Option<Amount>,
    pending_refund: Option<Amount>,
) -> Decimal {
    let to_capture = to_capture.map_or(Decimal::ZERO, Amount::decimal);
    let announced = pending_refund
        .filter(|_| amounts.pending_capture > Decimal::ZERO)
        .map_or(Decimal::ZERO, Amount::decimal);
    let going_back = amounts.pending_refund.max(announced);
    (amounts.kept + amounts.pending_capture + to_capture - going_back).max(Decimal::ZERO)
}

#[cfg(test)]
#[path = "payment_amounts_tests.rs"]
mod tests;
