//! The platform's cron: calls its routes about when it should, sometimes twice, sometimes not for days.

use super::caller::{Caller, Question};
use crate::{instances::CRON_SECRET, world::World};
use serde_json::Value;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// The routes that crons call, as the deployment names them.
pub(crate) static PATHS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let deployment: Value = serde_json::from_str(include_str!("../../../vercel.json")).unwrap();
    let crons = deployment["crons"].as_array().unwrap();
    crons
        .iter()
        .map(|cron| cron["path"].as_str().unwrap().to_owned())
        .collect()
});
/// The longest that a cron waits for its answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// Lives a cron's life.
pub(crate) async fn live(world: Arc<World>, number: u64, pace: u64) {
    let caller = Caller::new(&world, format!("203.0.113.{number}")).patient(PATIENCE);
    while world.is_lively() {
        let (minutes, path) = {
            let count = u64::try_from(PATHS.len()).unwrap();
            let random = &mut world.state().random;
            let minutes = random.weighted(&[(70, pace), (15, 1), (10, 4 * pace), (5, 20 * pace)]);
            (random.between(0, minutes), random.below(count))
        };
        caller.wait(Duration::from_secs(60 * minutes)).await;
        let path = &PATHS[usize::try_from(path).unwrap()];
        caller
            .ask(&Question::get(path.as_str()).bearer(CRON_SECRET))
            .await;
    }
}

/// Calls one route.
pub(crate) async fn run_once(world: Arc<World>, path: String) {
    let caller = Caller::new(&world, "203.0.113.9".to_owned()).patient(PATIENCE);
    caller.ask(&Question::get(path).bearer(CRON_SECRET)).await;
}
