//! Remembers across requests that Redis failed, so that an outage costs one request its 150 ms and the others nothing.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// How long Redis is left alone after its first failure; doubled with each failure in a row.
const FIRST_BREAK_MILLIS: i64 = 5_000;
/// How long at most.
const LONGEST_BREAK_MILLIS: i64 = 60_000;

/// Closed: Redis is asked. Open: it is left alone until a moment; then one request tries, and the others wait for its luck.
#[derive(Debug, Default)]
pub struct Breaker {
    /// Milliseconds since the Unix epoch; 0: closed.
    open_until: AtomicI64,
    failures: AtomicU32,
}

impl Breaker {
    /// Whether this request may ask Redis.
    pub(super) fn lets_through(&self, now: i64) -> bool {
        let until = self.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        // Whoever moves the moment on is the one who tries.
        now >= until
            && self
                .open_until
                .compare_exchange(
                    until,
                    now + FIRST_BREAK_MILLIS,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// Redis answered.
    pub(super) fn succeeded(&self) {
        if self.open_until.load(Ordering::Relaxed) != 0 {
            self.open_until.store(0, Ordering::Relaxed);
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Redis failed at `now`.
    pub(super) fn failed(&self, now: i64) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed).min(16);
        let pause = (FIRST_BREAK_MILLIS << before).min(LONGEST_BREAK_MILLIS);
        self.open_until.store(now + pause, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_tries_when_the_pause_is_over() {
        let breaker = Breaker::default();
        assert!(breaker.lets_through(1_000));
        breaker.failed(1_000);
        assert!(!breaker.lets_through(5_999));
        assert!(breaker.lets_through(6_000));
        assert!(!breaker.lets_through(6_000), "one is trying");
        breaker.succeeded();
        assert!(breaker.lets_through(6_001) && breaker.lets_through(6_001));
    }

    #[test]
    fn failures_in_a_row_lengthen_the_pause_to_a_minute() {
        let breaker = Breaker::default();
        let pauses: Vec<i64> = (0..6)
            .map(|_| {
                breaker.failed(0);
                breaker.open_until.load(Ordering::Relaxed)
            })
            .collect();
        assert_eq!(pauses, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
        breaker.succeeded();
        breaker.failed(0);
        assert!(breaker.lets_through(5_000));
    }
}
