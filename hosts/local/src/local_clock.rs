//! A clock that tests move forward. Its offset is saved and survives a restart.

use crate::{console, error::Error, private_files};
use exodrive_native::Clock;
use jiff::SignedDuration;
use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

pub(crate) struct LocalClock {
    clock: Clock,
    /// Added to the machine's clock.
    offset: Mutex<SignedDuration>,
    file: PathBuf,
}

impl LocalClock {
    /// A clock with the offset that an earlier start saved.
    pub(crate) fn open(file: PathBuf) -> Self {
        let clock = Clock::default();
        // An unreadable file counts as no offset, and the next move replaces it.
        let offset = fs::read_to_string(&file)
            .ok()
            .and_then(|text| text.trim().parse::<SignedDuration>().ok())
            .unwrap_or_default();
        if offset.is_positive() {
            console::log(&format!(
                "the local clock is still {offset:#} ahead (--fresh resets it)"
            ));
            clock.advance(offset.unsigned_abs());
        }
        Self {
            clock,
            offset: Mutex::new(offset),
            file,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Moves the clock forward and saves its offset.
    pub(crate) fn advance(&self, step: Duration) -> Result<(), Error> {
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        self.clock.advance(step);
        *offset = offset.saturating_add(step.try_into().unwrap_or(SignedDuration::MAX));
        private_files::write(&self.file, &offset.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_survives_restart() {
        let file = std::env::temp_dir().join(format!("exodrive-clock-{}", std::process::id()));
        private_files::remove_file(&file).unwrap();
        let step = Duration::from_secs(24 * 3600);
        LocalClock::open(file.clone()).advance(step).unwrap();
        let again = LocalClock::open(file.clone());
        again.advance(step).unwrap();
        let offset = LocalClock::open(file.clone())
            .clock()
            .now()
            .duration_since(Clock::default().now());
        private_files::remove_file(&file).unwrap();
        assert_eq!(
            offset.as_hours(),
            47,
            "48 hours minus the time between the two readings"
        );
    }
}
