//! Logs one line per record on standard error, which every platform collects.

use log::{LevelFilter, Log, Metadata, Record};
use std::io::Write as _;

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // Standard error has no buffer, so a line in one piece saves a dozen system calls.
            let level = record.level().as_str().to_ascii_lowercase();
            let line = format!("level={level} {}\n", record.args());
            // A closed log must not stop the product.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Sends records of `level` and above to standard error.
pub fn log_to_stderr(level: LevelFilter) {
    static LOGGER: StandardError = StandardError;
    // A second call keeps the first logger.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(level);
    }
}
