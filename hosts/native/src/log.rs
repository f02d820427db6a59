//! One line a record on standard error, which every platform collects.

use log::{LevelFilter, Log, Metadata, Record};

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    #[expect(clippy::print_stderr, reason = "this is the log")]
    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!(
                "level={} {}",
                record.level().as_str().to_ascii_lowercase(),
                record.args()
            );
        }
    }

    fn flush(&self) {}
}

/// Sends the log to standard error: this product's own records from `level`, and nothing from the libraries.
pub fn log_to_stderr(level: LevelFilter) {
    static LOGGER: StandardError = StandardError;
    // A second call finds a logger in place, which is as good.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(level);
    }
}
