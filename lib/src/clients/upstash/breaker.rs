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

/// Leave to ask Redis once. What comes of it counts only while the breaker is as this attempt left it: of many requests that
/// fail together one opens the breaker, and what began before that can neither lengthen the pause nor end it.
#[derive(Debug)]
pub(super) struct Attempt {
    open_until: i64,
}

impl Breaker {
    /// Whether this request may ask Redis.
    pub(super) fn attempt(&self, now: i64) -> Option<Attempt> {
        let until = self.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return Some(Attempt { open_until: 0 });
        }
        // Whoever moves the moment on is the one who tries.
        let next = now + FIRST_BREAK_MILLIS;
        let is_turn = now >= until && self.replace(until, next);
        is_turn.then_some(Attempt { open_until: next })
    }

    /// Redis answered.
    pub(super) fn succeeded(&self, attempt: &Attempt) {
        if attempt.open_until != 0 && self.replace(attempt.open_until, 0) {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Redis failed at `now`.
    pub(super) fn failed(&self, attempt: &Attempt, now: i64) {
        let failures = self.failures.load(Ordering::Relaxed);
        let pause = (FIRST_BREAK_MILLIS << failures.min(16)).min(LONGEST_BREAK_MILLIS);
        if self.replace(attempt.open_until, now + pause) {
            self.failures.store(failures + 1, Ordering::Relaxed);
        }
    }

    fn replace(&self, from: i64, to: i64) -> bool {
        self.open_until
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_tries_when_the_pause_is_over() {
        let breaker = Breaker::default();
        breaker.failed(&breaker.attempt(1_000).unwrap(), 1_000);
        assert!(breaker.attempt(5_999).is_none());
        let probe = breaker.attempt(6_000).unwrap();
        assert!(breaker.attempt(6_000).is_none(), "one is trying");
        breaker.succeeded(&probe);
        assert!(breaker.attempt(6_001).is_some() && breaker.attempt(6_001).is_some());
    }

    #[test]
    fn a_probe_that_never_came_back_is_followed_by_another() {
        let breaker = Breaker::default();
        breaker.failed(&breaker.attempt(0).unwrap(), 0);
        assert!(breaker.attempt(5_000).is_some());
        assert!(breaker.attempt(9_999).is_none());
        assert!(breaker.attempt(10_000).is_some());
    }

    #[test]
    fn failures_in_a_row_lengthen_the_pause_to_a_minute() {
        let breaker = Breaker::default();
        let mut now = 0;
        for pause in [5_000, 10_000, 20_000, 40_000, 60_000, 60_000] {
            breaker.failed(&breaker.attempt(now).unwrap(), now);
            assert!(breaker.attempt(now + pause - 1).is_none(), "{pause}");
            now += pause;
        }
        breaker.succeeded(&breaker.attempt(now).unwrap());
        breaker.failed(&breaker.attempt(now).unwrap(), now);
        assert!(breaker.attempt(now + 5_000).is_some());
    }

    /// One hiccup under load is one failure, not as many as there were requests.
    #[test]
    fn requests_that_fail_together_open_the_breaker_once() {
        let breaker = Breaker::default();
        let together: Vec<Attempt> = (0..50).map(|_| breaker.attempt(0).unwrap()).collect();
        let (late, failing) = together.split_last().unwrap();
        for attempt in failing {
            breaker.failed(attempt, 150);
        }
        breaker.succeeded(late);
        assert!(breaker.attempt(5_149).is_none(), "still left alone");
        breaker.failed(&breaker.attempt(5_150).unwrap(), 5_150);
        assert!(breaker.attempt(15_149).is_none() && breaker.attempt(15_150).is_some());
    }
}
