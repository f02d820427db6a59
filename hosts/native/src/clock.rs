//! The system's clock, which tests can move or replace by a fixed one.

use jiff::{SignedDuration, Timestamp};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// The system's clock plus an offset that every clone shares.
///
/// Production hosts never move it. The local host moves it for tests.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    base: Base,
    offset_millis: Arc<AtomicI64>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Base {
    #[default]
    System,
    Fixed(Timestamp),
}

impl Clock {
    /// A clock that stays at `moment` until it is moved.
    #[must_use]
    pub fn standing_at(moment: Timestamp) -> Self {
        Self {
            base: Base::Fixed(moment),
            offset_millis: Arc::default(),
        }
    }

    /// The base time plus all steps of [`Clock::advance`].
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that reads the system's clock"
    )]
    pub fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_millis(self.offset_millis.load(Ordering::Relaxed));
        let base = match self.base {
            Base::System => Timestamp::now(),
            Base::Fixed(moment) => moment,
        };
        base.checked_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves all clones of the clock forward by `step`. A negative step does nothing.
    pub fn advance(&self, step: SignedDuration) {
        let millis = i64::try_from(step.as_millis()).unwrap_or(0).max(0);
        self.offset_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standing_clock_moves_by_positive_steps_only() {
        let clock = Clock::standing_at(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        other.advance(SignedDuration::from_millis(1500));
        other.advance(SignedDuration::from_secs(-1));
        assert_eq!(clock.now(), Timestamp::from_millisecond(1500).unwrap());
    }
}
