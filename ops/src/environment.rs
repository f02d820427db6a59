//! The variables that commands read.

use crate::error::Error;

/// A variable of the process' environment; an empty one counts as unset.
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

/// A variable without which there is nothing to do; `meaning` says what it should hold.
pub(crate) fn required(name: &'static str, meaning: &str) -> Result<String, Error> {
    variable(name).ok_or_else(|| Error::Variable {
        variable: name,
        problem: format!("is not set: {meaning}"),
    })
}
