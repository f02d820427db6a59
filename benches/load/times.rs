//! Durations of requests and their percentiles.

use std::{fmt, time::Duration};

#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A percentile of sorted times, in milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent).div_ceil(100).max(1) - 1;
        self.0.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort_unstable();
        self
    }
}

/// Expects sorted times.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p95, p99] = [50, 95, 99].map(|percent| self.percentile(percent));
        write!(
            f,
            "p50 {p50:.2} ms, p95 {p95:.2} ms, p99 {p99:.2} ms (of {})",
            self.len()
        )
    }
}
