//! Taking money that is due.
//!
//! Each payment is claimed under a lease, with the request id of its capture stored before it is
//! handed out. Whatever happens between then and the record (a crash, a lost answer, a second
//! cron), the next claim carries the same request id and says that the outcome is unknown, so
//! PayPal is asked before anything is repeated.

use super::reauthorize::{self, RenewError};
use crate::{
    app::App,
    clients::{
        paypal::{Issue, PayPalError},
        supabase::{CaptureClaim, ClaimOutcome, DatabaseError, Renewal},
    },
    domain::{
        money::Amount,
        observation::{CaptureStatus, SeenCapture},
        payment::{CallFailure, retry_at},
    },
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use std::{sync::OnceLock, time::Duration};
use uuid::Uuid;

/// Payments claimed at once: at two calls of 20 seconds each they are worked off inside the lease
/// of two minutes.
const BATCH: u32 = 32;
/// Captures under way at once; PayPal publishes no limit and answers 429 above it.
const PARALLEL: usize = 16;
/// No new batch is claimed with less time than this left: that long a batch may take.
const RESERVE: Duration = Duration::from_secs(90);

/// What became of one due payment.
#[derive(Debug)]
pub struct CaptureResult {
    /// Our booking.
    pub booking: Uuid,
    /// PayPal's capture, or why there is none.
    pub result: Result<String, NotCaptured>,
}

/// Why money was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCaptured {
    /// PayPal's issue, or a code of ours.
    pub code: String,
    /// What it means for the next attempt.
    pub kind: CallFailure,
}

/// Captures what is due until nothing is left, the time runs short, or PayPal asks to slow down;
/// the next run goes on.
pub async fn capture_due(
    app: &App,
    deadline: Deadline,
) -> Result<Vec<CaptureResult>, DatabaseError> {
    let mut results = Vec::new();
    let slow_down = OnceLock::new();
    loop {
        let claims = app.database(deadline).claim_due_captures(BATCH).await?;
        let is_last = claims.len() < BATCH as usize;
        let mut batch: Vec<CaptureResult> = stream::iter(claims)
            .map(|claim| capture_one(app, deadline, claim, &slow_down))
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        results.append(&mut batch);
        let is_short = deadline.left(app.platform().now()) < RESERVE;
        if is_last || is_short || slow_down.get().is_some() {
            return Ok(results);
        }
    }
}

/// Why one booking's money is not captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The database gave no answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Nothing was asked of PayPal.
    #[error("refused: {0:?}")]
    Refused(ClaimOutcome),
    /// PayPal did not capture.
    #[error("not captured: {}", .0.code)]
    NotCaptured(NotCaptured),
}

/// Captures the money of `booking` now, whatever its schedule says, and gives PayPal's capture.
pub async fn capture_now(
    app: &App,
    deadline: Deadline,
    booking: Uuid,
    actor: &str,
    request_id: &str,
) -> Result<String, CaptureError> {
    let claimed = app
        .database(deadline)
        .claim_payment_capture(booking, actor, request_id)
        .await?;
    match (claimed.outcome, claimed.claim, claimed.capture_id) {
        (ClaimOutcome::Claimed, Some(claim), _) => {
            let captured = capture_one(app, deadline, claim, &OnceLock::new()).await;
            captured.result.map_err(CaptureError::NotCaptured)
        }
        (ClaimOutcome::AlreadyCaptured, _, Some(capture_id)) => Ok(capture_id),
        (outcome, ..) => Err(CaptureError::Refused(outcome)),
    }
}

/// Why a payment is not captured (yet), with the kind that decides what happens next.
#[derive(Debug)]
struct Failed {
    code: String,
    kind: CallFailure,
    /// How long PayPal wants to be left alone.
    wait: Option<Duration>,
}

impl Failed {
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

    /// PayPal was not asked, because it wants to be left alone for `wait`: what was in doubt stays
    /// so.
    fn not_asked(claim: &CaptureClaim, wait: Duration) -> Self {
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

impl From<&PayPalError> for Failed {
    fn from(error: &PayPalError) -> Self {
        Self {
            wait: error.wait(),
            ..Self::new(error.code(), error.failure())
        }
    }
}

async fn capture_one(
    app: &App,
    deadline: Deadline,
    claim: CaptureClaim,
    slow_down: &OnceLock<Duration>,
) -> CaptureResult {
    let database = app.database(deadline);
    let outcome = match slow_down.get() {
        Some(wait) => Err(Failed::not_asked(&claim, *wait)),
        None => take_money(app, deadline, &claim).await,
    };
    let recorded = match &outcome {
        Ok((capture_id, amount)) => database.record_capture(&claim, capture_id, *amount).await,
        Err(failed) => {
            if let Some(wait) = failed.wait {
                slow_down.get_or_init(|| wait);
            }
            // Asking PayPal is cheap, and nobody can cancel while the answer is out.
            let attempt = match failed.kind {
                CallFailure::Unknown => 1,
                CallFailure::Retryable | CallFailure::Final => claim.attempt,
            };
            let retry_at = retry_at(app.platform().now(), attempt, failed.wait);
            database
                .record_capture_failure(&claim, &failed.code, failed.kind, retry_at)
                .await
        }
    };
    if let Err(error) = recorded {
        // The lease lapses and the next claim asks PayPal what happened.
        log::error!(
            "payment={} the outcome of a capture was not recorded: {error}",
            claim.payment_id
        );
    }
    CaptureResult {
        booking: claim.booking_id,
        result: outcome
            .map(|(capture_id, _)| capture_id)
            .map_err(|Failed { code, kind, .. }| NotCaptured { code, kind }),
    }
}

async fn take_money(
    app: &App,
    deadline: Deadline,
    claim: &CaptureClaim,
) -> Result<(String, Amount), Failed> {
    if claim.resumed
        && let Some(capture) = find_capture(app, deadline, claim).await?
    {
        return judge(capture);
    }
    let authorization_id = match claim.renewal() {
        Some(renewal) => renew(app, deadline, &renewal).await?,
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
                None => Err(Failed::from(&error)),
            }
        }
        Err(error) => Err(Failed::from(&error)),
    }
}

/// The capture that PayPal shows, the one that took money first.
async fn find_capture(
    app: &App,
    deadline: Deadline,
    claim: &CaptureClaim,
) -> Result<Option<SeenCapture>, Failed> {
    let seen = app
        .paypal(deadline)
        .get_order(&claim.order_id)
        .await
        .map_err(|error| Failed {
            wait: error.wait(),
            ..Failed::new(error.code(), CallFailure::Unknown)
        })?;
    Ok(seen.decisive_capture().cloned())
}

/// The id to capture: the new one, or the old one where PayPal does not reauthorize (it can be
/// captured until day 29, only without the assurance that the funds are there).
///
/// Nothing is captured before the reauthorization has its end in the database: a new id that is not
/// recorded would be lost, and a repeat gives the same one.
async fn renew(app: &App, deadline: Deadline, renewal: &Renewal) -> Result<String, Failed> {
    match reauthorize::renew(app, deadline, renewal).await {
        Ok(authorization_id) => Ok(authorization_id),
        Err(RenewError::PayPal(error)) if error.issue().is_some() => {
            Ok(renewal.authorization_id.clone())
        }
        Err(RenewError::PayPal(error)) => Err(Failed {
            wait: error.wait(),
            ..Failed::retryable(error.code())
        }),
        Err(RenewError::LeaseLost) => Err(Failed::retryable("lease_lost")),
        Err(RenewError::Refused(_) | RenewError::Database(_)) => {
            Err(Failed::retryable("database_unavailable"))
        }
    }
}

fn judge(capture: SeenCapture) -> Result<(String, Amount), Failed> {
    match capture.status {
        CaptureStatus::Completed | CaptureStatus::PartiallyRefunded | CaptureStatus::Refunded => {
            Ok((capture.id, capture.money.amount))
        }
        CaptureStatus::Pending => Err(Failed::new("capture_pending", CallFailure::Unknown)),
        CaptureStatus::Declined | CaptureStatus::Failed => {
            Err(Failed::new("capture_declined", CallFailure::Final))
        }
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
