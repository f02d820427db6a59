//! The variables that commands read.

use crate::error::Error;

/// A variable of the process's environment. An empty one counts as unset.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this program that reads its environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

/// A variable that a command needs. `advice` names the value to set.
pub(crate) fn required(name: &'static str, advice: &str) -> Result<String, Error> {
    variable(name).ok_or_else(|| Error::unset(name, advice))
}
