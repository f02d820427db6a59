//! Comparing all payments with PayPal, a few at a time: what PayPal did is recorded, what does not
//! fit is kept for a person.

use super::{UpstreamError, observe};
use crate::{
    app::App,
    clients::supabase::DatabaseError,
    domain::{finding::findings, observation::PaymentRecord},
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use std::time::Duration;

/// Payments compared at once.
const PARALLEL: usize = 8;
/// Payments read at once.
const BATCH: u32 = 50;
/// No new batch is read with less time than this left.
const RESERVE: Duration = Duration::from_secs(30);

/// The result of one run.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReconcileRun {
    /// Payments compared.
    pub checked: usize,
    /// Payments of which PayPal knew more than we did.
    pub repaired: usize,
    /// Payments that could not be compared.
    pub failed: usize,
}

/// Compares what was not compared for a while until nothing is left or the time runs short.
pub async fn reconcile(app: &App, deadline: Deadline) -> Result<ReconcileRun, DatabaseError> {
    let mut done = ReconcileRun::default();
    loop {
        let records = app.database(deadline).payments_to_reconcile(BATCH).await?;
        let is_last = records.len() < BATCH as usize;
        let before = done.checked;
        let mut results = stream::iter(records)
            .map(|record| compare(app, deadline, record))
            .buffer_unordered(PARALLEL);
        while let Some(result) = results.next().await {
            match result {
                Ok(repaired) => {
                    done.checked += 1;
                    done.repaired += usize::from(repaired);
                }
                Err(UpstreamError::Database(error)) => return Err(error),
                Err(error) => {
                    done.failed += 1;
                    log::warn!("reconciliation: {error}");
                }
            }
        }
        // Those that failed stay at the head of the list: a batch of nothing else would come again
        // and again.
        let is_stuck = done.checked == before;
        if is_last || is_stuck || deadline.left(app.platform().now()) < RESERVE {
            return Ok(done);
        }
    }
}

/// Compares one payment; whether PayPal knew more.
async fn compare(
    app: &App,
    deadline: Deadline,
    record: PaymentRecord,
) -> Result<bool, UpstreamError> {
    let payment = record.payment_id;
    let Some(observed) = observe::observe(app, deadline, record).await? else {
        return Ok(false);
    };
    let found = findings(&observed.record, &observed.seen, app.platform().now());
    for finding in &found {
        log::error!(
            "payment={payment} finding={} {}",
            finding.kind.name(),
            finding.detail
        );
    }
    app.database(deadline)
        .record_reconciliation(payment, &found)
        .await?;
    Ok(observed.applied > 0)
}
