//! A circuit breaker for Redis. One request of an instance waits for the timeout; the others skip
//! Redis.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// The pause after the first failure. Each further failure in a row doubles it.
const FIRST_BREAK_MILLIS: i64 = 5_000;
const LONGEST_BREAK_MILLIS: i64 = 60_000;

/// While the breaker is closed, all requests use Redis. While it is open, they skip Redis for a
/// pause. Then one request tries, and its result closes the breaker or prolongs the pause.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Milliseconds since the Unix epoch. 0 when closed.
    open_until: AtomicI64,
    failures: AtomicU32,
}

/// The permission for one request to Redis.
///
/// Its result counts only if the breaker has not changed since. Of many requests that fail
/// together, one opens the breaker. Earlier requests can neither prolong the pause nor end it.
#[derive(Debug)]
pub(super) struct Attempt {
    open_until: i64,
}

impl Breaker {
    /// Permits a request, unless the breaker is open or another request is trying.
    pub(super) fn attempt(&self, now: i64) -> Option<Attempt> {
        let until = self.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return Some(Attempt { open_until: 0 });
        }
        // The request that replaces the time is the one that tries.
        let next = now + FIRST_BREAK_MILLIS;
        let is_permitted = now >= until && self.replace(until, next);
        is_permitted.then_some(Attempt { open_until: next })
    }

    /// Records a reply.
    pub(super) fn succeeded(&self, attempt: &Attempt) {
        if attempt.open_until != 0 && self.replace(attempt.open_until, 0) {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Records a failure at `now`.
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
    fn one_request_tries_after_pause() {
        let breaker = Breaker::default();
        breaker.failed(&breaker.attempt(1_000).unwrap(), 1_000);
        assert!(breaker.attempt(5_999).is_none());
        let probe = breaker.attempt(6_000).unwrap();
        assert!(
            breaker.attempt(6_000).is_none(),
            "another request is trying"
        );
        breaker.succeeded(&probe);
        assert!(breaker.attempt(6_001).is_some() && breaker.attempt(6_001).is_some());
    }

    #[test]
    fn lost_attempt_is_followed_by_another() {
        let breaker = Breaker::default();
        breaker.failed(&breaker.attempt(0).unwrap(), 0);
        assert!(breaker.attempt(5_000).is_some());
        assert!(breaker.attempt(9_999).is_none());
        assert!(breaker.attempt(10_000).is_some());
    }

    #[test]
    fn pause_doubles_up_to_a_minute() {
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

    /// One short outage under load counts as one failure, not as one for each request.
    #[test]
    fn concurrent_failures_open_breaker_once() {
        let breaker = Breaker::default();
        let together: Vec<Attempt> = (0..50).map(|_| breaker.attempt(0).unwrap()).collect();
        let (late, failing) = together.split_last().unwrap();
        for attempt in failing {
            breaker.failed(attempt, 150);
        }
        breaker.succeeded(late);
        assert!(
            breaker.attempt(5_149).is_none(),
            "the breaker is still open"
        );
        breaker.failed(&breaker.attempt(5_150).unwrap(), 5_150);
        assert!(breaker.attempt(15_149).is_none() && breaker.attempt(15_150).is_some());
    }
}
