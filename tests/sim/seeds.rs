//! Many seeds, by several workers, each with upstreams of its own.

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

/// Which seeds to run, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) mutation: Option<Mutation>,
    /// The first seed that fails ends it.
    pub(crate) stops: bool,
}

/// What became of them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) done: u64,
    /// In the order of their seeds.
    pub(crate) failed: Vec<Outcome>,
}

impl Seeds {
    /// Runs them; `progress` is told of each one's end.
    pub(crate) fn run(self, workers: u64, progress: impl Fn(u64, &Outcome) + Sync) -> Report {
        let next = AtomicU64::new(0);
        let is_over = AtomicBool::new(false);
        let report = Mutex::new(Report::default());
        thread::scope(|scope| {
            for _ in 0..workers.min(self.count) {
                scope.spawn(|| {
                    let mut upstreams = Upstreams::new(self.mutation);
                    while !is_over.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.count {
                            break;
                        }
                        let outcome = run(&mut upstreams, self.first + number);
                        let has_failed = !outcome.violations.is_empty();
                        let mut report = report.lock().unwrap();
                        report.done += 1;
                        progress(report.done, &outcome);
                        if has_failed {
                            report.failed.push(outcome);
                            is_over.fetch_or(self.stops, Ordering::Relaxed);
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
