//! Reconciliation: the payments that are due are compared with PayPal, a batch at a time.
//!
//! Differences are recorded. Findings are kept for an operator. An order that a payer approved and
//! nobody authorized is authorized here, in case browser and event were lost.
//!
//! No payment blocks another. One that cannot be compared leaves the head of the list at once, and
//! is retried later and later. A rate limit or a refusal of our own account ends the run, because
//! no other payment would fare better. The rest is due in the next run.

use super::{
    UpstreamError,
    authorize::{AuthorizeError, authorize},
    observe::{ObservedPayment, observe_payment, observe_record},
};
use crate::{
    app::App,
    clients::{
        paypal::PayPalError,
        supabase::{ComparisonFailure, DatabaseError, DueComparison, PaymentName},
    },
    domain::{
        booking_state::BookingState,
        finding::findings,
        observation::{OrderStatus, PaymentRecord},
        payment_state::PaymentState,
        paypal_meaning::Meaning,
    },
    flows::booking::order::settle_lost_orders,
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use std::{sync::OnceLock, time::Duration};
use uuid::Uuid;

/// Payments compared at the same time.
const PARALLEL: usize = 8;
/// Payments read in one call.
const BATCH: u32 = 50;
/// The time that a comparison needs: PayPal's timeout, and some for the database.
const RESERVE: Duration = Duration::from_secs(25);

/// The result of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReconcileRun {
    pub(crate) checked: usize,
    /// Payments with differences that were recorded.
    pub(crate) repaired: usize,
    /// Payments that could not be compared.
    pub(crate) failed: usize,
    /// The reason that the run ended early.
    pub(crate) stop: Option<Stop>,
}

/// The reason that a run ends before all payments are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stop {
    /// PayPal refuses our credentials, account or request.
    #[serde(rename = "paypal_refuses_us")]
    RefusesUs,
    RateLimited,
    /// The time ran short.
    TimeIsShort,
}

/// The result for one payment.
enum Comparison {
    Checked {
        is_repaired: bool,
    },
    /// PayPal was unreachable, refused, or used a word that it does not document.
    Failed,
    /// The run had ended.
    Skipped,
}

/// Compares the payments that are due, until none is left or the run has to stop. Then looks for
/// orders whose response was lost, in a quarter of the time.
pub(crate) async fn reconcile(
    app: &App,
    deadline: Deadline,
) -> Result<ReconcileRun, DatabaseError> {
    let now = app.platform().now();
    let share = Deadline::after(now, deadline.left(now).mul_f32(0.75));
    let run = compare_due(app, share).await?;
    if !matches!(run.stop, Some(Stop::RefusesUs | Stop::RateLimited)) {
        settle_lost_orders(app, deadline).await?;
    }
    Ok(run)
}

async fn compare_due(app: &App, deadline: Deadline) -> Result<ReconcileRun, DatabaseError> {
    let mut run = ReconcileRun::default();
    let stop = OnceLock::new();
    loop {
        let due = app.database(deadline).payments_to_reconcile(BATCH).await?;
        let is_last = due.len() < BATCH as usize;
        let mut comparisons = stream::iter(due)
            .map(|due| compare_unless_stopped(app, deadline, due, &stop))
            .buffer_unordered(PARALLEL);
        while let Some(comparison) = comparisons.next().await {
            match comparison? {
                Comparison::Checked { is_repaired } => {
                    run.checked += 1;
                    run.repaired += usize::from(is_repaired);
                }
                Comparison::Failed => run.failed += 1,
                Comparison::Skipped => {}
            }
        }
        drop(comparisons);
        run.stop = stop.get().copied();
        if is_last || run.stop.is_some() {
            return Ok(run);
        }
    }
}

/// Compares one payment. A failure takes it off the head of the list.
async fn compare_unless_stopped(
    app: &App,
    deadline: Deadline,
    due: DueComparison,
    stop: &OnceLock<Stop>,
) -> Result<Comparison, DatabaseError> {
    if deadline.left(app.platform().now()) < RESERVE {
        stop.get_or_init(|| Stop::TimeIsShort);
    }
    if stop.get().is_some() {
        return Ok(Comparison::Skipped);
    }
    let payment = due.payment_id;
    let Some(record) = due.record else {
        record_failure(app, deadline, payment, "unreadable").await?;
        return Ok(Comparison::Failed);
    };
    match compare(app, deadline, record).await {
        Ok(comparison) => Ok(comparison),
        Err(UpstreamError::Database(error)) if error.is_outage() => Err(error),
        Err(UpstreamError::Database(error)) => {
            log::error!("payment={payment} not compared: {error}");
            record_failure(app, deadline, payment, "database_error").await?;
            Ok(Comparison::Failed)
        }
        Err(UpstreamError::PayPal(error)) => {
            handle_refusal(app, deadline, payment, &error, stop).await
        }
    }
}

async fn record_failure(
    app: &App,
    deadline: Deadline,
    payment: Uuid,
    code: &str,
) -> Result<(), DatabaseError> {
    app.database(deadline)
        .record_comparison_failure(payment, ComparisonFailure::Failed, code)
        .await
}

async fn handle_refusal(
    app: &App,
    deadline: Deadline,
    payment: Uuid,
    error: &PayPalError,
    stop: &OnceLock<Stop>,
) -> Result<Comparison, DatabaseError> {
    let (failure, reason) = match error.meaning() {
        Meaning::Ours => (ComparisonFailure::Ours, Some(Stop::RefusesUs)),
        Meaning::NotNow => {
            let reason = error.wait().map(|_| Stop::RateLimited);
            (ComparisonFailure::NotNow, reason)
        }
        _ => (ComparisonFailure::Failed, None),
    };
    let is_first = reason.is_some_and(|reason| stop.set(reason).is_ok());
    if reason.is_some() && !is_first {
        return Ok(Comparison::Skipped);
    }
    if failure == ComparisonFailure::Ours {
        log::error!("payment={payment} PayPal refuses us, no payment is compared: {error}");
    } else {
        log::warn!("payment={payment} not compared: {error}");
    }
    app.database(deadline)
        .record_comparison_failure(payment, failure, error.code())
        .await?;
    Ok(Comparison::Failed)
}

/// Compares one payment. What PayPal shows in words that nobody knows is no answer.
async fn compare(
    app: &App,
    deadline: Deadline,
    record: PaymentRecord,
) -> Result<Comparison, UpstreamError> {
    let (payment, paid_before) = (record.payment_id, record.clone());
    let Some(mut observed) = observe_record(app, deadline, record).await? else {
        // The order of a payment ended, and PayPal has nothing to show.
        let database = app.database(deadline);
        database.record_reconciliation(payment, &[]).await?;
        return Ok(Comparison::Checked { is_repaired: false });
    };
    let mut is_repaired = observed.applied > 0;
    if let Some(order_id) = approved_order(&paid_before, &observed)
        && authorize_approved(app, deadline, payment, order_id).await?
        && let Some(again) = observe_payment(app, deadline, PaymentName::Id(payment)).await?
    {
        observed = again;
        is_repaired = true;
    }
    if observed.seen.is_unclear(&observed.record) {
        log::warn!("payment={payment} not compared: PayPal shows an unknown status");
        record_failure(app, deadline, payment, "unknown_status").await?;
        return Ok(Comparison::Failed);
    }
    let findings = findings(&observed.record, &observed.seen, app.platform().now());
    for finding in &findings {
        log::error!(
            "payment={payment} finding={} {}",
            finding.kind.name(),
            finding.detail
        );
    }
    app.database(deadline)
        .record_reconciliation(payment, &findings)
        .await?;
    Ok(Comparison::Checked { is_repaired })
}

/// An order that the payer approved and nobody authorized.
fn approved_order<'a>(before: &PaymentRecord, observed: &'a ObservedPayment) -> Option<&'a str> {
    let is_unpaid = before.status == PaymentState::Created
        && observed.record.status == PaymentState::Created
        && observed.record.void_reason.is_none()
        && matches!(
            observed.record.booking_status,
            BookingState::PendingPayment | BookingState::Expired
        );
    let mut orders = observed.seen.orders.iter();
    let approved = orders.find(|order| order.status == OrderStatus::Approved)?;
    is_unpaid.then_some(approved.id.as_str())
}

/// Authorizes an approved order. Returns whether PayPal was asked to, and the payment may have
/// changed. If the days are gone or the price has changed, nothing is authorized, and the order
/// lapses.
async fn authorize_approved(
    app: &App,
    deadline: Deadline,
    payment: Uuid,
    order_id: &str,
) -> Result<bool, UpstreamError> {
    match authorize(app, deadline, order_id).await {
        Ok(_) => Ok(true),
        Err(AuthorizeError::Database(error)) => Err(error.into()),
        Err(AuthorizeError::PayPal(error))
            if matches!(
                error.meaning(),
                Meaning::Ours | Meaning::NotNow | Meaning::Unknown
            ) =>
        {
            Err(error.into())
        }
        Err(error) => {
            log::warn!("payment={payment} approved order not authorized: {error}");
            Ok(!matches!(error, AuthorizeError::Refused(_)))
        }
    }
}
