//! The platform's cron: calls its routes about when it should, sometimes twice, sometimes not for days.

use super::caller::{Caller, Question};
use crate::{instances::CRON_SECRET, world::World};
use std::{sync::Arc, time::Duration};

/// The routes that crons call.
pub(crate) const PATHS: [&str; 1] = ["/api/admin/process-payment-captures"];
/// The longest that a cron waits for its answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// Lives a cron's life.
pub(crate) async fn live(world: Arc<World>, number: u64, pace: u64) {
    let caller = Caller::new(&world, format!("203.0.113.{number}")).patient(PATIENCE);
    while !world.is_ending() {
        let (minutes, path) = {
            let random = &mut world.state().random;
            let minutes = random.weighted(&[(70, pace), (15, 1), (10, 4 * pace), (5, 20 * pace)]);
            (random.between(0, minutes), random.pick(&PATHS))
        };
        caller.wait(Duration::from_secs(60 * minutes)).await;
        caller.ask(&Question::get(path).bearer(CRON_SECRET)).await;
    }
}

/// Calls one route.
pub(crate) async fn run_once(world: Arc<World>, path: &'static str) {
    let caller = Caller::new(&world, "203.0.113.9".to_owned()).patient(PATIENCE);
    caller.ask(&Question::get(path).bearer(CRON_SECRET)).await;
}
