//! Environment variables, and ids that no earlier run has used.

use std::io::{Write as _, stderr};
use uuid::Uuid;

/// The value of a required variable.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is a host: it reads its own environment"
)]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run script/test, which starts a system and sets it")
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test is a host: it reads its own environment"
)]
pub(crate) fn variable_or(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// The address of the product, without a trailing slash.
pub(crate) fn base_url() -> String {
    variable("BASE_URL").trim_end_matches('/').to_owned()
}

/// The address of `/_local/*`, without a trailing slash.
pub(crate) fn local_url() -> String {
    variable("LOCAL_URL").trim_end_matches('/').to_owned()
}

/// Whether `test` runs on this host: on the local one, which can be started once more, and whose
/// clock moves while it serves a request. Otherwise reports that the test is skipped.
pub(crate) fn runs_here(test: &str) -> bool {
    let is_local = base_url() == local_url();
    if !is_local {
        // Not eprintln!, because libtest hides its output when a test passes.
        let note = format!("skipped on this host: {test}\n");
        stderr().write_all(note.as_bytes()).unwrap();
    }
    is_local
}

#[expect(
    clippy::disallowed_methods,
    reason = "ids must be new even when the seed is not: data and caches outlive a run"
)]
pub(crate) fn new_uuid() -> Uuid {
    Uuid::new_v4()
}

/// A number below `limit`, new in each run as [`new_uuid`] is.
pub(crate) fn new_number(limit: usize) -> usize {
    let bytes: [u8; 4] = new_uuid().as_bytes()[..4].try_into().unwrap();
    usize::try_from(u32::from_be_bytes(bytes)).unwrap() % limit
}
