//! Compares the record of a payment with what PayPal shows, in both directions.
//!
//! A difference rests on evidence that PayPal shows, never on an absence. A list may be a minute
//! old or incomplete, so `flows/payment/observe.rs` also reads, by its own id, each authorization,
//! capture and refund that the order does not list.

mod refunds;

pub(crate) use refunds::ObservedRefund;

use super::{
    observation::{Authorization, AuthorizationStatus, Capture, Observation, OrderStatus},
    payment_record::{PaymentRecord, RecordedCaptureStatus},
    payment_state::{PaymentEvent, PaymentState},
    paypal_meaning::{Meaning, ends_authorization, missing_order_meaning},
};
use jiff::{SignedDuration, Timestamp};
use refunds::{refund_differences, refund_event, reversals};
use rust_decimal::Decimal;

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
    /// PayPal declined the capture of a part, which had ended the hold, and the authorization holds
    /// all of its money again.
    HoldReturned(Capture),
    Refunded(ObservedRefund),
    Ended(End),
}

/// The end of an authorization, or of an order before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Voided,
    Expired,
    /// The payer's bank refused.
    Denied,
    /// A final capture took a part, and PayPal released the rest.
    Captured,
}

impl End {
    /// The name in the database.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Voided => "voided",
            Self::Expired => "expired",
            Self::Denied => "denied",
            Self::Captured => "captured",
        }
    }
}

impl Difference {
    /// The event for the payment's state machine. `None` for a refund that leaves the sums as they
    /// are, and for the rest that a final capture released.
    #[must_use]
    pub(crate) fn event(&self, record: &PaymentRecord) -> Option<PaymentEvent> {
        Some(match self {
            Self::Authorized(_) => PaymentEvent::Authorized,
            Self::AuthorizationPending(_) => PaymentEvent::AuthorizationPending,
            Self::Reopened(_) => PaymentEvent::Reopened,
            Self::Captured(_, RecordedCaptureStatus::Pending) => PaymentEvent::CapturePending,
            Self::Captured(_, RecordedCaptureStatus::Completed) => PaymentEvent::Captured,
            Self::Captured(_, RecordedCaptureStatus::Declined)
            | Self::HoldReturned(_)
            | Self::Ended(End::Denied) => PaymentEvent::Refused,
            Self::Refunded(refund) => return refund_event(record, refund),
            Self::Ended(End::Captured) => return None,
            Self::Ended(End::Voided) => PaymentEvent::Voided,
            Self::Ended(End::Expired) => PaymentEvent::Expired,
        })
    }

    /// Whether it is recorded even if the payment's state stays: a second capture, a further
    /// refund, an authorization that replaced the recorded one, or the end of what is left of one.
    #[must_use]
    pub(crate) fn is_recorded_in_same_state(&self) -> bool {
        matches!(
            self,
            Self::Captured(..)
                | Self::HoldReturned(_)
                | Self::Refunded(_)
                | Self::Authorized(_)
                | Self::Ended(_)
        )
    }
}

/// PayPal may show an order as it was a minute ago. An end that is as recent is not undone.
const STALE_PERIOD: SignedDuration = SignedDuration::from_mins(2);

/// An authorization lives for 29 days, and an order is authorized within hours.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_hours(30 * 24);

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
    differences.extend(released_rest(record, observation));
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
            // A reauthorization whose response was lost, or one made at PayPal's console.
            let other = standing
                .filter(|authorization| authorization.status != AuthorizationStatus::Captured);
            Some(other.map_or(Difference::Ended(end), |authorization| {
                Difference::Authorized(authorization.clone())
            }))
        }
        PaymentState::Voided | PaymentState::Expired | PaymentState::Failed => standing
            .filter(|authorization| reopens(record, observation, authorization, now))
            .map(|authorization| Difference::Reopened(authorization.clone()))
            .or_else(|| rest_end(record, observation, now)),
        PaymentState::CapturePending => None,
        PaymentState::Captured | PaymentState::PartiallyRefunded | PaymentState::Refunded => {
            rest_end(record, observation, now)
        }
    }
}

/// The end of an authorization whose payment failed or captured a part. The payment stays what it
/// is, and PayPal holds nothing more.
fn rest_end(
    record: &PaymentRecord,
    observation: &Observation,
    now: Timestamp,
) -> Option<Difference> {
    shown_end(record, observation, now)
        .filter(|_| !record.hold_ended)
        .map(Difference::Ended)
}

/// Whether no order of a payment without an authorization can be authorized any more.
fn has_lapsed(record: &PaymentRecord, observation: &Observation, now: Timestamp) -> bool {
    let is_old = missing_order_meaning(record.order_created_at, now) == Meaning::Ended;
    // Nothing that PayPal holds lives longer.
    let is_past_holds = record
        .order_created_at
        .is_some_and(|created| now.duration_since(created) > LONGEST_HOLD);
    let has_all_orders = record
        .order_ids
        .iter()
        .chain(&record.order_id)
        .all(|id| observation.orders.iter().any(|order| order.id == *id));
    has_all_orders
        && !observation.orders.is_empty()
        && observation
            .orders
            .iter()
            .all(|order| match order.status.meaning() {
                _ if is_past_holds => true,
                Meaning::Ended => true,
                Meaning::NotYet => is_old,
                Meaning::Unknown => order.status == OrderStatus::Missing && is_old,
                // PayPal authorized it, and this answer lacks the authorization.
                _ => false,
            })
        && observation
            .authorizations
            .iter()
            .all(|authorization| authorization.status.meaning() == Meaning::Ended)
        && observation.captures.is_empty()
}

/// The end of the recorded authorization, if nothing of it was captured.
fn end(record: &PaymentRecord, observation: &Observation, now: Timestamp) -> Option<End> {
    let mut captures = observation.captures.iter();
    shown_end(record, observation, now)
        .filter(|_| captures.all(|capture| capture.status.meaning() == Meaning::DeclinedByPayer))
}

/// The end of the recorded authorization, on evidence about that authorization.
fn shown_end(record: &PaymentRecord, observation: &Observation, now: Timestamp) -> Option<End> {
    let id = record.authorization_id.as_deref()?;
    // PayPal shows an expired authorization as voided.
    let is_past_end = record
        .authorization_expires_at
        .is_some_and(|end| end <= now);
    match observation.authorization(id).map(|shown| shown.status) {
        Some(AuthorizationStatus::Denied) => Some(End::Denied),
        Some(AuthorizationStatus::Expired) => Some(End::Expired),
        Some(AuthorizationStatus::Voided) if is_past_end => Some(End::Expired),
        Some(AuthorizationStatus::Voided) => Some(End::Voided),
        // Its only capture failed, and PayPal takes no other.
        Some(AuthorizationStatus::Captured) if has_only_failed_captures(observation) => {
            Some(End::Expired)
        }
        // PayPal was asked by id. It holds money for 29 days at most.
        None if is_past_end && observation.is_missing(id) => Some(End::Expired),
        _ => None,
    }
}

fn has_only_failed_captures(observation: &Observation) -> bool {
    let mut captures = observation.captures.iter();
    !observation.captures.is_empty()
        && captures.all(|capture| capture.status.meaning() == Meaning::DeclinedByPayer)
}

/// Whether an authorization that holds money contradicts the record of a payment that has ended.
fn reopens(
    record: &PaymentRecord,
    observation: &Observation,
    authorization: &Authorization,
    now: Timestamp,
) -> bool {
    let holds_money = matches!(
        authorization.status,
        AuthorizationStatus::Created | AuthorizationStatus::PartiallyCaptured
    );
    let is_recorded = record.authorization_id.as_deref() == Some(authorization.id.as_str());
    // A payment that failed may have a living authorization: the payer cannot pay now.
    let may_live = record.status == PaymentState::Failed
        && !record.hold_ended
        && record.void_reason.is_none()
        && !record
            .failure_code
            .as_deref()
            .is_some_and(ends_authorization);
    let is_settled = now.duration_since(record.updated_at) > STALE_PERIOD;
    holds_money
        && is_settled
        && !(is_recorded && may_live)
        && observation.successful_captures().next().is_none()
}

fn is_recorded_amount(record: &PaymentRecord, capture: &Capture) -> bool {
    let mut captures = record.captures.iter();
    captures.any(|recorded| {
        recorded.capture_id == capture.id && recorded.amount == capture.money.amount
    })
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
            // An answer may have had another amount.
            Some(RecordedCaptureStatus::Completed) => {
                status == RecordedCaptureStatus::Completed && !is_recorded_amount(record, capture)
            }
        };
        let returns_hold = status == RecordedCaptureStatus::Declined
            && recorded == Some(RecordedCaptureStatus::Pending)
            && record.hold_ended
            && holds_all(record, observation);
        (is_new && capture.money.currency == record.currency).then(|| {
            if returns_hold {
                Difference::HoldReturned(capture.clone())
            } else {
                Difference::Captured(capture.clone(), status)
            }
        })
    })
}

/// Whether PayPal shows the recorded authorization as if nothing was captured.
fn holds_all(record: &PaymentRecord, observation: &Observation) -> bool {
    let id = record.authorization_id.as_deref();
    let authorization = id.and_then(|id| observation.authorization(id));
    authorization.is_some_and(|shown| shown.status == AuthorizationStatus::Created)
}

/// The rest of an authorization that a final capture of a part has closed, even if PayPal reviews
/// the part. If the part fails, PayPal may hold the whole again ([`Difference::HoldReturned`]). A
/// capture of the whole leaves no rest.
fn released_rest(record: &PaymentRecord, observation: &Observation) -> Option<Difference> {
    let id = record.authorization_id.as_deref()?;
    let authorization = observation.authorization(id)?;
    let pending = observation
        .captures
        .iter()
        .filter(|capture| capture.status.meaning() == Meaning::NotYet);
    let taken: Decimal = observation
        .successful_captures()
        .chain(pending)
        .filter(|capture| capture.money.currency == authorization.money.currency)
        .map(|capture| capture.money.amount.decimal())
        .sum();
    let has_rest = taken > Decimal::ZERO && taken < authorization.money.amount.decimal();
    (authorization.status == AuthorizationStatus::Captured && has_rest && !record.hold_ended)
        .then_some(Difference::Ended(End::Captured))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod property_tests;

#[cfg(test)]
mod capture_tests;

#[cfg(test)]
mod order_tests;

#[cfg(test)]
mod refund_tests;
