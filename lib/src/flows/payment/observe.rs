//! Observation: a payment's record is brought up to date with PayPal.
//!
//! 1. The database returns our record, and PayPal its order.
//! 2. Differences become events. [`transition`] decides what each event does to the
//!    state.
//! 3. Each is recorded. An unknown authorization is handled like any other: it is compared with the
//!    price, and confirms the booking or is voided.
//!
//! Two observers at once do no harm: an observation does not make PayPal move money.

use super::{
    UpstreamError,
    authorize::{AuthorizeError, authorize},
};
use crate::{
    app::App,
    clients::supabase::PaymentName,
    domain::{
        observation::{Difference, Observation, PaymentRecord, differences},
        payment_state::{PaymentState, PaymentTransition, transition},
    },
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
    let Some(order_id) = record.order_id.clone() else {
        return Ok(None);
    };
    let seen = app.paypal(deadline).get_order(&order_id).await?;
    let differences = differences(&record, &seen, app.platform().now());
    let mut applied = 0;
    for difference in &differences {
        let state = match transition(record.status, difference.event(&record)) {
            PaymentTransition::To(state) => state,
            // A further partial refund changes the sum and not the state.
            PaymentTransition::Unchanged if matches!(difference, Difference::Refunded(_)) => {
                record.status
            }
            PaymentTransition::Unchanged | PaymentTransition::Impossible => continue,
        };
        apply(app, deadline, &record, &order_id, difference, state).await?;
        applied += 1;
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
        Difference::Authorized => match authorize(app, deadline, order_id).await {
            Ok(_) => {}
            Err(AuthorizeError::Database(error)) => return Err(error.into()),
            Err(AuthorizeError::PayPal(error)) => return Err(error.into()),
            // A refused authorization is marked and voided. If the void fails, the cron retries it.
            Err(error) => log::warn!("payment={payment} observed: {error}"),
        },
        Difference::Captured(capture) => {
            database.record_observed_capture(payment, capture).await?;
        }
        Difference::Voided | Difference::Expired => {
            database.record_observed_end(payment, state).await?;
        }
        Difference::Refunded(total) => database.record_observed_refunds(payment, *total).await?,
    }
    Ok(())
}
