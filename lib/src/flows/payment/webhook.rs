//! Applying PayPal's events.
//!
//! An event only says where to look. What is true is asked of PayPal and applied as a difference,
//! so an event that is doubled, late or out of order does no harm, and one that was lost is made up
//! for by the next.

use super::{
    UpstreamError,
    authorize::{self, AuthorizeError},
    observe,
};
use crate::{
    app::App,
    clients::{
        paypal::{Event, EventKind, PayPalError},
        supabase::{AuthorizeOutcome, DatabaseError, InboxWork, PaymentName},
    },
    domain::{
        finding::{Finding, FindingKind},
        payment_state::PaymentState,
    },
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use std::time::Duration;

/// Events applied at once.
const PARALLEL: usize = 4;
/// Events claimed at once: what can be applied well inside the lease of two minutes.
const BATCH: u32 = 20;
/// No new batch is claimed with less time than this left.
const RESERVE: Duration = Duration::from_secs(30);

/// Why an event could not be applied. It is tried again.
#[derive(Debug, thiserror::Error)]
enum ApplyError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    PayPal(#[from] PayPalError),
    #[error("the stored event cannot be read")]
    Unreadable,
    /// Our record of the payment may be on its way; what stays unknown becomes a dead letter that
    /// an operator sees.
    #[error("the event is about a payment that is not ours")]
    UnknownPayment,
    #[error("the payment is being worked on")]
    InProgress,
    /// The payer has approved a moment ago; their browser is on its way back to do the rest.
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
pub struct InboxRun {
    pub applied: usize,
    /// Events that are retried or became dead letters.
    pub failed: usize,
}

/// Applies what is due in the inbox until nothing is left or the time runs short.
pub async fn work_inbox(app: &App, deadline: Deadline) -> Result<InboxRun, DatabaseError> {
    let mut run = InboxRun::default();
    loop {
        let claimed = app.database(deadline).claim_webhook_events(BATCH).await?;
        let is_last = claimed.len() < BATCH as usize;
        let mut results = stream::iter(claimed)
            .map(|work| async move { process(app, deadline, &work).await })
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

/// Applies one event and notes how it went; whether it is applied.
pub async fn process(app: &App, deadline: Deadline, work: &InboxWork) -> bool {
    let database = app.database(deadline);
    let applied = apply(app, deadline, work).await;
    let recorded = match &applied {
        Ok(result) => database.record_webhook_result(work, result).await,
        Err(error) => {
            log::warn!(
                "event={} attempt={} not applied: {error}",
                work.event_id,
                work.attempt
            );
            database.record_webhook_failure(work, error.code()).await
        }
    };
    if let Err(error) = recorded {
        // The lease lapses, and applying it again finds nothing new.
        log::error!(
            "event={} its outcome was not recorded: {error}",
            work.event_id
        );
        return false;
    }
    applied.is_ok()
}

/// What applying an event came to.
async fn apply(
    app: &App,
    deadline: Deadline,
    work: &InboxWork,
) -> Result<&'static str, ApplyError> {
    let event = Event::read(work.body.as_bytes()).ok_or(ApplyError::Unreadable)?;
    match event.kind {
        EventKind::OrderApproved => match &event.order_id {
            Some(order_id) => complete(app, deadline, order_id, work.attempt).await,
            None => Err(ApplyError::Unreadable),
        },
        EventKind::Payment => {
            let observed = match payment_name(&event) {
                Some(name) => observe::payment(app, deadline, name).await?,
                None => None,
            };
            match observed {
                Some(observed) if observed.applied > 0 => Ok("applied"),
                Some(_) => Ok("nothing_new"),
                None => Err(ApplyError::UnknownPayment),
            }
        }
        EventKind::Dispute => report(app, deadline, &event).await,
        EventKind::Other => Ok("ignored"),
    }
}

fn payment_name(event: &Event) -> Option<PaymentName<'_>> {
    let ids = [&event.order_id, &event.parent_id, &event.resource_id];
    let by_paypal = ids.into_iter().find_map(Option::as_deref);
    event
        .payment
        .map(PaymentName::Ours)
        .or_else(|| by_paypal.map(PaymentName::PayPals))
}

/// The payer has approved: the money is held although the payer's browser may never come back. It
/// gets a minute, until the second attempt, so that the two do not stand in each other's way.
async fn complete(
    app: &App,
    deadline: Deadline,
    order_id: &str,
    attempt: u32,
) -> Result<&'static str, ApplyError> {
    let record = app
        .database(deadline)
        .find_payment(PaymentName::PayPals(order_id))
        .await?
        .ok_or(ApplyError::UnknownPayment)?;
    if record.status != PaymentState::Created {
        return Ok("nothing_new");
    }
    if attempt == 1 {
        return Err(ApplyError::LeftToPayer);
    }
    match authorize::authorize(app, deadline, order_id).await {
        Ok(_) => Ok("applied"),
        Err(AuthorizeError::Refused(AuthorizeOutcome::PaymentInProgress)) => {
            Err(ApplyError::InProgress)
        }
        Err(AuthorizeError::Database(error)) => Err(error.into()),
        // PayPal decided against it; the payer is told when they ask.
        Err(AuthorizeError::PayPal(error)) if error.issue().is_none() => Err(error.into()),
        Err(_) => Ok("nothing_new"),
    }
}

async fn report(app: &App, deadline: Deadline, event: &Event) -> Result<&'static str, ApplyError> {
    let database = app.database(deadline);
    let mut reported = false;
    for transaction in &event.disputed {
        if let Some(record) = database
            .find_payment(PaymentName::PayPals(transaction))
            .await?
        {
            let finding = Finding {
                kind: FindingKind::Disputed,
                detail: event.resource_id.clone().unwrap_or_default(),
            };
            database.record_finding(record.payment_id, &finding).await?;
            reported = true;
        }
    }
    if reported {
        Ok("reported")
    } else {
        Err(ApplyError::UnknownPayment)
    }
}
