//! Bringing a payment up to what PayPal shows of it.
//!
//! 1. Our record is read, then PayPal's order.
//! 2. What differs becomes events; [`step`] says what each does to the state.
//! 3. Each is recorded. Money that we did not know of goes the way of every authorization, so it is
//!    compared with the price and confirms the booking, or is voided.
//!
//! Nothing here asks PayPal to move money of its own accord, so two observers at once do no harm.

use super::{UpstreamError, authorize};
use crate::{
    app::App,
    clients::supabase::PaymentName,
    domain::{
        observation::{Difference, Observation, PaymentRecord, differences},
        payment_state::{PaymentState, PaymentStep, step},
    },
    platform::Deadline,
};

/// A payment that was compared with PayPal.
#[derive(Debug)]
pub struct Observed {
    /// Our record, with every difference applied.
    pub record: PaymentRecord,
    /// What PayPal shows.
    pub seen: Observation,
    /// How much was new.
    pub applied: usize,
}

/// Observes the payment that `name` names; `None` when it is not ours, or PayPal was never asked
/// about it.
pub async fn payment(
    app: &App,
    deadline: Deadline,
    name: PaymentName<'_>,
) -> Result<Option<Observed>, UpstreamError> {
    match app.database(deadline).find_payment(name).await? {
        Some(record) => observe(app, deadline, record).await,
        None => Ok(None),
    }
}

/// Observes the payment of `record`.
pub async fn observe(
    app: &App,
    deadline: Deadline,
    record: PaymentRecord,
) -> Result<Option<Observed>, UpstreamError> {
    let Some(order_id) = record.order_id.clone() else {
        return Ok(None);
    };
    let seen = app.paypal(deadline).get_order(&order_id).await?;
    let differences = differences(&record, &seen, app.platform().now());
    let mut applied = 0;
    for difference in &differences {
        let state = match step(record.status, difference.event(&record)) {
            PaymentStep::Moves(state, _) => state,
            // Another part: the state stays what it is, the sum does not.
            PaymentStep::Known if matches!(difference, Difference::Refunded(_)) => record.status,
            PaymentStep::Known | PaymentStep::Refused => continue,
        };
        apply(app, deadline, &record, &order_id, difference, state).await?;
        applied += 1;
    }
    let record = if applied == 0 {
        record
    } else {
        let name = PaymentName::Ours(record.payment_id);
        let fresh = app.database(deadline).find_payment(name).await?;
        fresh.unwrap_or(record)
    };
    Ok(Some(Observed {
        record,
        seen,
        applied,
    }))
}

async fn apply(
    app: &App,
    deadline: Deadline,
    record: &PaymentRecord,
    order_id: &str,
    difference: &Difference,
    state: PaymentState,
) -> Result<(), UpstreamError> {
    let database = app.database(deadline);
    let payment = record.payment_id;
    match difference {
        Difference::Authorized => match authorize::authorize(app, deadline, order_id).await {
            Ok(_) => {}
            Err(authorize::AuthorizeError::Database(error)) => return Err(error.into()),
            Err(authorize::AuthorizeError::PayPal(error)) => return Err(error.into()),
            // What may not stand is marked, voided, and found again by the crons.
            Err(error) => log::warn!("payment={payment} observed: {error}"),
        },
        Difference::Captured(capture) => {
            database.record_observed_capture(payment, capture).await?;
        }
        Difference::Voided | Difference::Lapsed => {
            database.record_observed_end(payment, state).await?;
        }
        Difference::Refunded(total) => database.record_observed_refunds(payment, *total).await?,
    }
    Ok(())
}
