//! PayPal's events and their effects.
//!
//! An event names a payment. The payment is then observed, so its state comes from PayPal and not
//! from the event. Duplicate, late or reordered events do no harm, and the next event makes up for
//! a lost one. If trouble lasts longer than the six attempts of an event, the comparison of
//! `reconcile.rs` makes up for it, approvals of payers who left included.

use super::{
    UpstreamError,
    authorize::{AuthorizeError, authorize},
    observe::observe_record,
};
use crate::{
    app::App,
    clients::{
        paypal::{Dispute, Event, EventKind, PayPalError},
        supabase::{
            AuthorizationRefusal, DatabaseError, DisputeRecord, DisputeReport, EventClaim,
            PaymentName,
        },
    },
    domain::{observation::PaymentRecord, payment_state::PaymentState, paypal_meaning::Meaning},
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use std::time::Duration;

/// Events applied at the same time.
const PARALLEL: usize = 4;
/// Events in one batch. They are done well within the claim of two minutes.
const BATCH: u32 = 20;
/// The time that a new batch needs.
const RESERVE: Duration = Duration::from_secs(30);

/// The reason that an event could not be applied. It is retried.
#[derive(Debug, thiserror::Error)]
enum ApplyError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    #[error("the stored event cannot be read")]
    Unreadable,
    /// The order may not be recorded yet. After the last attempt an operator sees the dead letter.
    #[error("the event is about a payment that is not ours")]
    UnknownPayment,
    /// Another request has claimed the payment.
    #[error("the payment is being worked on")]
    InProgress,
    /// The payer has just approved the order, and the browser will send the next request.
    #[error("left to the payer for now")]
    LeftToPayer,
}

impl ApplyError {
    fn code(&self) -> &str {
        match self {
            Self::Database(_) => "database_unavailable",
            Self::PayPal(error) => error.code(),
            Self::Unreadable => "unreadable",
            Self::UnknownPayment => "unknown_payment",
            Self::InProgress => "payment_in_progress",
            Self::LeftToPayer => "left_to_payer",
        }
    }
}

impl From<UpstreamError> for ApplyError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Database(error) => Self::Database(error),
            UpstreamError::PayPal(error) => Self::PayPal(error),
        }
    }
}

/// The result of one run over the inbox.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InboxRun {
    pub(crate) applied: usize,
    /// Events that are retried or became dead letters.
    pub(crate) failed: usize,
}

/// Applies the events that are due, until none is left or the time runs short.
pub(crate) async fn process_inbox(
    app: &App,
    deadline: Deadline,
) -> Result<InboxRun, DatabaseError> {
    let mut run = InboxRun::default();
    loop {
        let claims = app.database(deadline).claim_webhook_events(BATCH).await?;
        let is_last = claims.len() < BATCH as usize;
        let mut results = stream::iter(claims)
            .map(|claim| async move { process_event(app, deadline, &claim).await })
            .buffer_unordered(PARALLEL);
        while let Some(is_applied) = results.next().await {
            run.applied += usize::from(is_applied);
            run.failed += usize::from(!is_applied);
        }
        if is_last || deadline.left(app.platform().now()) < RESERVE {
            return Ok(run);
        }
    }
}

/// Applies one event and records the result. Returns whether it is applied and recorded.
pub(crate) async fn process_event(app: &App, deadline: Deadline, claim: &EventClaim) -> bool {
    let database = app.database(deadline);
    let result = apply(app, deadline, claim).await;
    let recorded = match &result {
        Ok(effect) => database.record_webhook_result(claim, effect).await,
        Err(error) => {
            log::warn!(
                "event={} attempt={} not applied: {error}",
                claim.event_id,
                claim.attempt
            );
            database.record_webhook_failure(claim, error.code()).await
        }
    };
    if let Err(error) = recorded {
        // The claim expires. The event is applied again and has no further effect.
        log::error!(
            "event={} its outcome was not recorded: {error}",
            claim.event_id
        );
        return false;
    }
    result.is_ok()
}

/// Applies an event and returns its effect, as it is stored.
async fn apply(
    app: &App,
    deadline: Deadline,
    claim: &EventClaim,
) -> Result<&'static str, ApplyError> {
    let event = Event::read(claim.body.as_bytes()).ok_or(ApplyError::Unreadable)?;
    match event.kind {
        EventKind::OrderApproved => match &event.order_id {
            Some(order_id) => apply_approval(app, deadline, order_id, claim.attempt).await,
            None => Err(ApplyError::Unreadable),
        },
        EventKind::Payment => {
            let record = find_payment(app, deadline, &event).await?;
            match observe_record(app, deadline, record).await? {
                Some(observed) if observed.applied > 0 => Ok("applied"),
                Some(_) => Ok("nothing_new"),
                None => Err(ApplyError::UnknownPayment),
            }
        }
        EventKind::Dispute => report_dispute(app, deadline, claim.body.as_bytes()).await,
        EventKind::Other => Ok("ignored"),
    }
}

/// The payment of an event: by our id, otherwise by any id of PayPal's. An event of a capture in
/// PayPal's console may name only the authorization, and that of a refund only the capture.
async fn find_payment(
    app: &App,
    deadline: Deadline,
    event: &Event,
) -> Result<PaymentRecord, ApplyError> {
    let paypal_ids = [&event.order_id, &event.parent_id, &event.resource_id];
    let paypal_names = paypal_ids.into_iter().flatten().map(String::as_str);
    let names = event
        .payment
        .map(PaymentName::Id)
        .into_iter()
        .chain(paypal_names.map(PaymentName::PayPalId));
    for name in names {
        if let Some(record) = app.database(deadline).find_payment(name).await? {
            return Ok(record);
        }
    }
    Err(ApplyError::UnknownPayment)
}

/// Authorizes an order that the payer has approved, in case the payer's browser does not return.
///
/// The browser gets a minute for its own request: the first attempt only checks the state.
async fn apply_approval(
    app: &App,
    deadline: Deadline,
    order_id: &str,
    attempt: u32,
) -> Result<&'static str, ApplyError> {
    let record = app
        .database(deadline)
        .find_payment(PaymentName::PayPalId(order_id))
        .await?
        .ok_or(ApplyError::UnknownPayment)?;
    if record.status != PaymentState::Created {
        return Ok("nothing_new");
    }
    if attempt == 1 {
        return Err(ApplyError::LeftToPayer);
    }
    match authorize(app, deadline, order_id).await {
        Ok(_) => Ok("applied"),
        Err(AuthorizeError::Refused(AuthorizationRefusal::PaymentInProgress)) => {
            Err(ApplyError::InProgress)
        }
        Err(AuthorizeError::Database(error)) => Err(error.into()),
        // PayPal's refusals are final. The response to the browser's own request shows them.
        Err(AuthorizeError::PayPal(error))
            if matches!(
                error.meaning(),
                Meaning::Unknown | Meaning::NotNow | Meaning::Ours
            ) =>
        {
            Err(error.into())
        }
        Err(_) => Ok("nothing_new"),
    }
}

/// Records a dispute about payments of ours. The next comparison looks whether money has moved.
async fn report_dispute(
    app: &App,
    deadline: Deadline,
    body: &[u8],
) -> Result<&'static str, ApplyError> {
    let dispute = Dispute::read(body).ok_or(ApplyError::Unreadable)?;
    let report = DisputeReport {
        dispute_id: &dispute.id,
        transactions: &dispute.transactions,
        is_resolved: dispute.is_resolved,
        outcome: dispute.outcome.as_deref(),
    };
    match app.database(deadline).record_dispute(&report).await? {
        DisputeRecord::Recorded => Ok("reported"),
        DisputeRecord::UnknownPayment => Err(ApplyError::UnknownPayment),
    }
}
