//! Compares the record of a payment with what PayPal shows, in both directions.
//!
//! A difference rests on evidence: on what PayPal shows, never on what it does not show. A list may
//! be a minute old or incomplete, so `flows/payment/observe.rs` asks for an authorization, a capture
//! or a refund by its own id when the record has it and the order does not list it.

use super::{
    money::Amount,
    observation::{
        Authorization, AuthorizationStatus, Capture, CaptureStatus, Observation, OrderStatus,
        PaymentRecord, RecordedCaptureStatus, RecordedRefund, RecordedRefundStatus, Refund,
        RefundStatus, reversal_id,
    },
    payment_state::{PaymentEvent, PaymentState},
    paypal_meaning,
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use uuid::Uuid;

/// An action of PayPal that is missing in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// The authorization holds money.
    Authorized(Authorization),
    /// PayPal reviews the authorization.
    AuthorizationPending(Authorization),
    /// The payment has ended, and this authorization still holds money.
    Reopened(Authorization),
    /// A capture that is unknown, or whose state has changed.
    Captured(Capture, RecordedCaptureStatus),
    Refunded(ObservedRefund),
    Ended(End),
}

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

/// The end of an authorization, or of an order before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Voided,
    Expired,
    /// The payer's bank refused.
    Denied,
}

impl End {
    /// The name in the database.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Voided => "voided",
            Self::Expired => "expired",
            Self::Denied => "denied",
        }
    }
}

impl Difference {
    /// The event for the payment's state machine.
    #[must_use]
    pub(crate) fn event(&self, record: &PaymentRecord) -> PaymentEvent {
        match self {
            Self::Authorized(_) => PaymentEvent::Authorized,
            Self::AuthorizationPending(_) => PaymentEvent::AuthorizationPending,
            Self::Reopened(_) => PaymentEvent::Reopened,
            Self::Captured(_, RecordedCaptureStatus::Pending) => PaymentEvent::CapturePending,
            Self::Captured(_, RecordedCaptureStatus::Completed) => PaymentEvent::Captured,
            Self::Captured(_, RecordedCaptureStatus::Declined) | Self::Ended(End::Denied) => {
                PaymentEvent::Refused
            }
            Self::Refunded(refund) => refund_event(record, refund),
            Self::Ended(End::Voided) => PaymentEvent::Voided,
            Self::Ended(End::Expired) => PaymentEvent::Expired,
        }
    }

    /// Whether it is recorded even if the payment's state stays: a second capture, a further
    /// refund, or an authorization that replaced the recorded one.
    #[must_use]
    pub(crate) fn is_recorded_in_same_state(&self) -> bool {
        matches!(
            self,
            Self::Captured(..) | Self::Refunded(_) | Self::Authorized(_)
        )
    }
}

fn refund_event(record: &PaymentRecord, refund: &ObservedRefund) -> PaymentEvent {
    let captured = record.captured_amount.unwrap_or(record.amount).decimal();
    let before = record.refunded_amount.decimal();
    let amount = refund.amount.decimal();
    match refund.status {
        RecordedRefundStatus::Refunded if before + amount < captured => {
            PaymentEvent::RefundedInPart
        }
        RecordedRefundStatus::Refunded => PaymentEvent::RefundedInFull,
        _ if before > amount => PaymentEvent::RefundFailedInPart,
        _ => PaymentEvent::RefundFailedInFull,
    }
}

/// The lifetime of an order. PayPal gives the payer 3 hours to open it and 3 more to approve it.
/// One more hour lets a late response arrive.
const ORDER_LIFE: SignedDuration = SignedDuration::from_hours(7);
/// PayPal may show an order as it was a minute ago. An end that is as recent is not undone.
const STALE_PERIOD: SignedDuration = SignedDuration::from_mins(2);

/// PayPal's actions that are missing in `record`, in the order in which they must be applied.
#[must_use]
pub(crate) fn differences(
    record: &PaymentRecord,
    observation: &Observation,
    now: Timestamp,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    differences.extend(authorization_difference(record, observation, now));
    differences.extend(capture_differences(record, observation));
    differences.extend(refund_differences(record, observation));
    differences.extend(reversals(record, observation));
    differences
}

fn authorization_difference(
    record: &PaymentRecord,
    observation: &Observation,
    now: Timestamp,
) -> Option<Difference> {
    let standing = observation.standing_authorization();
    match record.status {
        PaymentState::Created | PaymentState::AuthorizationPending => match standing {
            Some(authorization) if authorization.status != AuthorizationStatus::Pending => {
                Some(Difference::Authorized(authorization.clone()))
            }
            Some(authorization) if record.status == PaymentState::Created => {
                Some(Difference::AuthorizationPending(authorization.clone()))
            }
            Some(_) => None,
            None if record.status == PaymentState::Created => {
                has_lapsed(record, observation, now).then_some(Difference::Ended(End::Expired))
            }
            None => end(record, observation, now).map(Difference::Ended),
        },
        PaymentState::Authorized | PaymentState::Capturing => {
            let end = end(record, observation, now)?;
            Some(match standing {
                // A reauthorization whose response was lost, or one made at PayPal's console.
                Some(authorization) => Difference::Authorized(authorization.clone()),
                None => Difference::Ended(end),
            })
        }
        PaymentState::Voided | PaymentState::Expired | PaymentState::Failed => {
            let authorization =
                standing.filter(|authorization| authorization.status.is_living())?;
            reopens(record, observation, authorization, now)
                .then(|| Difference::Reopened(authorization.clone()))
        }
        PaymentState::CapturePending
        | PaymentState::Captured
        | PaymentState::PartiallyRefunded
        | PaymentState::Refunded => None,
    }
}

/// Whether no order of a payment without an authorization can be authorized any more.
fn has_lapsed(record: &PaymentRecord, observation: &Observation, now: Timestamp) -> bool {
    let is_old = record
        .order_created_at
        .is_some_and(|created| is_order_past_life(created, now));
    let has_all_orders = record
        .order_ids
        .iter()
        .chain(&record.order_id)
        .all(|id| observation.orders.iter().any(|order| order.id == *id));
    has_all_orders
        && !observation.orders.is_empty()
        && observation.orders.iter().all(|order| match order.status {
            OrderStatus::Voided => true,
            // PayPal authorized it, and this answer lacks the authorization.
            OrderStatus::Completed | OrderStatus::Unknown => false,
            _ => is_old,
        })
        && observation.authorizations.iter().all(has_ended)
        && observation.captures.is_empty()
}

/// Whether an order created at `created` can no longer be approved and authorized. PayPal forgets
/// such an order if nobody approved it.
#[must_use]
pub(crate) fn is_order_past_life(created: Timestamp, now: Timestamp) -> bool {
    now.duration_since(created) > ORDER_LIFE
}

fn has_ended(authorization: &Authorization) -> bool {
    matches!(
        authorization.status,
        AuthorizationStatus::Denied | AuthorizationStatus::Voided
    )
}

/// The end of the recorded authorization, on evidence about that authorization.
fn end(record: &PaymentRecord, observation: &Observation, now: Timestamp) -> Option<End> {
    let id = record.authorization_id.as_deref()?;
    let is_taken = observation.captures.iter().any(|capture| {
        capture.status != CaptureStatus::Declined && capture.status != CaptureStatus::Failed
    });
    if is_taken {
        return None;
    }
    // PayPal shows an expired authorization as voided.
    let is_past_end = record
        .authorization_expires_at
        .is_some_and(|end| end <= now);
    match observation.authorization(id).map(|shown| shown.status) {
        Some(AuthorizationStatus::Denied) => Some(End::Denied),
        Some(AuthorizationStatus::Voided) if is_past_end => Some(End::Expired),
        Some(AuthorizationStatus::Voided) => Some(End::Voided),
        // PayPal was asked by id. It holds money for 29 days at most.
        None if is_past_end && observation.is_missing(id) => Some(End::Expired),
        _ => None,
    }
}

/// Whether an authorization that holds money contradicts the record of a payment that has ended.
fn reopens(
    record: &PaymentRecord,
    observation: &Observation,
    authorization: &Authorization,
    now: Timestamp,
) -> bool {
    let is_recorded = record.authorization_id.as_deref() == Some(authorization.id.as_str());
    // A payment that failed may have a living authorization: the payer cannot pay now.
    let may_live = record.status == PaymentState::Failed
        && record.void_reason.is_none()
        && !record
            .failure_code
            .as_deref()
            .is_some_and(paypal_meaning::ends_authorization);
    let is_fresh = now.duration_since(record.updated_at) > STALE_PERIOD;
    is_fresh && !(is_recorded && may_live) && observation.successful_captures().next().is_none()
}

fn capture_differences<'a>(
    record: &'a PaymentRecord,
    observation: &'a Observation,
) -> impl Iterator<Item = Difference> + 'a {
    observation.captures.iter().filter_map(|capture| {
        let status = capture.status.recorded()?;
        let recorded = record
            .captures
            .iter()
            .find(|recorded| recorded.capture_id == capture.id)
            .map(|recorded| recorded.status);
        let is_new = match recorded {
            None => true,
            // PayPal decides a pending capture once.
            Some(RecordedCaptureStatus::Pending) => status != RecordedCaptureStatus::Pending,
            Some(RecordedCaptureStatus::Declined) => status == RecordedCaptureStatus::Completed,
            Some(RecordedCaptureStatus::Completed) => false,
        };
        (is_new && capture.money.currency == record.currency)
            .then(|| Difference::Captured(capture.clone(), status))
    })
}

fn refund_differences<'a>(
    record: &'a PaymentRecord,
    observation: &'a Observation,
) -> impl Iterator<Item = Difference> + 'a {
    observation.refunds.iter().filter_map(|refund| {
        let status = refund.status.recorded()?;
        let ours = recorded_refund(record, refund);
        let capture_id = refund_capture(record, observation, refund)?;
        let is_new = match ours {
            Some(ours) => is_refund_change(ours, status),
            None => status != RecordedRefundStatus::Refused && !may_be_ours(record, refund),
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

/// Whether a refund without our id may be one that we ordered. Its row follows when the order is
/// sent again with the same request id.
fn may_be_ours(record: &PaymentRecord, refund: &Refund) -> bool {
    record.refunds.iter().any(|ours| {
        ours.status == RecordedRefundStatus::Ordered && ours.amount == refund.money.amount
    })
}

/// The capture of a refund: PayPal's word, otherwise the record's, otherwise the only capture.
fn refund_capture<'a>(
    record: &'a PaymentRecord,
    observation: &'a Observation,
    refund: &'a Refund,
) -> Option<&'a str> {
    refund
        .capture_id
        .as_deref()
        .or_else(|| recorded_refund(record, refund)?.capture_id.as_deref())
        .or_else(|| {
            let mut captures = observation.successful_captures();
            captures
                .next()
                .filter(|_| captures.next().is_none())
                .map(|capture| capture.id.as_str())
        })
}

/// Money that went back without a refund that PayPal lists: a reversal or a chargeback. A capture
/// that is refunded as a whole proves the amount.
fn reversals<'a>(
    record: &'a PaymentRecord,
    observation: &'a Observation,
) -> impl Iterator<Item = Difference> + 'a {
    observation.successful_captures().filter_map(|capture| {
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
    let listed: Decimal = observation
        .refunds
        .iter()
        .filter(|refund| {
            matches!(
                refund.status,
                RefundStatus::Completed | RefundStatus::Pending
            ) && refund_capture(record, observation, refund) == Some(capture.id.as_str())
        })
        .map(|refund| refund.money.amount.decimal())
        .sum();
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
    (capture.money.amount.decimal() - listed - unlisted).max(Decimal::ZERO)
}
