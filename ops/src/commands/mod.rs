//! The commands of `exo`, one per file.

mod cache;
mod completions;
mod findings;
mod man;
mod metrics;
mod migrate;
mod notes;
mod number;
mod rate_limits;
mod reconcile;

use crate::{console::Console, error::Error};
use clap::{Parser, Subcommand};
use serde_json::Value;

/// The command line of `exo`.
#[derive(Debug, Parser)]
#[command(
    name = "exo",
    version,
    about = "Operate a deployment of ExoDrive",
    long_about = None,
    args_override_self = true,
    after_help = notes::OVERVIEW
)]
pub(crate) struct CommandLine {
    #[arg(
        long,
        global = true,
        display_order = 100,
        help = "Print one JSON document: the result, or the error on standard error"
    )]
    json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Migrate(migrate::Arguments),
    Reconcile(reconcile::Arguments),
    Findings(findings::Arguments),
    Metrics(metrics::Arguments),
    RateLimits(rate_limits::Arguments),
    Cache(cache::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

impl Command {
    pub(crate) async fn run(self, console: &Console) -> Result<Report, Error> {
        match self {
            Self::Migrate(arguments) => arguments.run(console).await,
            Self::Reconcile(arguments) => arguments.run().await,
            Self::Findings(arguments) => arguments.run().await,
            Self::Metrics(arguments) => arguments.run().await,
            Self::RateLimits(arguments) => arguments.run().await,
            Self::Cache(arguments) => arguments.run().await,
            Self::Completions(arguments) => Ok(arguments.run()),
            Self::Man(arguments) => arguments.run(),
        }
    }
}

/// The result of a command, as text and as JSON.
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
    pub(crate) document: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    /// An operator must look at the result.
    NeedsOperator,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    pub(super) fn parse(words: &[&str]) -> Result<Command, clap::Error> {
        let words = ["exo"].iter().chain(words);
        CommandLine::try_parse_from(words).map(|command_line| command_line.command)
    }

    pub(super) fn assert_refused(words: &[&str]) {
        let refused = parse(words).unwrap_err();
        assert!(
            refused.use_stderr() && refused.exit_code() == 2,
            "{words:?}"
        );
    }

    #[test]
    fn definition_is_sound() {
        CommandLine::command().debug_assert();
    }
}
