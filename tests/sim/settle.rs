//! The end of a run: faults stop, everybody finishes, and the crons work until nothing is left to do.

use crate::{actors, due::CRON, faults::Faults, run::Run, world::Phase};
use jiff::{SignedDuration, Timestamp};

/// Far more than anybody needs to finish.
const MOST_EVENTS: u32 = 20_000;
/// The farthest that anything is put off: the life of an authorization, and then some.
const HORIZON: SignedDuration = SignedDuration::from_hours(40 * 24);
/// Nothing is put off so often.
const MOST_ROUNDS: u32 = 60;
/// Nothing comes up again so often.
const MOST_ENDS: u32 = 4;

impl Run<'_> {
    /// Drives everything to its end and looks at it.
    pub(crate) fn settle(&mut self) {
        let mut state = self.world.state();
        state.note("faults stop");
        state.phase = Phase::Calm;
        for sending in state.under_way.values_mut() {
            sending.is_stuck = false;
        }
        let horizon = state.clock.now().checked_add(HORIZON).unwrap();
        drop(state);
        self.faults = Faults::NONE;
        self.finish();
        // The last runs may find something that is due again.
        for _ in 0..MOST_ENDS {
            self.work_off(horizon);
            for path in actors::crons() {
                actors::tell_all(&self.world, self.upstreams.simulator());
                self.finish();
                actors::run_cron(&self.world, path);
                self.finish();
            }
            if self.next_due().is_none_or(|due| due.at >= horizon) {
                break;
            }
        }
        if !self.is_violated() {
            self.see_the_end();
        }
    }

    /// Lets time pass from one due moment to the next, and each cron do its work.
    fn work_off(&mut self, horizon: Timestamp) {
        for _ in 0..MOST_ROUNDS {
            let Some(due) = self.next_due().filter(|due| due.at < horizon) else {
                return;
            };
            if self.is_violated() {
                return;
            }
            let wait = due.at.duration_since(self.world.now());
            self.pass(wait.max(CRON));
            actors::run_cron(&self.world, due.path);
            self.finish();
        }
    }

    /// Lets everybody come to their end.
    fn finish(&mut self) {
        for _ in 0..MOST_EVENTS {
            if !self.step() {
                break;
            }
        }
        let mut state = self.world.state();
        if state.checks.violations().is_empty() && !self.tasks.is_empty() {
            let waiting = self.tasks.names().join(", ");
            state
                .checks
                .violated(format!("some never come to their end: {waiting}"));
        }
    }
}
