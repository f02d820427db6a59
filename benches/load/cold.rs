//! A thousand simultaneous requests for an uncached response, spread over all processes of the
//! function.

use crate::{connection::Connection, local::Local, targets::Targets, times::Times};
use futures_util::future::join_all;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep};

const REQUESTS: usize = 1_000;
const ROUNDS: usize = 5;

/// Waits until the process uses Redis. A slow start or the last round may have opened its breaker.
async fn await_redis(connection: &mut Connection) {
    while connection.get("/api/cars").await.header("x-cache") == "BYPASS" {
        sleep(Duration::from_millis(200)).await;
    }
}

pub(crate) async fn measure(targets: &Targets) {
    let ports = targets.ports("cars");
    let mut local = Local::open(targets.port("local")).await;
    for round in 0..ROUNDS {
        // Connections are opened first, so that the requests are simultaneous.
        let opening = (0..REQUESTS).map(|number| Connection::open(ports[number % ports.len()]));
        let mut connections = join_all(opening).await;
        for connection in connections.iter_mut().take(ports.len()) {
            await_redis(connection).await;
        }
        // No response is cached for this path. Each run has its own search, each round its own
        // price.
        let path = format!(
            "/api/cars?maxPrice=0.{round:02}&minPrice=0&search={}",
            std::process::id()
        );
        let before = local.requests().await;
        let started = Instant::now();
        let responses = join_all(connections.iter_mut().map(|connection| async {
            let response = connection.get(&path).await;
            (response, started.elapsed())
        }))
        .await;
        let calls = local.requests().await.database - before.database;
        let (mut outcomes, mut times) = (BTreeMap::new(), Times::default());
        for (response, time) in responses {
            *outcomes
                .entry(format!(
                    "{} {}",
                    response.status,
                    response.header("x-cache")
                ))
                .or_insert(0) += 1;
            times.add(time);
        }
        let processes = ports.len();
        println!(
            "{REQUESTS} requests, {processes} processes: {calls} database calls, {outcomes:?}, {}",
            times.sorted()
        );
    }
}
