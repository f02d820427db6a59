//! The progress of a long run on standard error, shown only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

const TICK_INTERVAL: Duration = Duration::from_millis(100);

/// A line with the running step and the time since the start. It disappears when dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn start(step: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        let progress = Self(bar);
        progress.set_step(step);
        progress.0.enable_steady_tick(TICK_INTERVAL);
        progress
    }

    pub(crate) fn set_step(&self, step: &str) {
        self.0.set_message(step.to_owned());
    }

    /// Hides the line while `print` prints.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
