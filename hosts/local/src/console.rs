//! The terminal: results go to standard output, progress and failures to standard error.

use crate::error::Error;
use std::error::Error as _;

#[expect(
    clippy::print_stdout,
    reason = "the addresses and variables are this program's output"
)]
pub(crate) fn print(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "the log of a program in a terminal")]
pub(crate) fn log(line: &str) {
    eprintln!("exodrive-local: {line}");
}

/// Prints a failure and its chain of causes.
pub(crate) fn report(error: &Error) {
    log(&format!("error[{}]: {error}", error.code()));
    let mut cause = error.source();
    while let Some(deeper) = cause {
        log(&format!("  because: {deeper}"));
        cause = deeper.source();
    }
}
