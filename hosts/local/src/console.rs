//! The terminal: results on standard output, everything said along the way on standard error.

use crate::error::Error;
use std::error::Error as _;

/// One line of result.
#[expect(
    clippy::print_stdout,
    reason = "the addresses and variables are this program's output"
)]
pub(crate) fn print(line: &str) {
    println!("{line}");
}

/// One line about what is going on.
#[expect(clippy::print_stderr, reason = "the log of a program in a terminal")]
pub(crate) fn log(line: &str) {
    eprintln!("exodrive-local: {line}");
}

/// A failure with everything that caused it.
pub(crate) fn report(error: &Error) {
    log(&format!("error[{}]: {error}", error.code()));
    let mut cause = error.source();
    while let Some(deeper) = cause {
        log(&format!("  because: {deeper}"));
        cause = deeper.source();
    }
}
