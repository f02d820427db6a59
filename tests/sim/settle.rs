//! The last phase of a run: faults stop, all tasks finish, and crons run until no work is left.

use crate::{
    actors,
    cron_jobs::{COMPARISON, CRON_INTERVAL, CronJob},
    faults::Faults,
    run::Run,
    world::{Origin, Phase},
};
use jiff::{SignedDuration, Timestamp};

/// Far above the number that all tasks need to finish.
const MAX_EVENTS: u32 = 20_000;
/// Longer than the life of an authorization, which is the longest delay of any work.
const HORIZON: SignedDuration = SignedDuration::from_hours(40 * 24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The longest time between two comparisons of a captured payment.
const WEEK: SignedDuration = SignedDuration::from_hours(8 * 24);
/// Crons that meet no fault, within which every live payment is compared.
const FAIR_RUNS: u32 = 5;
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
        drop(state);
        self.faults = Faults::NONE;
        self.unkind.stop(self.upstreams.simulator());
        for behaviour in self.world.state().broken_orders.clone() {
            let _ = self.upstreams.simulator().set_behaviour(behaviour);
        }
        self.finish_tasks();
        if !self.has_violations() {
            self.check_fairness();
        }
        if !self.has_violations() {
            self.finish_work();
            self.check_pages();
        }
        if !self.has_violations() {
            self.check_final_state();
        }
        if !self.has_violations() {
            self.walk_out();
        }
    }

    /// Runs crons until no work is left, and compares every payment once more.
    fn finish_work(&mut self) {
        let horizon = self.world.now().checked_add(HORIZON).unwrap();
        // The last cron runs may make work due again.
        for _ in 0..MAX_ROUNDS {
            self.run_cron_jobs(horizon);
            self.run_all_crons();
            if self.next_job().is_none_or(|job| job.at >= horizon) {
                break;
            }
        }
        self.advance(WEEK);
        self.run_all_crons();
        self.read_everything();
    }

    fn run_all_crons(&mut self) {
        for path in actors::cron_paths() {
            actors::send_all_events(&self.world, self.upstreams.simulator());
            self.finish_tasks();
            actors::run_cron(&self.world, path);
            self.finish_tasks();
        }
    }

    fn read_everything(&mut self) {
        self.record_ledger();
        let origin = Origin {
            number: 0,
            name: "the end".to_owned(),
            instance: None,
        };
        self.record_books(&origin, false);
    }

    fn check_pages(&mut self) {
        actors::check_pages(&self.world);
        self.finish_tasks();
    }

    /// PayPal decides about everything. Then customers and operators take the way out of each
    /// state.
    fn walk_out(&mut self) {
        self.world
            .state()
            .note("customers and operators take the ways out");
        actors::decide_all(&self.world, self.upstreams.simulator());
        self.run_all_crons();
        self.read_everything();
        actors::take_ways_out(&self.world);
        self.finish_tasks();
        self.finish_work();
        // PayPal may have reviewed what was captured on the way.
        actors::decide_all(&self.world, self.upstreams.simulator());
        self.run_all_crons();
        self.finish_work();
        actors::acknowledge_findings(&self.world);
        self.finish_tasks();
        self.read_everything();
        self.check_pages();
        if !self.has_violations() {
            self.world.state().checks.check_ends();
        }
    }

    /// With a kind network, every due capture is made and every payment is compared, whatever else
    /// fails.
    fn check_fairness(&mut self) {
        let begin = self.world.now();
        for _ in 0..FAIR_RUNS {
            self.advance(CRON_INTERVAL);
            self.run_all_crons();
        }
        if !self.has_violations() {
            self.read_everything();
            self.world.state().checks.check_fairness(begin);
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
        // A payment under review is compared every hour.
        let comparison = decision.map(|at| CronJob {
            at: at.checked_add(HOUR).unwrap(),
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
