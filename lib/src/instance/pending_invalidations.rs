//! Invalidations that failed, until Redis has received them.

use super::cache_key::Subject;
use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The most subjects in memory: clients can make up names of cars.
const CAPACITY: usize = 1_000;
/// A retry that is this late was cut off: a Worker's work ends 30 seconds after the response. One
/// retry takes less.
const SLACK_MILLIS: i64 = 3_000;

/// Subjects whose invalidation Redis has not received, and the state of the one task that retries.
#[derive(Debug, Default)]
pub(crate) struct PendingInvalidations(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    subjects: Vec<Subject>,
    expires: i64,
    /// Until then a retry is expected from the task that retries.
    next_retry: i64,
}

impl PendingInvalidations {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes and returns the subjects, unless they have expired at `now`.
    pub(crate) fn take(&self, now: i64) -> Vec<Subject> {
        let mut state = self.state();
        let subjects = mem::take(&mut state.subjects);
        if now < state.expires {
            subjects
        } else {
            Vec::new()
        }
    }

    /// Adds subjects, which expire with all others at `expires` or later.
    pub(crate) fn add(&self, subjects: Vec<Subject>, expires: i64) {
        let mut state = self.state();
        state.expires = state.expires.max(expires);
        for subject in subjects {
            if state.subjects.len() < CAPACITY && !state.subjects.contains(&subject) {
                state.subjects.push(subject);
            }
        }
    }

    /// Makes the caller the task that retries, unless there is one.
    pub(crate) fn claims_retry(&self, now: i64) -> bool {
        let mut state = self.state();
        let claims = now >= state.next_retry;
        if claims {
            state.next_retry = now + SLACK_MILLIS;
        }
        claims
    }

    /// Records when the task retries next.
    pub(crate) fn schedule_retry(&self, at: i64) {
        self.state().next_retry = at.saturating_add(SLACK_MILLIS);
    }

    /// Records that the task has ended.
    pub(crate) fn end_retries(&self) {
        self.state().next_retry = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_retries_for_all() {
        let pending = PendingInvalidations::default();
        pending.add(vec![Subject::Fleet], 11_000);
        assert!(pending.claims_retry(1_000));
        pending.schedule_retry(6_000);
        pending.add(vec![Subject::Catalogue, Subject::Fleet], 12_000);
        assert!(!pending.claims_retry(8_999));
        assert_eq!(pending.take(11_999), [Subject::Fleet, Subject::Catalogue]);
        pending.add(vec![Subject::Fleet], 0);
        pending.schedule_retry(20_000);
        assert_eq!(pending.take(12_000), [], "expired");
        pending.end_retries();
        assert!(pending.claims_retry(12_000), "no task retries");
    }

    #[test]
    fn cut_off_task_is_replaced() {
        let pending = PendingInvalidations::default();
        assert!(pending.claims_retry(1_000));
        pending.schedule_retry(21_000);
        assert!(!pending.claims_retry(23_999));
        assert!(pending.claims_retry(24_000));
    }

    #[test]
    fn subjects_are_taken_once() {
        let pending = PendingInvalidations::default();
        pending.add(vec![Subject::Fleet], 1_000);
        assert_eq!(pending.take(0), [Subject::Fleet]);
        assert_eq!(pending.take(0), []);
    }
}
