//! Tests that only use the system share it. A test that disturbs it runs alone.

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

static SYSTEM: RwLock<()> = RwLock::const_new(());

/// Ends a test that hangs, because others wait for it.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Waits until no test runs alone. The test keeps the guard until it ends.
pub(crate) async fn share_system() -> RwLockReadGuard<'static, ()> {
    SYSTEM.read().await
}

/// Runs `test` while no other test runs, and restores the system even when it fails.
///
/// The clock keeps its advance, because time cannot go back.
pub(crate) async fn run_alone(test: impl Future<Output = ()>) {
    let _guard = SYSTEM.write().await;
    let outcome = AssertUnwindSafe(timeout(TIMEOUT, test))
        .catch_unwind()
        .await;
    local_system::restore().await;
    match outcome {
        Ok(result) => result.expect("the test ends within two minutes"),
        Err(panic) => resume_unwind(panic),
    }
}
