//! The platform's crons, which call their routes at about the right time, sometimes twice or days
//! late.

use super::client::{ApiRequest, Client};
use crate::{instances::CRON_SECRET, world::World};
use serde_json::Value;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// The routes that `vercel.json` lists.
pub(crate) static PATHS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let deployment: Value = serde_json::from_str(include_str!("../../../vercel.json")).unwrap();
    let crons = deployment["crons"].as_array().unwrap();
    crons
        .iter()
        .map(|cron| cron["path"].as_str().unwrap().to_owned())
        .collect()
});
const TIMEOUT: Duration = Duration::from_secs(300);

pub(crate) async fn run(world: Arc<World>, number: u64, usual_minutes: u64) {
    let client = Client::new(&world, format!("203.0.113.{number}")).with_timeout(TIMEOUT);
    while world.is_active() {
        let (minutes, path) = {
            let count = u64::try_from(PATHS.len()).unwrap();
            let random = &mut world.state().random;
            let minutes = random.weighted(&[
                (70, usual_minutes),
                (15, 1),
                (10, 4 * usual_minutes),
                (5, 20 * usual_minutes),
            ]);
            (random.between(0, minutes), random.below(count))
        };
        client.wait(Duration::from_secs(60 * minutes)).await;
        let path = &PATHS[usize::try_from(path).unwrap()];
        client
            .send(&ApiRequest::get(path.as_str()).bearer(CRON_SECRET))
            .await;
    }
}

pub(crate) async fn call_once(world: Arc<World>, path: String) {
    let client = Client::new(&world, "203.0.113.9".to_owned()).with_timeout(TIMEOUT);
    client
        .send(&ApiRequest::get(path).bearer(CRON_SECRET))
        .await;
}
