//! Runs many seeds on several worker threads. Each worker has its own upstreams.

use crate::{
    mutations::Mutation,
    run::{Outcome, run},
    upstreams::Upstreams,
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) mutation: Option<Mutation>,
    pub(crate) stops_at_failure: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) done: u64,
    /// Sorted by seed.
    pub(crate) failed: Vec<Outcome>,
}

impl Seeds {
    /// Calls `progress` after each seed with the number of finished seeds.
    pub(crate) fn run(self, workers: u64, progress: impl Fn(u64, &Outcome) + Sync) -> Report {
        let next = AtomicU64::new(0);
        let is_stopped = AtomicBool::new(false);
        let report = Mutex::new(Report::default());
        thread::scope(|scope| {
            for _ in 0..workers.min(self.count) {
                scope.spawn(|| {
                    let mut upstreams = Upstreams::new(self.mutation);
                    while !is_stopped.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.count {
                            break;
                        }
                        let outcome = run(&mut upstreams, self.first + number);
                        let has_failed = outcome.has_failed();
                        let mut report = report.lock().unwrap();
                        report.done += 1;
                        progress(report.done, &outcome);
                        if has_failed {
                            report.failed.push(outcome);
                            is_stopped.fetch_or(self.stops_at_failure, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let mut report = report.into_inner().unwrap();
        report.failed.sort_by_key(|outcome| outcome.seed);
        report
    }
}
