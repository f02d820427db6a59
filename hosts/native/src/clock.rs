//! The clock, and how far a test has moved it.

use jiff::{SignedDuration, Timestamp};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// The system's clock plus an offset that every clone shares.
///
/// Production hosts never move it; the local host does when a test asks for time to pass.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    base: Base,
    offset_millis: Arc<AtomicI64>,
}

/// What the offset is added to.
#[derive(Clone, Copy, Debug, Default)]
enum Base {
    #[default]
    System,
    Standing(Timestamp),
}

impl Clock {
    /// A clock that stands at `moment` until it is moved.
    #[must_use]
    pub fn standing_at(moment: Timestamp) -> Self {
        Self {
            base: Base::Standing(moment),
            offset_millis: Arc::default(),
        }
    }

    /// The present moment, moved by everything [`Clock::advance`] was given.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the system's clock"
    )]
    pub fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_millis(self.offset_millis.load(Ordering::Relaxed));
        let base = match self.base {
            Base::System => Timestamp::now(),
            Base::Standing(moment) => moment,
        };
        base.checked_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock forward by `step` for every holder; a negative step does nothing.
    pub fn advance(&self, step: SignedDuration) {
        let millis = i64::try_from(step.as_millis()).unwrap_or(0).max(0);
        self.offset_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_only_when_it_is_moved() {
        let clock = Clock::standing_at(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        other.advance(SignedDuration::from_millis(1500));
        other.advance(SignedDuration::from_secs(-1));
        assert_eq!(clock.now(), Timestamp::from_millisecond(1500).unwrap());
    }
}
