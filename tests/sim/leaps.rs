//! The second phase of a run, in which time leaps from one cron job to the next, by days or weeks.
//! Faults continue, so captures, reauthorizations and refunds meet them too.

use crate::{
    actors,
    cron_jobs::{COMPARISON, CRON_INTERVAL},
    run::Run,
    world::Phase,
};
use jiff::SignedDuration;

const LEAPS: (u64, u64) = (4, 14);
const EVENTS_PER_LEAP: (u64, u64) = (10, 60);

/// The days that pass at once, and the days between two runs of the crons.
const MONTHS: (i64, i64) = (20, 200);
const DAYS_BETWEEN_CRONS: i64 = 5;

impl Run<'_> {
    /// Rarely, months pass. Then authorizations have expired, and PayPal refunds nothing more.
    fn pass_months(&mut self) {
        let mut days = {
            let random = &mut self.world.state().random;
            let (least, most) = MONTHS;
            if !random.chance(8) {
                return;
            }
            let span = u64::try_from(most - least).unwrap();
            least + i64::try_from(random.below(span)).unwrap()
        };
        self.world.state().note(&format!("{days} days pass"));
        while days > 0 && !self.has_violations() {
            let step = days.min(DAYS_BETWEEN_CRONS);
            self.advance(SignedDuration::from_hours(24 * step));
            for path in actors::cron_paths() {
                actors::run_cron(&self.world, path);
                self.take_steps(EVENTS_PER_LEAP.0);
            }
            days -= step;
        }
    }

    fn take_steps(&mut self, steps: u64) {
        for _ in 0..steps {
            if !self.step() {
                break;
            }
        }
    }

    /// Payments are compared while nothing is due.
    fn compare_meanwhile(&mut self) {
        actors::run_cron(&self.world, COMPARISON.to_owned());
        self.take_steps(EVENTS_PER_LEAP.1);
    }

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
            self.pass_months();
            let Some(job) = self.next_cron_job() else {
                return;
            };
            let wait = job.at.duration_since(self.world.now()).max(CRON_INTERVAL);
            if self.world.state().random.chance(250) {
                self.advance(wait / 2);
                self.compare_meanwhile();
                self.advance(wait / 2);
            } else {
                self.advance(wait);
            }
            actors::run_cron(&self.world, job.path.clone());
            if self.world.state().random.chance(300) {
                actors::run_cron(&self.world, job.path);
            }
            actors::interfere(&self.world, self.upstreams.simulator(), leap);
            let (least, most) = EVENTS_PER_LEAP;
            let events = self.world.state().random.between(least, most);
            self.take_steps(events);
            if self.has_violations() {
                return;
            }
        }
    }
}
