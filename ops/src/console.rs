//! The terminal: results on standard output, everything said along the way on standard error.
//!
//! Nobody reading (`exo … | head`) is no reason to stop in the middle of the work, so a refused write is let go.

use crate::error::Error;
use std::{
    error::Error as _,
    io::{self, Write as _},
};

/// Lines of result.
pub(crate) fn print(lines: &str) {
    let _ = writeln!(io::stdout(), "{lines}");
}

/// Lines about what is going on.
pub(crate) fn log(lines: &str) {
    let _ = writeln!(io::stderr(), "{lines}");
}

/// A failure with everything that caused it.
pub(crate) fn report(error: &Error) {
    log(&format!("exo: error[{}]: {error}", error.code()));
    let mut cause = error.source();
    while let Some(deeper) = cause {
        log(&format!("  because: {deeper}"));
        cause = deeper.source();
    }
}

/// What somebody else wrote, without the characters that would steer the terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}
