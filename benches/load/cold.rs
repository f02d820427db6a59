//! A thousand requests at the same moment for an answer that nobody has, over all processes of the function.

use crate::{connection::Connection, figures::Times, local::Local, places::Places};
use futures_util::future::join_all;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep};

const REQUESTS: usize = 1_000;
const ROUNDS: usize = 5;

/// Waits until the process behind `connection` uses Redis: it may have started, or met the last crowd, too slowly for it.
async fn use_redis(connection: &mut Connection) {
    while connection.get("/api/cars").await.header("x-cache") == "BYPASS" {
        sleep(Duration::from_millis(200)).await;
    }
}

pub(crate) async fn measure(places: &Places) {
    let ports = places.ports("cars");
    let mut local = Local::open(places.port("local")).await;
    for round in 0..ROUNDS {
        // Connected beforehand, so that the requests do come at the same moment.
        let opening = (0..REQUESTS).map(|number| Connection::open(ports[number % ports.len()]));
        let mut connections = join_all(opening).await;
        for connection in connections.iter_mut().take(ports.len()) {
            use_redis(connection).await;
        }
        // No car costs so little, and no other run asks for exactly that.
        let path = format!(
            "/api/cars?maxPrice=0.{round:02}&minPrice=0&search={}",
            std::process::id()
        );
        let before = local.asked().await;
        let started = Instant::now();
        let answers = join_all(connections.iter_mut().map(|connection| async {
            let answer = connection.get(&path).await;
            (answer, started.elapsed())
        }))
        .await;
        let asked = local.asked().await.database - before.database;
        let (mut outcomes, mut times) = (BTreeMap::new(), Times::default());
        for (answer, taken) in answers {
            *outcomes
                .entry(format!("{} {}", answer.status, answer.header("x-cache")))
                .or_insert(0) += 1;
            times.add(taken);
        }
        let processes = ports.len();
        println!(
            "{REQUESTS} requests, {processes} processes: {asked} database calls; {outcomes:?}; {}",
            times.sorted()
        );
    }
}
