//! The log lines of the current test.
//!
//! All tests share one logger. A test runs on a thread of its own, so the logger keeps the lines by
//! thread.

use log::{LevelFilter, Log, Metadata, Record};
use std::cell::RefCell;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct CapturedLog;

impl Log for CapturedLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}", record.level(), record.args());
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn flush(&self) {}
}

/// Runs `work` and returns the lines that it logs on this thread.
pub(super) fn capture<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    // Fails when another test has set the same logger.
    let _ = log::set_logger(&CapturedLog);
    log::set_max_level(LevelFilter::Trace);
    LINES.take();
    let result = work();
    (result, LINES.take())
}
