//! Parses a command line, runs it and returns the exit code.

use crate::{
    commands::{CommandLine, Outcome},
    console::Console,
};
use clap::{Parser as _, error::ErrorKind};
use std::{ffi::OsString, process::ExitCode};

/// The code of a wrong command line, beside those of [`Error::code`](crate::Error::code).
const USAGE: &str = "usage";

/// Runs `exo` with the program's name and the words after it.
///
/// The exit codes:
/// - 0: all is well
/// - 1: something failed or needs an operator
/// - 2: the command line or the environment is wrong
/// - 3: the database or the deployment cannot be reached or refuses
pub async fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    // If clap refuses the command line, `--json` still selects the format of the error.
    let is_json = words
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--json");
    let console = Console::new(is_json);
    let CommandLine { command, .. } = match CommandLine::try_parse_from(words) {
        Ok(command_line) => command_line,
        Err(error) => return print_usage(&error, &console),
    };
    match command.run(&console).await {
        Ok(report) => {
            console.print_report(&report);
            match report.outcome {
                Outcome::Success => ExitCode::SUCCESS,
                Outcome::NeedsOperator => ExitCode::from(1),
            }
        }
        Err(error) => {
            console.print_failure(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints the requested help or version, or the problem of the command line.
fn print_usage(error: &clap::Error, console: &Console) -> ExitCode {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Console::print_text(text.trim_end());
            return ExitCode::SUCCESS;
        }
        _ if console.is_json() => console.print_error(USAGE, &problem(error.kind(), &text)),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Console::log(text.trim_end()),
        _ => {
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            console.print_error(USAGE, text.trim_end());
        }
    }
    ExitCode::from(2)
}

/// The problem in one line, without the usage that follows it.
fn problem(kind: ErrorKind, text: &str) -> String {
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing. --help lists the commands".to_owned();
    }
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let (problem, _) = text.split_once("\n\nUsage:").unwrap_or((text, ""));
    let lines: Vec<&str> = problem
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .collect();
    lines.join("; ")
}
