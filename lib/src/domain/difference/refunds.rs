//! Refunds and reversals that differ from the record.

use super::Difference;
use crate::domain::{
    money::Amount,
    observation::{Capture, CaptureStatus, Observation, Refund},
    payment_record::{PaymentRecord, RecordedRefund, RecordedRefundStatus, reversal_id},
    payment_state::PaymentEvent,
};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A refund that is unknown, or whose state has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObservedRefund {
    /// PayPal's id. A reversal without a listed refund has the id `<capture>:reversal`.
    pub(crate) paypal_id: String,
    pub(crate) capture_id: String,
    pub(crate) amount: Amount,
    pub(crate) status: RecordedRefundStatus,
    /// Our id, if the refund is ours.
    pub(crate) refund_id: Option<Uuid>,
}

pub(super) fn refund_event(
    record: &PaymentRecord,
    refund: &ObservedRefund,
) -> Option<PaymentEvent> {
    let captured = record.captured_amount.unwrap_or(record.amount).decimal();
    let before = record.refunded_amount.decimal();
    let amount = refund.amount.decimal();
    let was_refunded = record.refunds.iter().any(|ours| {
        Some(ours.refund_id) == refund.refund_id && ours.status == RecordedRefundStatus::Refunded
    });
    match refund.status {
        // Another amount of a refund that is counted. The database counts anew.
        RecordedRefundStatus::Refunded if was_refunded => None,
        RecordedRefundStatus::Refunded if before + amount < captured => {
            Some(PaymentEvent::RefundedInPart)
        }
        RecordedRefundStatus::Refunded => Some(PaymentEvent::RefundedInFull),
        RecordedRefundStatus::Refused if !was_refunded => None,
        RecordedRefundStatus::Refused if before > amount => Some(PaymentEvent::RefundFailedInPart),
        RecordedRefundStatus::Refused => Some(PaymentEvent::RefundFailedInFull),
        RecordedRefundStatus::Pending | RecordedRefundStatus::Ordered => None,
    }
}

/// Refunds that are unknown, or whose state has changed.
pub(super) fn refund_differences<'a>(
    record: &'a PaymentRecord,
    observation: &'a Observation,
) -> impl Iterator<Item = Difference> + 'a {
    observation.refunds.iter().filter_map(|refund| {
        let status = refund.status.recorded()?;
        let ours = recorded_refund(record, refund);
        let capture_id = refund_capture(record, observation, refund)?;
        let is_new = match ours {
            Some(ours) => is_refund_change(ours, status) || is_other_amount(ours, refund, status),
            None => status != RecordedRefundStatus::Refused,
        };
        (is_new && refund.money.currency == record.currency).then(|| {
            Difference::Refunded(ObservedRefund {
                paypal_id: refund.id.clone(),
                capture_id: capture_id.to_owned(),
                amount: refund.money.amount,
                status,
                refund_id: ours.map(|ours| ours.refund_id),
            })
        })
    })
}

/// The row of a refund that PayPal shows.
fn recorded_refund<'a>(record: &'a PaymentRecord, refund: &Refund) -> Option<&'a RecordedRefund> {
    let refunds = &record.refunds;
    refunds
        .iter()
        .find(|ours| ours.paypal_refund_id.as_deref() == Some(refund.id.as_str()))
        .or_else(|| {
            refunds.iter().find(|ours| {
                ours.paypal_refund_id.is_none() && Some(ours.refund_id) == refund.custom_id
            })
        })
}

/// Whether PayPal shows a completed refund with another amount than the record has.
fn is_other_amount(ours: &RecordedRefund, refund: &Refund, status: RecordedRefundStatus) -> bool {
    ours.status == RecordedRefundStatus::Refunded
        && status == RecordedRefundStatus::Refunded
        && ours.paypal_refund_id.as_deref() == Some(refund.id.as_str())
        && ours.amount != refund.money.amount
}

/// Whether PayPal's `status` is later than the record's. A list may be a minute old, so a pending
/// refund proves nothing about one that was decided.
fn is_refund_change(ours: &RecordedRefund, status: RecordedRefundStatus) -> bool {
    match (ours.status, status) {
        (RecordedRefundStatus::Ordered, _) => true,
        (_, RecordedRefundStatus::Pending) => {
            ours.status == RecordedRefundStatus::Refused && ours.paypal_refund_id.is_none()
        }
        (before, after) => before != after,
    }
}

/// The capture of a refund: PayPal's word, otherwise the record's, otherwise the only capture.
fn refund_capture<'a>(
    record: &'a PaymentRecord,
    observation: &'a Observation,
    refund: &'a Refund,
) -> Option<&'a str> {
    observation
        .capture_of(refund)
        .or_else(|| recorded_refund(record, refund)?.capture_id.as_deref())
}

/// Money that went back without a refund that PayPal lists: a reversal or a chargeback. A capture
/// that is refunded as a whole proves the amount.
pub(super) fn reversals<'a>(
    record: &'a PaymentRecord,
    observation: &'a Observation,
) -> impl Iterator<Item = Difference> + 'a {
    let captures = observation.successful_captures();
    let summed = captures.filter(|capture| capture.money.currency == record.currency);
    summed.filter_map(|capture| {
        let paypal_id = reversal_id(&capture.id);
        let recorded = record
            .refunds
            .iter()
            .find(|refund| refund.paypal_refund_id.as_deref() == Some(paypal_id.as_str()));
        let before = recorded
            .filter(|refund| refund.status == RecordedRefundStatus::Refunded)
            .map_or(Decimal::ZERO, |refund| refund.amount.decimal());
        let is_in_flight = record.refunds.iter().any(|refund| {
            refund.status == RecordedRefundStatus::Ordered
                && refund
                    .capture_id
                    .as_deref()
                    .is_none_or(|id| id == capture.id)
        });
        let rest = match capture.status {
            CaptureStatus::Refunded if is_in_flight => return None,
            CaptureStatus::Refunded => unexplained(record, observation, capture, &paypal_id),
            CaptureStatus::Completed => Decimal::ZERO,
            // The amount that went back is unknown.
            _ => return None,
        };
        if rest == before {
            return None;
        }
        let (amount, status) = if rest.is_zero() {
            (before, RecordedRefundStatus::Refused)
        } else {
            (rest, RecordedRefundStatus::Refunded)
        };
        Some(Difference::Refunded(ObservedRefund {
            paypal_id,
            capture_id: capture.id.clone(),
            amount: Amount::from_decimal(amount)?,
            status,
            refund_id: recorded.map(|refund| refund.refund_id),
        }))
    })
}

/// The part of a refunded capture that no refund explains.
fn unexplained(
    record: &PaymentRecord,
    observation: &Observation,
    capture: &Capture,
    reversal: &str,
) -> Decimal {
    let unlisted: Decimal = record
        .refunds
        .iter()
        .filter(|ours| {
            matches!(
                ours.status,
                RecordedRefundStatus::Refunded | RecordedRefundStatus::Pending
            ) && ours.capture_id.as_deref() == Some(capture.id.as_str())
                && ours.paypal_refund_id.as_deref() != Some(reversal)
                && !observation.refunds.iter().any(|refund| {
                    Some(refund.id.as_str()) == ours.paypal_refund_id.as_deref()
                        || refund.custom_id == Some(ours.refund_id)
                })
        })
        .map(|ours| ours.amount.decimal())
        .sum();
    (capture.money.amount.decimal() - observation.listed_refunds(capture) - unlisted)
        .max(Decimal::ZERO)
}
