//! Voids whose call was not made or did not succeed.

use super::{UpstreamError, observe::observe_payment, run::RunLimits, void::void_authorization};
use crate::{
    app::App,
    clients::supabase::{DatabaseError, PaymentName, UnvoidedAuthorization},
    domain::paypal_meaning::Meaning,
};
use futures_util::{StreamExt, stream};
use uuid::Uuid;

/// The most authorizations that one run of the cron voids.
const LIMIT: u32 = 200;
/// Voids at the same time.
const PARALLEL: usize = 8;

/// Voids an authorization of a payment. If PayPal says that it cannot be voided, its record decides
/// what became of it.
pub(crate) async fn settle_void(
    app: &App,
    limits: &RunLimits<'_>,
    payment_id: Uuid,
    authorization_id: &str,
    reason: &str,
) -> Result<(), UpstreamError> {
    let deadline = limits.deadline;
    let result = void_authorization(app, deadline, payment_id, authorization_id, reason).await;
    let Err(UpstreamError::PayPal(error)) = &result else {
        return result;
    };
    limits.note(error);
    match error.meaning() {
        Meaning::Ours => {
            app.database(deadline)
                .record_refusal_of_us(payment_id, error.code())
                .await?;
        }
        Meaning::Ended => {
            observe_payment(app, deadline, PaymentName::Id(payment_id)).await?;
        }
        _ => {}
    }
    result
}

/// Voids the authorizations whose void was not started or not finished. One that fails waits longer
/// each time, so it stands in no other's way.
pub(crate) async fn void_due_authorizations(
    app: &App,
    limits: &RunLimits<'_>,
) -> Result<(), DatabaseError> {
    if limits.stop(app.platform()).is_some() {
        return Ok(());
    }
    let due = app
        .database(limits.deadline)
        .authorizations_to_void(LIMIT)
        .await?;
    let mut results = stream::iter(due)
        .map(|due| void_one(app, limits, due))
        .buffer_unordered(PARALLEL);
    while let Some(result) = results.next().await {
        result?;
    }
    Ok(())
}

async fn void_one(
    app: &App,
    limits: &RunLimits<'_>,
    due: UnvoidedAuthorization,
) -> Result<(), DatabaseError> {
    if limits.stop(app.platform()).is_some() {
        return Ok(());
    }
    let UnvoidedAuthorization {
        payment_id,
        authorization_id,
        reason,
    } = due;
    match settle_void(app, limits, payment_id, &authorization_id, &reason).await {
        Ok(()) => {}
        Err(UpstreamError::Database(error)) => return Err(error),
        Err(error) => log::error!("payment={payment_id} could not be voided: {error}"),
    }
    Ok(())
}
