//! The warming itself, as far as the deadline allows.

use crate::{
    app::App,
    flows::cache::{read::LoadFn, warm::warm},
    instance::cache_key::CacheKey,
    platform::Deadline,
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use std::{ops::ControlFlow, time::Duration};

/// Enough loads at a time to hide the latency of the database, and few enough to leave capacity for
/// visitors.
const CONCURRENCY: usize = 6;
/// No task starts with less time left, so that the started ones end before the deadline.
const MIN_TASK_TIME: Duration = Duration::from_secs(15);
/// After so many errors the other tasks would fail too.
const MAX_ERRORS: usize = 10;

/// The kind of a response.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Page,
    Car,
    Availability,
}

/// One response to load.
pub(super) struct Task {
    pub(super) part: Part,
    /// The response in error texts.
    pub(super) label: String,
    pub(super) key: CacheKey,
    pub(super) load: LoadFn,
}

/// The result of a run.
#[derive(Debug, Default, Serialize)]
pub(super) struct Progress {
    pub(super) warmed: WarmedCounts,
    /// Tasks that did not start, because of the deadline or of too many errors.
    pub(super) left: usize,
    pub(super) errors: Vec<String>,
}

/// Warmed responses by kind.
#[derive(Debug, Default, Serialize)]
pub(super) struct WarmedCounts {
    pages: u32,
    cars: u32,
    availability: u32,
}

impl WarmedCounts {
    pub(super) fn total(&self) -> u32 {
        self.pages + self.cars + self.availability
    }

    fn count(&mut self, part: Part) {
        *match part {
            Part::Page => &mut self.pages,
            Part::Car => &mut self.cars,
            Part::Availability => &mut self.availability,
        } += 1;
    }
}

/// Runs `tasks` in their order until `deadline`.
pub(super) async fn run(app: &App, deadline: Deadline, tasks: Vec<Task>) -> Progress {
    let mut progress = Progress {
        left: tasks.len(),
        ..Progress::default()
    };
    let mut results = stream::iter(tasks)
        .map(async |task| {
            let now = app.platform().now();
            if deadline.left(now) < MIN_TASK_TIME {
                return ControlFlow::Break(());
            }
            let result = warm(app, deadline, task.key, task.load).await;
            ControlFlow::Continue((task.part, task.label, result))
        })
        .buffer_unordered(CONCURRENCY);
    while let Some(result) = results.next().await {
        // Tasks that started earlier still run to their end.
        let ControlFlow::Continue((part, label, result)) = result else {
            continue;
        };
        progress.left -= 1;
        match result {
            Ok(true) => progress.warmed.count(part),
            // The car was withdrawn after the plan.
            Ok(false) => {}
            Err(error) => {
                log::warn!("cache-warm: {label}: {error}");
                progress.errors.push(format!("{label} could not be warmed"));
            }
        }
        if progress.errors.len() >= MAX_ERRORS {
            break;
        }
    }
    progress
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
