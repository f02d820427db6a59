//! Taking money that is due.
//!
//! Each payment is claimed under a lease, with the request id of its capture stored before it is handed out. Whatever
//! happens between then and the record (a crash, a lost answer, a second cron), the next claim carries the same request
//! id and says that the outcome is unknown, so PayPal is asked before anything is repeated.

use crate::{
    app::App,
    clients::{
        paypal::{Capture, CaptureStatus, Issue, PayPal, PayPalError},
        supabase::{CaptureClaim, Database, DatabaseError},
    },
    domain::{
        money::Amount,
        payment::{CaptureFailure, capture_backoff},
    },
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use std::time::Duration;
use uuid::Uuid;

/// Payments claimed at once: what can be worked off well inside the lease of two minutes.
const BATCH: u32 = 25;
/// Captures under way at once; PayPal publishes no limit and answers 429 above it.
const PARALLEL: usize = 8;
/// No new batch is claimed with less time than this left: a capture may take two calls of 20 seconds.
const RESERVE: Duration = Duration::from_secs(45);

/// What became of one due payment.
#[derive(Debug)]
pub struct CaptureResult {
    /// Our booking.
    pub booking: Uuid,
    /// PayPal's capture, or a code.
    pub result: Result<String, String>,
}

/// Captures what is due until nothing is left or the time runs short; the next run goes on.
pub async fn capture_due(
    app: &App,
    deadline: Deadline,
) -> Result<Vec<CaptureResult>, DatabaseError> {
    let mut results = Vec::new();
    loop {
        let claims = app.database(deadline).claim_due_captures(BATCH).await?;
        let is_last = claims.len() < BATCH as usize;
        let mut batch: Vec<CaptureResult> = stream::iter(claims)
            .map(|claim| capture_one(app, deadline, claim))
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        results.append(&mut batch);
        if is_last || deadline.left(app.platform().now()) < RESERVE {
            return Ok(results);
        }
    }
}

/// Why a payment is not captured (yet), with the kind that decides what happens next.
#[derive(Debug)]
struct Failed {
    code: String,
    kind: CaptureFailure,
}

impl Failed {
    fn retryable(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            kind: CaptureFailure::Retryable,
        }
    }
}

async fn capture_one(app: &App, deadline: Deadline, claim: CaptureClaim) -> CaptureResult {
    let database = app.database(deadline);
    let outcome = take_money(app.paypal(deadline), database, &claim).await;
    let recorded = match &outcome {
        Ok((capture_id, amount)) => database.record_capture(&claim, capture_id, *amount).await,
        Err(failed) => {
            let wait = SignedDuration::try_from(capture_backoff(claim.attempt))
                .unwrap_or(SignedDuration::ZERO);
            let now = app.platform().now();
            let retry_at = now.checked_add(wait).unwrap_or(now);
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
            .map_err(|failed| failed.code),
    }
}

async fn take_money(
    paypal: PayPal<'_>,
    database: Database<'_>,
    claim: &CaptureClaim,
) -> Result<(String, Amount), Failed> {
    if claim.resumed
        && let Some(capture_id) = find_capture(paypal, claim).await?
    {
        return Ok((capture_id, claim.amount));
    }
    let authorization_id = match &claim.reauthorize_request_id {
        Some(request_id) => reauthorize(paypal, database, claim, request_id).await?,
        None => claim.authorization_id.clone(),
    };
    match paypal
        .capture_authorization(&claim.request_id, &authorization_id, claim.money())
        .await
    {
        Ok(capture) => judge(capture),
        Err(error) if error.issue() == Some(&Issue::AuthorizationAlreadyCaptured) => {
            match find_capture(paypal, claim).await? {
                Some(capture_id) => Ok((capture_id, claim.amount)),
                None => Err(classify(&error)),
            }
        }
        Err(error) => Err(classify(&error)),
    }
}

async fn find_capture(paypal: PayPal<'_>, claim: &CaptureClaim) -> Result<Option<String>, Failed> {
    let order = paypal
        .get_order(&claim.order_id)
        .await
        .map_err(|error| Failed {
            code: error.code().to_owned(),
            kind: CaptureFailure::Unknown,
        })?;
    Ok(order.capture_id)
}

/// The id to capture: the new one, or the old one where PayPal does not reauthorize (it can be captured until day 29,
/// only without the assurance that the funds are there).
///
/// Nothing is captured before the reauthorization has its end in the database: a new id that is not recorded would be
/// lost, and a repeat gives the same one.
async fn reauthorize(
    paypal: PayPal<'_>,
    database: Database<'_>,
    claim: &CaptureClaim,
    request_id: &str,
) -> Result<String, Failed> {
    match paypal
        .reauthorize(request_id, &claim.authorization_id, claim.money())
        .await
    {
        Ok(authorization) => {
            match database
                .record_reauthorization(claim, request_id, &authorization)
                .await
            {
                Ok(true) => Ok(authorization.id),
                Ok(false) => Err(Failed::retryable("lease_lost")),
                Err(_) => Err(Failed::retryable("database_unavailable")),
            }
        }
        Err(error) => {
            let is_refused = error.issue().is_some();
            database
                .record_payment_failure(claim.payment_id, request_id, error.code(), is_refused)
                .await
                .map_err(|_| Failed::retryable("database_unavailable"))?;
            if is_refused {
                Ok(claim.authorization_id.clone())
            } else {
                Err(Failed::retryable(error.code()))
            }
        }
    }
}

fn judge(capture: Capture) -> Result<(String, Amount), Failed> {
    match capture.status {
        CaptureStatus::Completed | CaptureStatus::PartiallyRefunded | CaptureStatus::Refunded => {
            Ok((capture.id, capture.money.amount))
        }
        CaptureStatus::Pending => Err(Failed {
            code: "capture_pending".to_owned(),
            kind: CaptureFailure::Unknown,
        }),
        CaptureStatus::Declined | CaptureStatus::Failed => Err(Failed {
            code: "capture_declined".to_owned(),
            kind: CaptureFailure::Final,
        }),
    }
}

fn classify(error: &PayPalError) -> Failed {
    let kind = match error {
        PayPalError::Unknown { .. } | PayPalError::InProgress { .. } => CaptureFailure::Unknown,
        PayPalError::NotSent { .. }
        | PayPalError::RateLimited { .. }
        | PayPalError::Unauthenticated { .. }
        | PayPalError::Unbuildable { .. } => CaptureFailure::Retryable,
        PayPalError::Refused { .. } | PayPalError::Denied { .. } => CaptureFailure::Final,
    };
    Failed {
        code: error.code().to_owned(),
        kind,
    }
}
