//! Refunds that are ordered.
//!
//! A cancellation, an operator or a capture that came too late orders a refund. The order stores
//! the amount and the request id before the call to PayPal, so a retry after a lost response makes
//! the same refund.

use super::observe::observe_payment;
use crate::{
    app::App,
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{DatabaseError, PaymentName, Refund, RefundStart},
    },
    domain::{
        observation::RefundStatus,
        payment::{CallFailure, retry_at},
    },
    platform::Deadline,
};
use uuid::Uuid;

/// The most refunds that one run of the cron makes.
const LIMIT: u32 = 50;

/// The reason that a refund is not made. Unless it is final, a later run makes the refund.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefundError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal refused or gave no response.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// PayPal accepted the call, and the refund failed.
    #[error("PayPal did not make the refund")]
    NotMade,
    #[error("another run is making the refund")]
    InProgress,
}

impl RefundError {
    /// Whether the refund will never be made. An operator has to decide then.
    #[must_use]
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::PayPal(error) => failure(error) == CallFailure::Final,
            Self::NotMade => true,
            Self::Database(_) | Self::InProgress => false,
        }
    }
}

/// Makes a refund, unless PayPal has made or refused it. Returns its row.
pub(crate) async fn make_refund(
    app: &App,
    deadline: Deadline,
    refund_id: Uuid,
) -> Result<Refund, RefundError> {
    let database = app.database(deadline);
    let claim = match database.begin_refund(refund_id).await? {
        RefundStart::Refund(claim) => claim,
        RefundStart::PaymentInProgress => return Err(RefundError::InProgress),
        RefundStart::NothingToDo(refund) => return Ok(refund),
    };
    let result = app
        .paypal(deadline)
        .refund_capture(&claim.request_id, &claim.capture_id, claim.money, refund_id)
        .await;
    let (code, kind, wait, error) = match result {
        Ok(made) if matches!(made.status, RefundStatus::Completed | RefundStatus::Pending) => {
            return Ok(database
                .record_refund(refund_id, &claim.request_id, &made.id)
                .await?);
        }
        Ok(_) => (
            "refund_failed".to_owned(),
            CallFailure::Final,
            None,
            RefundError::NotMade,
        ),
        Err(error) => (
            error.code().to_owned(),
            failure(&error),
            error.wait(),
            RefundError::PayPal(error),
        ),
    };
    let retry_at = retry_at(app.platform().now(), claim.attempt, wait);
    database
        .record_refund_failure(refund_id, &claim.request_id, &code, kind, retry_at)
        .await?;
    if kind == CallFailure::Final {
        // A refund made in PayPal's dashboard may be the cause.
        let payment_id = claim.payment_id;
        if let Err(error) = observe_payment(app, deadline, PaymentName::Id(payment_id)).await {
            log::warn!("payment={payment_id} not observed after a refused refund: {error}");
        }
    }
    Err(error)
}

/// A lack of funds and a capture under review are temporary. Other refusals are final.
fn failure(error: &PayPalError) -> CallFailure {
    match error.issue() {
        Some(Issue::RefundFailedInsufficientFunds | Issue::PendingCapture) => {
            CallFailure::Retryable
        }
        _ => error.failure(),
    }
}

/// Makes the refunds that are due.
pub(crate) async fn make_due_refunds(app: &App, deadline: Deadline) -> Result<(), DatabaseError> {
    for refund_id in app.database(deadline).refunds_due(LIMIT).await? {
        match make_refund(app, deadline, refund_id).await {
            Ok(_) | Err(RefundError::InProgress) => {}
            Err(RefundError::Database(error)) => return Err(error),
            Err(error) => log::error!("refund={refund_id} could not be made: {error}"),
        }
    }
    Ok(())
}
