//! The system clock. Tests can move it, or start it at a fixed time.

use jiff::{SignedDuration, Timestamp};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
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
    pub fn fixed_at(moment: Timestamp) -> Self {
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

    /// Moves all clones of the clock forward by `step`, in whole milliseconds.
    pub fn advance(&self, step: Duration) {
        let millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        let add = |offset: i64| Some(offset.saturating_add(millis));
        // Never fails, because `add` always returns a value.
        let _ = self
            .offset_millis
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_clock_moves_only_by_steps() {
        let clock = Clock::fixed_at(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        other.advance(Duration::from_millis(1500));
        assert_eq!(clock.now(), Timestamp::from_millisecond(1500).unwrap());
        other.advance(Duration::MAX);
        other.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
