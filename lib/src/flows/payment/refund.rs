//! Making refunds that are ordered.
//!
//! A refund is ordered with the decision that owes it (a cancellation, an operator's order, money
//! that came too late). Its request id and amount are stored before PayPal is asked, so a repeat
//! after a lost answer gives the same refund.

use super::observe;
use crate::{
    app::App,
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{DatabaseError, PaymentName, RefundOutcome, RefundState},
    },
    domain::payment::{CallFailure, retry_at},
    platform::Deadline,
};
use uuid::Uuid;

/// Refunds made in one run of the cron.
const MOST: u32 = 50;

/// Why a refund is not made. Where that is not final, the order stands and a later run makes it.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// The database gave no answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PayPal refused or gave no answer.
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    /// PayPal took it on and did not make it.
    #[error("PayPal did not make the refund")]
    NotMade,
    /// Somebody else is making it.
    #[error("another run is making the refund")]
    InProgress,
}

impl RefundError {
    /// Whether the refund will not be made at all, which is an operator's matter.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::PayPal(error) => failure(error) == CallFailure::Final,
            Self::NotMade => true,
            Self::Database(_) | Self::InProgress => false,
        }
    }
}

/// Makes `refund`, unless it is made. What comes back says where it stands.
pub async fn make(app: &App, deadline: Deadline, refund: Uuid) -> Result<RefundState, RefundError> {
    let database = app.database(deadline);
    let begun = database.begin_refund(refund).await?;
    let (Some(request_id), Some(capture_id), Some(money)) =
        (&begun.request_id, &begun.capture_id, begun.money())
    else {
        return match begun.outcome {
            RefundOutcome::PaymentInProgress => Err(RefundError::InProgress),
            _ => Ok(begun),
        };
    };
    let made = app
        .paypal(deadline)
        .refund_capture(request_id, capture_id, money)
        .await;
    let (code, kind, wait, error) = match made {
        Ok(made) if made.is_made => {
            return Ok(database.record_refund(refund, request_id, &made.id).await?);
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
    let retry_at = retry_at(app.platform().now(), begun.attempt, wait);
    database
        .record_refund_failure(refund, request_id, &code, kind, retry_at)
        .await?;
    if kind == CallFailure::Final
        && let Some(payment) = begun.payment_id
    {
        // Somebody may have refunded at PayPal; that is learnt at once.
        let observed = observe::payment(app, deadline, PaymentName::Ours(payment)).await;
        if let Err(error) = observed {
            log::warn!("payment={payment} not observed after a refused refund: {error}");
        }
    }
    Err(error)
}

/// An empty account is filled again and a capture under review is released: these are tried again,
/// anything else refused stays refused.
fn failure(error: &PayPalError) -> CallFailure {
    match error.issue() {
        Some(Issue::RefundFailedInsufficientFunds | Issue::PendingCapture) => {
            CallFailure::Retryable
        }
        _ => error.failure(),
    }
}

/// Makes what is ordered and not made, because whoever ordered it did not come to the end.
pub async fn make_leftovers(app: &App, deadline: Deadline) -> Result<(), DatabaseError> {
    for refund in app.database(deadline).refunds_due(MOST).await? {
        match make(app, deadline, refund).await {
            Ok(_) | Err(RefundError::InProgress) => {}
            Err(RefundError::Database(error)) => return Err(error),
            Err(error) => log::error!("refund={refund} could not be made: {error}"),
        }
    }
    Ok(())
}
