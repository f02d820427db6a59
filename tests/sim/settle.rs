//! The last phase of a run: faults stop, all tasks finish, and crons run until no work is left.

use crate::{
    actors,
    cron_jobs::{CRON_INTERVAL, CronJob},
    faults::Faults,
    run::Run,
    world::Phase,
};
use jiff::{SignedDuration, Timestamp};

/// Far above the number that all tasks need to finish.
const MAX_EVENTS: u32 = 20_000;
/// Longer than the life of an authorization, which is the longest delay of any work.
const HORIZON: SignedDuration = SignedDuration::from_hours(40 * 24);
const COMPARISON: &str = "/api/admin/payments/reconcile";
/// The longest time between two comparisons of a captured payment.
const WEEK: SignedDuration = SignedDuration::from_hours(8 * 24);
/// Above the number of cron jobs in a round. Postponed work needs several.
const MAX_JOBS: u32 = 60;
/// Above the number of rounds in which work becomes due again.
const MAX_ROUNDS: u32 = 4;

impl Run<'_> {
    /// Finishes all work and checks the result.
    pub(crate) fn settle(&mut self) {
        let mut state = self.world.state();
        state.note("faults stop");
        state.phase = Phase::Settling;
        for pending in state.in_flight.values_mut() {
            pending.is_delayed = false;
        }
        let horizon = state.clock.now().checked_add(HORIZON).unwrap();
        drop(state);
        self.faults = Faults::NONE;
        self.unkind.stop(self.upstreams.simulator());
        self.finish_tasks();
        // The last cron runs may make work due again.
        for _ in 0..MAX_ROUNDS {
            self.run_cron_jobs(horizon);
            for path in actors::cron_paths() {
                actors::send_all_events(&self.world, self.upstreams.simulator());
                self.finish_tasks();
                actors::run_cron(&self.world, path);
                self.finish_tasks();
            }
            if self.next_job().is_none_or(|job| job.at >= horizon) {
                break;
            }
        }
        // Every payment is compared once more.
        self.advance(WEEK);
        actors::run_cron(&self.world, COMPARISON.to_owned());
        self.finish_tasks();
        let origin = self
            .world
            .start("the end".to_owned(), None, Box::pin(async {}));
        self.record_books(&origin, false);
        self.record_ledger();
        self.finish_tasks();
        if !self.has_violations() {
            self.check_final_state();
        }
    }

    fn run_cron_jobs(&mut self, horizon: Timestamp) {
        for _ in 0..MAX_JOBS {
            let Some(job) = self.next_job().filter(|job| job.at < horizon) else {
                return;
            };
            if self.has_violations() {
                return;
            }
            let wait = job.at.duration_since(self.world.now());
            self.advance(wait.max(CRON_INTERVAL));
            actors::send_all_events(&self.world, self.upstreams.simulator());
            actors::run_cron(&self.world, job.path);
            self.finish_tasks();
        }
    }

    /// The next cron job, or the comparison after PayPal's next decision.
    fn next_job(&mut self) -> Option<CronJob> {
        let state = self.world.state();
        let decision = state.checks.ledger.next_decision(state.clock.now());
        drop(state);
        let comparison = decision.map(|at| CronJob {
            at,
            path: COMPARISON.to_owned(),
        });
        let job = self.next_cron_job();
        job.into_iter().chain(comparison).min_by_key(|job| job.at)
    }

    fn finish_tasks(&mut self) {
        for _ in 0..MAX_EVENTS {
            if !self.step() {
                break;
            }
        }
        let mut state = self.world.state();
        if state.checks.violations().is_empty() && !self.tasks.is_empty() {
            let names = self.tasks.names().join(", ");
            state
                .checks
                .report(format!("some tasks never finish: {names}"));
        }
    }
}
