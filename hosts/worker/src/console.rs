//! Logs one line per record on the console, which Workers Logs and `wrangler tail` collect.

use log::{Level, LevelFilter, Log, Metadata, Record};
use worker::{console_error, console_log, console_warn};

struct Console;

impl Log for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = record.level().as_str().to_ascii_lowercase();
        let text = record.args();
        match record.level() {
            Level::Error => console_error!("level={level} {text}"),
            Level::Warn => console_warn!("level={level} {text}"),
            _ => console_log!("level={level} {text}"),
        }
    }

    fn flush(&self) {}
}

/// Sends records of `level` and above to the console.
pub(crate) fn log_to_console(level: LevelFilter) {
    static LOGGER: Console = Console;
    // A second call keeps the first logger.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(level);
    }
}
