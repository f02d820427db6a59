//! Refunds that are ordered.
//!
//! A cancellation, an operator or a capture that came too late orders a refund. The order stores
//! the amount and the request id before the call to PayPal, so a retry after a lost response makes
//! the same refund. A refund of several captures has a part for each.

use super::{observe::observe_payment, run::RunLimits};
use crate::{
    app::App,
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{DatabaseError, PaymentName, Refund, RefundClaim, RefundStart, RefundState},
    },
    domain::{payment::retry_at, payment_record::RecordedRefundStatus, paypal_meaning::Meaning},
};
use futures_util::{StreamExt, stream};
use uuid::Uuid;

/// The most refunds that one run of the cron makes.
const LIMIT: u32 = 200;
/// Refunds at the same time.
const PARALLEL: usize = 8;

/// The reason that a refund has no known outcome. A later run makes it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefundError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("another run is making the refund")]
    InProgress,
}

/// Makes all parts of a refund that are ordered. Returns the refund as it is then.
pub(crate) async fn make_refund(
    app: &App,
    limits: &RunLimits<'_>,
    refund: Refund,
) -> Result<Refund, RefundError> {
    let mut current = refund;
    let ordered = current.parts.iter();
    let ordered: Vec<Uuid> = ordered
        .filter(|part| part.status == RefundState::Ordered)
        .map(|part| part.id)
        .collect();
    for part in ordered {
        if limits.stop(app.platform()).is_none() {
            current = make_part(app, limits, part).await?;
        }
    }
    Ok(current)
}

/// Makes a part of a refund, unless PayPal has made or refused it. Returns the whole refund.
pub(crate) async fn make_part(
    app: &App,
    limits: &RunLimits<'_>,
    part_id: Uuid,
) -> Result<Refund, RefundError> {
    let database = app.database(limits.deadline);
    let claim = match database.begin_refund(part_id).await? {
        RefundStart::Refund(claim) => claim,
        RefundStart::PaymentInProgress => return Err(RefundError::InProgress),
        RefundStart::NothingToDo(refund) => return Ok(refund),
    };
    let result = app
        .paypal(limits.deadline)
        .refund_capture(&claim.request_id, &claim.capture_id, claim.money, part_id)
        .await;
    let made = match result {
        Ok(made) => made,
        Err(error) => return record_failure(app, limits, &claim, &error).await,
    };
    let Some(status) = made.status.recorded() else {
        // PayPal has the refund. The comparison reads its outcome.
        return Ok(database
            .record_refund_failure(&claim, "unknown", "unknown", None)
            .await?);
    };
    if status == RecordedRefundStatus::Refused {
        log::error!("refund={part_id} failed at PayPal");
    }
    Ok(database.record_refund(&claim, &made, status).await?)
}

async fn record_failure(
    app: &App,
    limits: &RunLimits<'_>,
    claim: &RefundClaim,
    error: &PayPalError,
) -> Result<Refund, RefundError> {
    let (database, payment) = (app.database(limits.deadline), claim.payment_id);
    log::error!("refund={} could not be made: {error}", claim.id);
    // The account may hold enough for another refund, so a lack of funds stops no run.
    if error.issue() != Some(&Issue::RefundFailedInsufficientFunds) {
        limits.note(error);
    }
    let kind = error.meaning().failure_kind().unwrap_or("unknown");
    let wait = error.wait();
    let retry_at = wait.map(|wait| retry_at(app.platform().now(), claim.attempt, Some(wait)));
    let refund = database
        .record_refund_failure(claim, error.code(), kind, retry_at)
        .await?;
    if error.meaning() == Meaning::Ours {
        database.record_refusal_of_us(payment, error.code()).await?;
    }
    if error.meaning() == Meaning::Ended {
        // A refund made in PayPal's console may be the cause.
        let name = PaymentName::Id(payment);
        if let Err(error) = observe_payment(app, limits.deadline, name).await {
            log::warn!("payment={payment} not observed after a refused refund: {error}");
        }
    }
    Ok(refund)
}

/// Makes the refunds that are due.
pub(crate) async fn make_due_refunds(
    app: &App,
    limits: &RunLimits<'_>,
) -> Result<(), DatabaseError> {
    if limits.stop(app.platform()).is_some() {
        return Ok(());
    }
    let due = app.database(limits.deadline).refunds_due(LIMIT).await?;
    let mut results = stream::iter(due)
        .map(|part_id| make_due(app, limits, part_id))
        .buffer_unordered(PARALLEL);
    while let Some(result) = results.next().await {
        result?;
    }
    Ok(())
}

async fn make_due(app: &App, limits: &RunLimits<'_>, part_id: Uuid) -> Result<(), DatabaseError> {
    if limits.stop(app.platform()).is_some() {
        return Ok(());
    }
    match make_part(app, limits, part_id).await {
        Ok(_) | Err(RefundError::InProgress) => Ok(()),
        Err(RefundError::Database(error)) => Err(error),
    }
}
