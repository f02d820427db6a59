//! Captures of payments that are due.
//!
//! Each payment is claimed, and the claim stores the request id of its capture. After a crash, a
//! lost response or an overlap of two runs, the next claim has the same request id. It says that
//! the outcome is unknown, so the order is looked up before the capture is retried.

use super::reauthorize::{ReauthorizeError, reauthorize};
use crate::{
    app::App,
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{CaptureClaim, CaptureStart, ClaimRefusal, DatabaseError, ReauthorizationClaim},
    },
    domain::{
        money::Amount,
        observation::{Capture, CaptureStatus},
        payment::{CallFailure, retry_at},
    },
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use std::{sync::OnceLock, time::Duration};
use uuid::Uuid;

/// Payments in one batch. With two calls of 20 seconds each they are done within the claim of two
/// minutes.
const BATCH: u32 = 32;
/// Captures at the same time. PayPal publishes no limit, and responds with 429 above it.
const PARALLEL: usize = 16;
/// The time that a new batch needs.
const RESERVE: Duration = Duration::from_secs(90);

/// The result for one payment.
#[derive(Debug)]
pub(crate) struct CaptureResult {
    pub(crate) booking_id: Uuid,
    /// The id of the capture.
    pub(crate) result: Result<String, CaptureFailure>,
}

/// The reason that a payment is not captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CaptureFailure {
    /// PayPal's issue, or a code of ours.
    pub(crate) code: String,
    pub(crate) kind: CallFailure,
    /// The pause that PayPal asks for.
    wait: Option<Duration>,
}

impl CaptureFailure {
    fn new(code: &str, kind: CallFailure) -> Self {
        Self {
            code: code.to_owned(),
            kind,
            wait: None,
        }
    }

    fn retryable(code: &str) -> Self {
        Self::new(code, CallFailure::Retryable)
    }

    /// No request went to PayPal, which asks for a pause. An unknown outcome stays unknown.
    fn not_sent(claim: &CaptureClaim, wait: Duration) -> Self {
        let kind = if claim.resumed {
            CallFailure::Unknown
        } else {
            CallFailure::Retryable
        };
        Self {
            wait: Some(wait),
            ..Self::new("rate_limited", kind)
        }
    }
}

impl From<&PayPalError> for CaptureFailure {
    fn from(error: &PayPalError) -> Self {
        Self {
            wait: error.wait(),
            ..Self::new(error.code(), error.failure())
        }
    }
}

/// Captures the payments that are due, until none is left, the time runs short or PayPal asks for a
/// pause. The next run resumes.
pub(crate) async fn capture_due(
    app: &App,
    deadline: Deadline,
) -> Result<Vec<CaptureResult>, DatabaseError> {
    let mut results = Vec::new();
    let pause = OnceLock::new();
    loop {
        let claims = app.database(deadline).claim_due_captures(BATCH).await?;
        let is_last = claims.len() < BATCH as usize;
        let mut batch: Vec<CaptureResult> = stream::iter(claims)
            .map(|claim| capture_one(app, deadline, claim, &pause))
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        results.append(&mut batch);
        let is_short = deadline.left(app.platform().now()) < RESERVE;
        if is_last || is_short || pause.get().is_some() {
            return Ok(results);
        }
    }
}

/// The reason that a booking's payment is not captured now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaptureError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No request went to PayPal.
    #[error("refused: {0:?}")]
    Refused(ClaimRefusal),
    #[error("not captured: {}", .0.code)]
    Failed(CaptureFailure),
}

/// Captures the payment of a booking whatever its schedule says, and returns the id of the capture.
pub(crate) async fn capture_now(
    app: &App,
    deadline: Deadline,
    booking_id: Uuid,
    actor: &str,
    request_id: &str,
) -> Result<String, CaptureError> {
    let start = app
        .database(deadline)
        .claim_payment_capture(booking_id, actor, request_id)
        .await?;
    match start {
        CaptureStart::Claimed { claim } => {
            let capture = capture_one(app, deadline, claim, &OnceLock::new()).await;
            capture.result.map_err(CaptureError::Failed)
        }
        CaptureStart::AlreadyCaptured { capture_id } => Ok(capture_id),
        CaptureStart::Refused(refusal) => Err(CaptureError::Refused(refusal)),
    }
}

/// Captures a claimed payment and records the outcome. Sets `pause` if PayPal asks for one.
async fn capture_one(
    app: &App,
    deadline: Deadline,
    claim: CaptureClaim,
    pause: &OnceLock<Duration>,
) -> CaptureResult {
    let database = app.database(deadline);
    let result = match pause.get() {
        Some(wait) => Err(CaptureFailure::not_sent(&claim, *wait)),
        None => capture_at_paypal(app, deadline, &claim).await,
    };
    let recorded = match &result {
        Ok((capture_id, amount)) => database.record_capture(&claim, capture_id, *amount).await,
        Err(failure) => {
            if let Some(wait) = failure.wait {
                pause.get_or_init(|| wait);
            }
            // An unknown outcome is looked up soon: a look is cheap, and the booking cannot be
            // canceled before.
            let attempt = match failure.kind {
                CallFailure::Unknown => 1,
                CallFailure::Retryable | CallFailure::Final => claim.attempt,
            };
            let retry_at = retry_at(app.platform().now(), attempt, failure.wait);
            database
                .record_capture_failure(&claim, &failure.code, failure.kind, retry_at)
                .await
        }
    };
    if let Err(error) = recorded {
        // The claim expires, and the next one looks at the order.
        log::error!(
            "payment={} the outcome of a capture was not recorded: {error}",
            claim.payment_id
        );
    }
    CaptureResult {
        booking_id: claim.booking_id,
        result: result.map(|(capture_id, _)| capture_id),
    }
}

async fn capture_at_paypal(
    app: &App,
    deadline: Deadline,
    claim: &CaptureClaim,
) -> Result<(String, Amount), CaptureFailure> {
    if claim.resumed
        && let Some(capture) = find_capture(app, deadline, claim).await?
    {
        return judge(capture);
    }
    let authorization_id = match claim.reauthorization() {
        Some(reauthorization) => reauthorize_first(app, deadline, &reauthorization).await?,
        None => claim.authorization_id.clone(),
    };
    match app
        .paypal(deadline)
        .capture_authorization(&claim.request_id, &authorization_id, claim.money())
        .await
    {
        Ok(capture) => judge(capture),
        Err(error) if error.issue() == Some(&Issue::AuthorizationAlreadyCaptured) => {
            match find_capture(app, deadline, claim).await? {
                Some(capture) => judge(capture),
                None => Err(CaptureFailure::from(&error)),
            }
        }
        Err(error) => Err(CaptureFailure::from(&error)),
    }
}

/// The capture that decides, if the order has captures.
async fn find_capture(
    app: &App,
    deadline: Deadline,
    claim: &CaptureClaim,
) -> Result<Option<Capture>, CaptureFailure> {
    let seen = app
        .paypal(deadline)
        .get_order(&claim.order_id)
        .await
        .map_err(|error| CaptureFailure {
            wait: error.wait(),
            ..CaptureFailure::new(error.code(), CallFailure::Unknown)
        })?;
    Ok(seen.decisive_capture().cloned())
}

/// Returns the authorization to capture: the new one, or the old one if PayPal refuses to
/// reauthorize. The old one can be captured until day 29, but PayPal does not honor its funds.
///
/// The reauthorization is recorded before the capture. Otherwise a crash would lose the new id. A
/// retry returns the same id.
async fn reauthorize_first(
    app: &App,
    deadline: Deadline,
    claim: &ReauthorizationClaim,
) -> Result<String, CaptureFailure> {
    match reauthorize(app, deadline, claim).await {
        Ok(authorization_id) => Ok(authorization_id),
        Err(ReauthorizeError::PayPal(error)) if error.issue().is_some() => {
            Ok(claim.authorization_id.clone())
        }
        Err(ReauthorizeError::PayPal(error)) => Err(CaptureFailure {
            wait: error.wait(),
            ..CaptureFailure::retryable(error.code())
        }),
        Err(ReauthorizeError::ClaimLost) => Err(CaptureFailure::retryable("lease_lost")),
        Err(ReauthorizeError::Refused(_) | ReauthorizeError::Database(_)) => {
            Err(CaptureFailure::retryable("database_unavailable"))
        }
    }
}

fn judge(capture: Capture) -> Result<(String, Amount), CaptureFailure> {
    match capture.status {
        CaptureStatus::Completed | CaptureStatus::PartiallyRefunded | CaptureStatus::Refunded => {
            Ok((capture.id, capture.money.amount))
        }
        CaptureStatus::Pending => Err(CaptureFailure::new("capture_pending", CallFailure::Unknown)),
        CaptureStatus::Unknown => Err(CaptureFailure::new("unknown", CallFailure::Unknown)),
        CaptureStatus::Declined | CaptureStatus::Failed => {
            Err(CaptureFailure::new("capture_declined", CallFailure::Final))
        }
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
