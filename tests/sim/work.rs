//! The middle of a run: time goes from one thing that is due to the next, days or weeks at once, and everything still goes
//! wrong. So captures, renewals and refunds meet as much trouble as what comes before them.

use crate::{actors, due::CRON, run::Run, world::Phase};

/// How often time leaps.
const LEAPS: (u64, u64) = (4, 14);
/// How many things happen before it leaps again.
const EVENTS: (u64, u64) = (10, 60);

impl Run<'_> {
    /// Lets the crons work, two of them at once now and then, and somebody interfere.
    pub(crate) fn work(&mut self) {
        let leaps = {
            let mut state = self.world.state();
            state.phase = Phase::Working;
            state.note("from one thing that is due to the next");
            let (least, most) = LEAPS;
            state.random.between(least, most)
        };
        for leap in 0..leaps {
            let Some(due) = self.next_due() else {
                return;
            };
            let wait = due.at.duration_since(self.world.now());
            self.pass(wait.max(CRON));
            actors::run_cron(&self.world, due.path.clone());
            if self.world.state().random.chance(300) {
                actors::run_cron(&self.world, due.path);
            }
            actors::interfere(&self.world, self.upstreams.simulator(), leap);
            let (least, most) = EVENTS;
            let events = self.world.state().random.between(least, most);
            for _ in 0..events {
                if !self.step() {
                    break;
                }
            }
            if self.is_violated() {
                return;
            }
        }
    }
}
