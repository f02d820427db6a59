//! Observation: a payment's record is brought up to date with PayPal.
//!
//! 1. The database returns our record, and PayPal the payment's orders. An authorization, a capture
//!    or a refund that the order does not list is fetched by its own id.
//! 2. Differences become events. [`transition`] decides what each event does to the state.
//! 3. Each is recorded. An unknown authorization is handled like any other: it is compared with the
//!    price, and confirms the booking or is voided.
//!
//! Two observers at once do no harm: an observation does not make PayPal move money.

use super::{
    UpstreamError,
    authorize::{AuthorizeError, authorize},
    void::void_authorization,
};
use crate::{
    app::App,
    clients::{
        paypal::{PayPal, PayPalError},
        supabase::{AuthorizationRefusal, PaymentName},
    },
    domain::{
        difference::{Difference, differences},
        observation::{Authorization, Observation, ObservedOrder, OrderStatus},
        payment_record::{PaymentRecord, RecordedCaptureStatus, RecordedRefundStatus},
        payment_state::{PaymentState, PaymentTransition, transition},
    },
    flows::cache::invalidate::invalidate_days,
    platform::Deadline,
};

/// A payment that was compared with PayPal.
#[derive(Debug)]
pub(crate) struct ObservedPayment {
    /// Our record after all differences were applied.
    pub(crate) record: PaymentRecord,
    pub(crate) seen: Observation,
    /// The number of differences that were applied.
    pub(crate) applied: usize,
}

/// Observes a payment. Returns `None` if we have no such payment, or it has no order.
pub(crate) async fn observe_payment(
    app: &App,
    deadline: Deadline,
    name: PaymentName<'_>,
) -> Result<Option<ObservedPayment>, UpstreamError> {
    match app.database(deadline).find_payment(name).await? {
        Some(record) => observe_record(app, deadline, record).await,
        None => Ok(None),
    }
}

/// Observes the payment of `record`. Returns `None` if it has no order.
pub(super) async fn observe_record(
    app: &App,
    deadline: Deadline,
    record: PaymentRecord,
) -> Result<Option<ObservedPayment>, UpstreamError> {
    if record.order_id.is_none() && record.order_ids.is_empty() {
        return Ok(None);
    }
    let seen = look(app.paypal(deadline), &record).await?;
    let differences = differences(&record, &seen, app.platform().now());
    let mut applied = 0;
    let mut state = record.status;
    for difference in &differences {
        let step = difference.event(&record);
        match step.map(|event| transition(state, event)) {
            Some(PaymentTransition::To(next)) => state = next,
            Some(_) if !difference.is_recorded_in_same_state() => continue,
            _ => {}
        }
        applied += usize::from(apply(app, deadline, &record, difference).await?);
    }
    let record = if applied == 0 {
        record
    } else {
        let name = PaymentName::Id(record.payment_id);
        let updated = app.database(deadline).find_payment(name).await?;
        updated.unwrap_or(record)
    };
    Ok(Some(ObservedPayment {
        record,
        seen,
        applied,
    }))
}

/// Reads a payment at PayPal: its orders, and by id the parts of the record that no order lists.
async fn look(paypal: PayPal<'_>, record: &PaymentRecord) -> Result<Observation, PayPalError> {
    let mut seen = Observation::default();
    // The order that was authorized is the payment's order. Until then it may be any.
    let is_authorized = record.authorization_id.is_some();
    let all_orders = record.order_ids.iter().filter(|_| !is_authorized);
    let latest = record.order_id.iter();
    for order_id in latest.filter(|id| is_authorized || !record.order_ids.contains(id)) {
        seen.append(look_at_order(paypal, order_id).await?);
    }
    for order_id in all_orders {
        seen.append(look_at_order(paypal, order_id).await?);
        if seen.standing_authorization().is_some() {
            break;
        }
    }
    look_by_id(paypal, record, &mut seen).await?;
    Ok(seen)
}

async fn look_at_order(paypal: PayPal<'_>, order_id: &str) -> Result<Observation, PayPalError> {
    match paypal.get_order(order_id).await {
        Err(error) if error.is_missing() => Ok(Observation {
            orders: vec![ObservedOrder {
                id: order_id.to_owned(),
                status: OrderStatus::Missing,
            }],
            ..Observation::default()
        }),
        result => result,
    }
}

/// Reads by id each authorization, capture and refund that no order lists, or lists with another
/// amount. An absence is no evidence.
async fn look_by_id(
    paypal: PayPal<'_>,
    record: &PaymentRecord,
    seen: &mut Observation,
) -> Result<(), PayPalError> {
    if let Some(id) = &record.authorization_id
        && !(record.status.is_captured() && record.hold_ended)
        && seen.authorization(id).is_none()
        && let Some(authorization) = found(paypal.get_authorization(id).await, id, seen)?
    {
        seen.authorizations.push(authorization);
    }
    for capture in &record.captures {
        let id = &capture.capture_id;
        if capture.status != RecordedCaptureStatus::Declined
            && !seen.captures.iter().any(|listed| {
                listed.id == *id
                    && (listed.money.amount, listed.money.currency)
                        == (capture.amount, record.currency)
            })
            && let Some(capture) = found(paypal.get_capture(id).await, id, seen)?
        {
            seen.captures.retain(|listed| listed.id != *id);
            seen.captures.push(capture);
        }
    }
    for refund in &record.refunds {
        if matches!(
            refund.status,
            RecordedRefundStatus::Pending | RecordedRefundStatus::Refunded
        ) && let Some(id) = refund.id_at_paypal()
            && !seen.refunds.iter().any(|listed| {
                listed.id == id
                    && (listed.money.amount, listed.money.currency)
                        == (refund.amount, record.currency)
            })
            && let Some(refund) = found(paypal.get_refund(id).await, id, seen)?
        {
            seen.refunds.retain(|listed| listed.id != id);
            seen.refunds.push(refund);
        }
    }
    Ok(())
}

/// Returns the resource with an id. Adds the id to `missing` if PayPal does not know it.
fn found<T>(
    result: Result<T, PayPalError>,
    id: &str,
    seen: &mut Observation,
) -> Result<Option<T>, PayPalError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing() => {
            seen.missing.push(id.to_owned());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Applies a difference. Returns whether the record has changed.
async fn apply(
    app: &App,
    deadline: Deadline,
    record: &PaymentRecord,
    difference: &Difference,
) -> Result<bool, UpstreamError> {
    let database = app.database(deadline);
    let payment = record.payment_id;
    match difference {
        Difference::Authorized(authorization) | Difference::AuthorizationPending(authorization)
            if record.status == PaymentState::Created =>
        {
            apply_first_authorization(app, deadline, record, authorization).await
        }
        Difference::Authorized(authorization)
        | Difference::AuthorizationPending(authorization)
        | Difference::Reopened(authorization) => {
            record_authorization(app, deadline, record, authorization).await
        }
        Difference::Captured(capture, _) => {
            Ok(database.record_observed_capture(payment, capture).await?)
        }
        Difference::HoldReturned(capture) => {
            Ok(database.record_returned_hold(payment, capture).await?)
        }
        Difference::Ended(end) => Ok(database.record_observed_end(payment, *end).await?),
        Difference::Refunded(refund) => {
            Ok(database.record_observed_refund(payment, refund).await?)
        }
    }
}

/// Applies an authorization whose response was lost. It is confirmed in the usual way. If the days
/// are gone or the booking was canceled, it is recorded, so that the crons void it.
async fn apply_first_authorization(
    app: &App,
    deadline: Deadline,
    record: &PaymentRecord,
    authorization: &Authorization,
) -> Result<bool, UpstreamError> {
    let payment = record.payment_id;
    let order_id = authorization.order_id.as_ref().or(record.order_id.as_ref());
    let Some(order_id) = order_id else {
        return Ok(false);
    };
    match authorize(app, deadline, order_id).await {
        Ok(_) => Ok(true),
        Err(AuthorizeError::Database(error)) => Err(error.into()),
        Err(AuthorizeError::PayPal(error)) => Err(error.into()),
        // Another request is confirming it.
        Err(AuthorizeError::Refused(AuthorizationRefusal::PaymentInProgress)) => Ok(false),
        Err(AuthorizeError::Refused(refusal)) => {
            log::warn!("payment={payment} observed authorization is of no use: {refusal:?}");
            record_authorization(app, deadline, record, authorization).await
        }
        // A refused authorization is marked and voided. If the void fails, the cron retries it.
        Err(error) => {
            log::warn!("payment={payment} observed: {error}");
            Ok(true)
        }
    }
}

async fn record_authorization(
    app: &App,
    deadline: Deadline,
    record: &PaymentRecord,
    authorization: &Authorization,
) -> Result<bool, UpstreamError> {
    let result = app
        .database(deadline)
        .record_observed_authorization(record, authorization)
        .await?;
    let is_recorded = result.is_recorded();
    if let Some((id, reason)) = result.authorization_to_void() {
        let payment = record.payment_id;
        if let Err(error) = void_authorization(app, deadline, payment, id, reason).await {
            log::warn!("payment={payment} the crons void what PayPal holds: {error}");
        }
    }
    if let Some(car) = result.car() {
        invalidate_days(app, [car]).await;
    }
    Ok(is_recorded)
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
