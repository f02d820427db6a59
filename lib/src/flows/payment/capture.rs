//! Captures of payments that are due.
//!
//! Each payment is claimed, and the claim stores the request id of its capture. After a crash, a
//! lost response or an overlap of two runs, the next claim has the same request id. It says that
//! the outcome is unknown, so the order is looked up before the capture is retried.

use super::{
    UpstreamError,
    capture_of::{LookedUpCapture, MadeCapture, find_capture},
    observe::observe_payment,
    reauthorize::{ReauthorizeError, reauthorize},
    run::{RunLimits, SharedStop, Stop},
};
use crate::{
    app::App,
    clients::{
        paypal::PayPalError,
        supabase::{
            CaptureClaim, CaptureStart, ClaimRefusal, DatabaseError, PaymentName,
            ReauthorizationClaim,
        },
    },
    domain::{
        observation::Capture,
        payment::retry_at,
        payment_record::{PaymentRecord, RecordedCaptureStatus},
        paypal_meaning::Meaning,
    },
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// Payments in one batch. With two calls of 20 seconds each they are done within the claim of two
/// minutes.
const BATCH: u32 = 32;
/// Captures at the same time. PayPal publishes no limit, and responds with 429 above it.
const PARALLEL: usize = 16;
/// The code of a capture that PayPal made and declined.
const CAPTURE_DECLINED: &str = "capture_declined";
/// The code of a payment of which other hands captured a part.
pub(crate) const CAPTURED_IN_PART: &str = "captured_in_part";
/// The code of a capture in another currency than the payment's. It is not summed, and an operator
/// decides about it. Until then nothing else is captured.
const OTHER_CURRENCY: &str = "capture_in_other_currency";
/// The time that a new batch needs.
const RESERVE: Duration = Duration::from_secs(90);

/// The result for one payment.
#[derive(Debug)]
pub(crate) struct CaptureResult {
    pub(crate) booking_id: Uuid,
    pub(crate) result: Result<MadeCapture, CaptureFailure>,
}

/// The reason that a payment is not captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CaptureFailure {
    /// PayPal's issue, or a code of ours.
    pub(crate) code: String,
    pub(crate) meaning: Meaning,
    /// The pause that PayPal asks for.
    wait: Option<Duration>,
}

impl CaptureFailure {
    fn new(code: &str, meaning: Meaning) -> Self {
        Self {
            code: code.to_owned(),
            meaning,
            wait: None,
        }
    }

    /// No request went to PayPal. An unknown outcome stays unknown.
    fn not_sent(claim: &CaptureClaim, stop: Stop) -> Self {
        let meaning = if claim.resumed {
            Meaning::Unknown
        } else {
            Meaning::NotNow
        };
        let (code, wait) = match stop {
            Stop::Pause(wait) => ("rate_limited", wait),
            // Nothing failed. The next run has the time, and PayPal may accept us again.
            Stop::Refused => ("paypal_refuses_us", Duration::ZERO),
            Stop::TimeOver => ("time_over", Duration::ZERO),
        };
        Self {
            wait: Some(wait),
            ..Self::new(code, meaning)
        }
    }

    fn of_call(limits: &RunLimits<'_>, error: &PayPalError) -> Self {
        limits.note(error);
        Self {
            wait: error.wait(),
            ..Self::new(error.code(), error.meaning())
        }
    }

    fn of_look(limits: &RunLimits<'_>, error: &UpstreamError) -> Self {
        let (code, wait) = match error {
            UpstreamError::PayPal(error) => {
                limits.note(error);
                (error.code(), error.wait())
            }
            UpstreamError::Database(_) => ("database_unavailable", None),
        };
        Self {
            wait,
            ..Self::new(code, Meaning::Unknown)
        }
    }

    /// The time of the next attempt. `None` retries later and later, at most an hour later.
    fn retry_at(&self, now: Timestamp, claim: &CaptureClaim) -> Option<Timestamp> {
        match (self.meaning, self.wait) {
            (Meaning::Ended, _) if claim.look_only => Some(now),
            (Meaning::Unknown | Meaning::NotNow | Meaning::Ours, None) => None,
            (_, wait) => Some(retry_at(now, claim.attempt, wait)),
        }
    }
}

/// Captures the payments that are due, until none is left, the time runs short, or PayPal asks for
/// a pause or refuses us. The next run resumes.
pub(crate) async fn capture_due(
    app: &App,
    limits: &RunLimits<'_>,
) -> Result<Vec<CaptureResult>, DatabaseError> {
    let mut results = Vec::new();
    while limits.stop(app.platform()).is_none() && limits.has_time(app.platform(), RESERVE) {
        let database = app.database(limits.deadline);
        let claims = database.claim_due_captures(BATCH).await?;
        let is_last = claims.len() < BATCH as usize;
        let mut batch: Vec<CaptureResult> = stream::iter(claims)
            .map(|claim| capture_one(app, limits, claim))
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        results.append(&mut batch);
        if is_last {
            break;
        }
    }
    Ok(results)
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

/// Captures the payment of a booking whatever its schedule says.
pub(crate) async fn capture_now(
    app: &App,
    deadline: Deadline,
    booking_id: Uuid,
    actor: &str,
    request_id: &str,
) -> Result<MadeCapture, CaptureError> {
    let start = app
        .database(deadline)
        .claim_payment_capture(booking_id, actor, request_id)
        .await?;
    match start {
        CaptureStart::Claimed { claim } => {
            let stop = SharedStop::new();
            let limits = RunLimits::of_request(deadline, &stop);
            let capture = capture_one(app, &limits, claim).await;
            capture.result.map_err(CaptureError::Failed)
        }
        CaptureStart::AlreadyCaptured { capture_id } => Ok(MadeCapture {
            id: capture_id,
            is_pending: false,
        }),
        CaptureStart::CapturePending { capture_id } => Ok(MadeCapture {
            id: capture_id,
            is_pending: true,
        }),
        CaptureStart::Refused(refusal) => Err(CaptureError::Refused(refusal)),
    }
}

/// Captures a claimed payment and records the outcome.
async fn capture_one(app: &App, limits: &RunLimits<'_>, claim: CaptureClaim) -> CaptureResult {
    let attempt = match limits.stop(app.platform()) {
        Some(stop) => Err(CaptureFailure::not_sent(&claim, stop)),
        None => capture_at_paypal(app, limits, &claim).await,
    };
    let result = match attempt {
        Ok(LookedUpCapture::Unrecorded(capture)) => {
            record_capture(app, limits, &claim, capture).await
        }
        Ok(LookedUpCapture::Elsewhere(capture)) => Ok(capture),
        Err(failure) => record_failure(app, limits, &claim, failure).await,
    };
    CaptureResult {
        booking_id: claim.booking_id,
        result,
    }
}

async fn record_capture(
    app: &App,
    limits: &RunLimits<'_>,
    claim: &CaptureClaim,
    capture: Capture,
) -> Result<MadeCapture, CaptureFailure> {
    let capture = match confirmed(app, limits, claim, capture).await {
        Ok(capture) => capture,
        Err(failure) => return record_failure(app, limits, claim, failure).await,
    };
    let database = app.database(limits.deadline);
    let status = match capture.status.recorded() {
        Some(RecordedCaptureStatus::Declined) => {
            let declined = CaptureFailure::new(CAPTURE_DECLINED, Meaning::DeclinedByPayer);
            return record_failure(app, limits, claim, declined).await;
        }
        None => {
            let unknown = CaptureFailure::new("unknown", Meaning::Unknown);
            return record_failure(app, limits, claim, unknown).await;
        }
        Some(status) => status,
    };
    if let Err(error) = database.record_capture(claim, &capture, status).await {
        not_recorded(claim, &error);
    }
    Ok(MadeCapture {
        id: capture.id.clone(),
        is_pending: status == RecordedCaptureStatus::Pending,
    })
}

/// A capture whose money is the ordered one. If an answer has other money, PayPal is asked by the
/// capture's id. Money that nobody ordered is not recorded as ours.
async fn confirmed(
    app: &App,
    limits: &RunLimits<'_>,
    claim: &CaptureClaim,
    capture: Capture,
) -> Result<Capture, CaptureFailure> {
    let is_ordered = |capture: &Capture| claim.ordered().contains(&capture.money);
    if is_ordered(&capture) {
        return Ok(capture);
    }
    let shown = app.paypal(limits.deadline).get_capture(&capture.id).await;
    let shown = shown.map_err(|error| CaptureFailure {
        meaning: Meaning::Unknown,
        ..CaptureFailure::of_call(limits, &error)
    })?;
    if is_ordered(&shown) {
        return Ok(shown);
    }
    let code = if shown.money.currency == claim.currency {
        "capture_of_other_amount"
    } else {
        OTHER_CURRENCY
    };
    Err(CaptureFailure::new(code, Meaning::Unknown))
}

/// The claim expires, and the next one looks at the order.
fn not_recorded(claim: &CaptureClaim, error: &DatabaseError) {
    log::error!(
        "payment={} the outcome of a capture was not recorded: {error}",
        claim.payment_id
    );
}

/// Records a failure. An authorization that cannot be captured any more ends the payment only on
/// evidence, so PayPal is asked. It may also show that the money was captured by other hands.
async fn record_failure(
    app: &App,
    limits: &RunLimits<'_>,
    claim: &CaptureClaim,
    failure: CaptureFailure,
) -> Result<MadeCapture, CaptureFailure> {
    let (database, payment) = (app.database(limits.deadline), claim.payment_id);
    let retry_at = failure.retry_at(app.platform().now(), claim);
    let kind = failure.meaning.failure_kind().unwrap_or("unknown");
    let recorded = database
        .record_capture_failure(claim, &failure.code, kind, retry_at)
        .await;
    if let Err(error) = recorded {
        not_recorded(claim, &error);
        return Err(failure);
    }
    if failure.meaning == Meaning::Ours
        && let Err(error) = database.record_refusal_of_us(payment, &failure.code).await
    {
        log::warn!("payment={payment} finding not recorded: {error}");
    }
    // A declined capture may have used the authorization up.
    let may_have_ended = failure.meaning == Meaning::Ended || failure.code == CAPTURE_DECLINED;
    if may_have_ended && !claim.look_only {
        match observe_payment(app, limits.deadline, PaymentName::Id(payment)).await {
            Ok(Some(observed)) if is_captured_in_part(&observed.record) => {
                return Err(CaptureFailure::new(CAPTURED_IN_PART, Meaning::Ended));
            }
            Ok(observed) => {
                let made = observed.and_then(|observed| made_capture(&observed.record));
                return made.ok_or(failure);
            }
            Err(error) => log::warn!("payment={payment} not observed: {error}"),
        }
    }
    Err(failure)
}

/// Whether other hands captured less than was ordered.
fn is_captured_in_part(record: &PaymentRecord) -> bool {
    let ordered = record.capture_amount.unwrap_or(record.amount).decimal();
    record
        .captured_amount
        .is_some_and(|captured| captured.decimal() < ordered)
}

/// The capture that PayPal shows of a payment.
fn made_capture(record: &PaymentRecord) -> Option<MadeCapture> {
    let capture = record
        .captures
        .iter()
        .find(|capture| capture.status == RecordedCaptureStatus::Completed)
        .or_else(|| {
            let mut captures = record.captures.iter();
            captures.find(|capture| capture.status == RecordedCaptureStatus::Pending)
        })?;
    Some(MadeCapture {
        id: capture.capture_id.clone(),
        is_pending: capture.status == RecordedCaptureStatus::Pending,
    })
}

async fn capture_at_paypal(
    app: &App,
    limits: &RunLimits<'_>,
    claim: &CaptureClaim,
) -> Result<LookedUpCapture, CaptureFailure> {
    if claim.resumed || claim.look_only {
        let found = find_capture(app, limits.deadline, claim).await;
        // The outcome of the earlier attempt stays unknown, whatever the error means.
        let found = found.map_err(|error| CaptureFailure::of_look(limits, &error))?;
        if let Some(capture) = found {
            return Ok(capture);
        }
        if claim.look_only {
            return Err(CaptureFailure::new("not_captured", Meaning::Ended));
        }
    }
    let authorization_id = match claim.reauthorization() {
        Some(reauthorization) => {
            reauthorize_first(app, limits, &reauthorization, &claim.authorization_id).await?
        }
        None => claim.authorization_id.clone(),
    };
    app.paypal(limits.deadline)
        .capture_authorization(&claim.request_id, &authorization_id, claim.money())
        .await
        .map(LookedUpCapture::Unrecorded)
        .map_err(|error| CaptureFailure::of_call(limits, &error))
}

/// Returns the authorization to capture: the new one, or the old one if PayPal refuses to
/// reauthorize or gives no usable answer again. The old one can be captured until day 29, but
/// PayPal does not honor its funds.
///
/// The reauthorization is recorded before the capture. Otherwise a crash would lose the new id. A
/// retry returns the same id.
async fn reauthorize_first(
    app: &App,
    limits: &RunLimits<'_>,
    claim: &ReauthorizationClaim,
    old: &str,
) -> Result<String, CaptureFailure> {
    match reauthorize(app, limits.deadline, claim).await {
        Ok(authorization_id) => Ok(authorization_id),
        Err(ReauthorizeError::PayPal { error, capture_old }) => match error.meaning() {
            Meaning::Ours => Err(CaptureFailure::of_call(limits, &error)),
            _ if capture_old => Ok(old.to_owned()),
            // Nothing was captured, and the reauthorization is repeated under its id.
            _ => {
                limits.note(&error);
                Err(CaptureFailure {
                    wait: error.wait(),
                    ..CaptureFailure::new(error.code(), Meaning::NotNow)
                })
            }
        },
        Err(ReauthorizeError::ClaimLost) => Err(CaptureFailure::new("lease_lost", Meaning::NotNow)),
        Err(ReauthorizeError::Refused(_) | ReauthorizeError::Database(_)) => {
            Err(CaptureFailure::new("database_unavailable", Meaning::NotNow))
        }
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
