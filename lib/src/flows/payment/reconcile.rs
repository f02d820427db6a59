//! Reconciliation: all payments are compared with PayPal, a batch at a time.
//!
//! Differences are recorded. Findings are kept for an operator.

use super::{UpstreamError, observe::observe_record};
use crate::{
    app::App,
    clients::supabase::DatabaseError,
    domain::{finding::findings, observation::PaymentRecord},
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use std::time::Duration;

/// Payments compared at the same time.
const PARALLEL: usize = 8;
/// Payments read in one call.
const BATCH: u32 = 50;
/// The time that a new batch needs.
const RESERVE: Duration = Duration::from_secs(30);

/// The result of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReconcileRun {
    pub(crate) checked: usize,
    /// Payments with differences that were recorded.
    pub(crate) repaired: usize,
    /// Payments that could not be compared.
    pub(crate) failed: usize,
}

/// Compares the payments that are due, until none is left or the time runs short.
pub(crate) async fn reconcile(
    app: &App,
    deadline: Deadline,
) -> Result<ReconcileRun, DatabaseError> {
    let mut run = ReconcileRun::default();
    loop {
        let records = app.database(deadline).payments_to_reconcile(BATCH).await?;
        let is_last = records.len() < BATCH as usize;
        let checked_before = run.checked;
        let mut results = stream::iter(records)
            .map(|record| compare(app, deadline, record))
            .buffer_unordered(PARALLEL);
        while let Some(result) = results.next().await {
            match result {
                Ok(is_repaired) => {
                    run.checked += 1;
                    run.repaired += usize::from(is_repaired);
                }
                Err(UpstreamError::Database(error)) => return Err(error),
                Err(error) => {
                    run.failed += 1;
                    log::warn!("reconciliation: {error}");
                }
            }
        }
        // Failed payments stay at the head of the list. A batch of them would come back forever.
        let is_stuck = run.checked == checked_before;
        if is_last || is_stuck || deadline.left(app.platform().now()) < RESERVE {
            return Ok(run);
        }
    }
}

/// Compares one payment. Returns whether there were differences.
async fn compare(
    app: &App,
    deadline: Deadline,
    record: PaymentRecord,
) -> Result<bool, UpstreamError> {
    let payment = record.payment_id;
    let Some(observed) = observe_record(app, deadline, record).await? else {
        return Ok(false);
    };
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
    Ok(observed.applied > 0)
}
