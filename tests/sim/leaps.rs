//! The second phase of a run, in which time leaps from one cron job to the next, by days or weeks.
//! Faults continue, so captures, reauthorizations and refunds meet them too.

use crate::{actors, cron_jobs::CRON_INTERVAL, run::Run, world::Phase};

const LEAPS: (u64, u64) = (4, 14);
const EVENTS_PER_LEAP: (u64, u64) = (10, 60);

impl Run<'_> {
    /// Runs crons, sometimes two at once. Operators, the dashboard and PayPal may act too.
    pub(crate) fn leap(&mut self) {
        let leaps = {
            let mut state = self.world.state();
            state.phase = Phase::Leaping;
            state.note("time leaps from one cron job to the next");
            let (least, most) = LEAPS;
            state.random.between(least, most)
        };
        for leap in 0..leaps {
            let Some(job) = self.next_cron_job() else {
                return;
            };
            let wait = job.at.duration_since(self.world.now());
            self.advance(wait.max(CRON_INTERVAL));
            actors::run_cron(&self.world, job.path.clone());
            if self.world.state().random.chance(300) {
                actors::run_cron(&self.world, job.path);
            }
            actors::interfere(&self.world, self.upstreams.simulator(), leap);
            let (least, most) = EVENTS_PER_LEAP;
            let events = self.world.state().random.between(least, most);
            for _ in 0..events {
                if !self.step() {
                    break;
                }
            }
            if self.has_violations() {
                return;
            }
        }
    }
}
