//! A clock that tests move forward. Its lead is saved and survives a restart.

use crate::{console, error::Error, state_dir};
use exodrive_native::Clock;
use jiff::SignedDuration;
use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

pub(crate) struct LocalClock {
    clock: Clock,
    /// The lead over the machine's clock.
    lead: Mutex<SignedDuration>,
    file: PathBuf,
}

impl LocalClock {
    /// A clock with the lead that an earlier start saved.
    pub(crate) fn open(file: PathBuf) -> Self {
        let clock = Clock::default();
        // An unreadable file counts as no lead, and the next move replaces it.
        let lead = fs::read_to_string(&file)
            .ok()
            .and_then(|text| text.trim().parse::<SignedDuration>().ok())
            .unwrap_or_default();
        if lead.is_positive() {
            console::log(&format!(
                "the local clock is still {lead:#} ahead (--fresh resets it)"
            ));
            clock.advance(lead);
        }
        Self {
            clock,
            lead: Mutex::new(lead),
            file,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Moves the clock forward and saves its lead.
    pub(crate) fn advance(&self, step: SignedDuration) -> Result<(), Error> {
        let mut lead = self.lead.lock().unwrap_or_else(PoisonError::into_inner);
        self.clock.advance(step);
        *lead = lead.saturating_add(step);
        state_dir::write_private(&self.file, &lead.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lead_survives_restart() {
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
            "48 hours minus the time between the two readings"
        );
    }
}
