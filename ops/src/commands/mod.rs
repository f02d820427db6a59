//! The subcommands, one a file.

mod cache;
mod metrics;
mod migrate;
mod options;
mod rate_limits;
mod reconcile;

use crate::error::Error;
use futures_util::future::BoxFuture;

/// Every subcommand, in the order in which `exo --help` names them.
pub(crate) const ALL: &[Command] = &[
    migrate::COMMAND,
    reconcile::COMMAND,
    metrics::COMMAND,
    rate_limits::COMMAND,
    cache::COMMAND,
];

/// One subcommand.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// One line for `exo --help`.
    pub(crate) summary: &'static str,
    /// What `exo NAME --help` says.
    pub(crate) usage: &'static str,
    /// Runs it with the words after its name.
    pub(crate) run: fn(Vec<String>) -> BoxFuture<'static, Result<Outcome, Error>>,
}

/// How a command ended that got to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is nothing to do.
    Well,
    /// What was found waits for an operator.
    Attention,
}

/// The error of a word that means nothing to a command.
fn unknown(word: &str) -> Error {
    Error::Usage(format!("unknown argument {word:?}"))
}
