//! Who may run at the same time: tests that only use the system, together; one that disturbs it, alone.

use crate::support::local_system;
use futures_util::FutureExt;
use std::{
    future::Future,
    panic::{AssertUnwindSafe, resume_unwind},
    time::Duration,
};
use tokio::{
    sync::{RwLock, RwLockReadGuard},
    time::timeout,
};

static TURNS: RwLock<()> = RwLock::const_new(());

/// No test may hang: the others wait for it.
const LONGEST: Duration = Duration::from_secs(120);

/// Waits until nobody disturbs the system; to be kept until the test ends.
pub(crate) async fn share_system() -> RwLockReadGuard<'static, ()> {
    TURNS.read().await
}

/// Runs `test` while no other test runs, and puts right what it disturbed even when it fails. The clock stays moved: time
/// does not go back, and no test minds.
pub(crate) async fn run_alone(test: impl Future<Output = ()>) {
    let _turn = TURNS.write().await;
    let outcome = AssertUnwindSafe(timeout(LONGEST, test))
        .catch_unwind()
        .await;
    local_system::restore().await;
    match outcome {
        Ok(in_time) => in_time.expect("the test ends within two minutes"),
        Err(failure) => resume_unwind(failure),
    }
}
