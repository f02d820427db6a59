//! The clock that a test may move forward, and how far it was moved: a second start goes on in the same present.

use crate::{console, error::Error, state_dir};
use exodrive_native::Clock;
use jiff::SignedDuration;
use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// The local clock, and the file that remembers its lead over the machine's.
pub(crate) struct LocalClock {
    clock: Clock,
    ahead: Mutex<SignedDuration>,
    file: PathBuf,
}

impl LocalClock {
    /// The clock as an earlier start left it.
    pub(crate) fn open(file: PathBuf) -> Self {
        let clock = Clock::default();
        // A file that holds anything else is no lead; the next move replaces it.
        let ahead = fs::read_to_string(&file)
            .ok()
            .and_then(|text| text.trim().parse::<SignedDuration>().ok())
            .unwrap_or_default();
        if ahead.is_positive() {
            console::log(&format!(
                "the local clock is still {ahead:#} ahead (--fresh sets it right)"
            ));
            clock.advance(ahead);
        }
        Self {
            clock,
            ahead: Mutex::new(ahead),
            file,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Moves the clock forward and remembers it.
    pub(crate) fn advance(&self, step: SignedDuration) -> Result<(), Error> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        self.clock.advance(step);
        *ahead = ahead.saturating_add(step);
        state_dir::write_private(&self.file, &ahead.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_outlives_the_process() {
        let file = std::env::temp_dir().join(format!("exodrive-clock-{}", std::process::id()));
        state_dir::remove_file(&file).unwrap();
        let step = SignedDuration::from_hours(24);
        LocalClock::open(file.clone()).advance(step).unwrap();
        let again = LocalClock::open(file.clone());
        again.advance(step).unwrap();
        let lead = LocalClock::open(file.clone())
            .clock()
            .now()
            .duration_since(Clock::default().now());
        state_dir::remove_file(&file).unwrap();
        assert_eq!(
            lead.as_hours(),
            47,
            "48 hours less the moment between two readings"
        );
    }
}
