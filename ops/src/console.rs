//! The terminal: the result goes to standard output, everything else to standard error.
//!
//! A reader that stops reading (`exo … | head`) must not stop the work, so failed writes are
//! ignored.

use crate::{commands::Report, error::Error};
use serde_json::json;
use std::{
    error::Error as _,
    io::{self, Write as _},
};

/// The format in which a command prints.
///
/// With `--json`, the result is one document on standard output, or the error is one document on
/// standard error.
pub(crate) struct Console {
    is_json: bool,
}

impl Console {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Lines on standard output.
    pub(crate) fn print_text(lines: &str) {
        let _ = writeln!(io::stdout(), "{lines}");
    }

    /// Lines on standard error.
    pub(crate) fn log(lines: &str) {
        let _ = writeln!(io::stderr(), "{lines}");
    }

    /// A line of the result that a long run prints early. The JSON document holds it at the end.
    pub(crate) fn print_step(&self, line: &str) {
        if !self.is_json {
            Self::print_text(line);
        }
    }

    /// A line on standard error that is neither result nor failure.
    pub(crate) fn notify(&self, line: &str) {
        if !self.is_json {
            Self::log(&format!("exo: {line}"));
        }
    }

    pub(crate) fn print_report(&self, report: &Report) {
        if self.is_json {
            Self::print_text(&report.document.to_string());
        } else {
            Self::print_text(&report.text);
        }
    }

    /// A failure with its causes.
    pub(crate) fn print_failure(&self, error: &Error) {
        let separator = if self.is_json { ": " } else { "\n  because: " };
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            message.push_str(separator);
            message.push_str(&deeper.to_string());
            cause = deeper.source();
        }
        self.print_error(error.code(), &message);
    }

    pub(crate) fn print_error(&self, code: &str, message: &str) {
        if self.is_json {
            let document = json!({"error": {"code": code, "message": message}});
            Self::log(&document.to_string());
        } else {
            Self::log(&format!("exo: error[{code}]: {message}"));
        }
    }
}

/// Replaces the control characters of text from outside, because they could control the terminal.
pub(crate) fn sanitize(text: &str) -> String {
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
