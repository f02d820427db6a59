//! The environment variables of this process.

use std::ffi::OsString;

/// Blank counts as unset.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this host that reads its environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

/// `PATH`.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this host that reads its environment"
)]
pub(crate) fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}
