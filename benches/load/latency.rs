//! The duration of a request with every upstream five milliseconds away, as in a data center.

use crate::{connection::Connection, local::Local, targets::Targets, times::Times};
use serde_json::json;
use tokio::time::Instant;

pub(crate) async fn measure(targets: &Targets) {
    let port = targets.port("cars");
    let mut local = Local::open(targets.port("local")).await;
    local
        .fault_all(&json!({"kind": "delay", "delayMs": 5}))
        .await;
    let mut connection = Connection::open(port).await;
    let path = "/api/cars?limit=12";
    connection.get(path).await;
    let mut hits = Times::default();
    for _ in 0..1_000 {
        time_request(&mut connection, path, "HIT", &mut hits).await;
    }
    println!("GET /api/cars, hit:  {}", hits.sorted());
    let mut misses = Times::default();
    for number in 0..400 {
        time_request(
            &mut connection,
            &format!("/api/cars?maxPrice=9{number:04}"),
            "MISS",
            &mut misses,
        )
        .await;
    }
    println!("GET /api/cars, miss: {}", misses.sorted());
    local.fault_all(&json!({"kind": "none"})).await;
}

/// Times one request. A response with another cache outcome does not count, because the breaker may
/// open on a busy machine.
async fn time_request(connection: &mut Connection, path: &str, expected: &str, times: &mut Times) {
    let started = Instant::now();
    let response = connection.get(path).await;
    assert_eq!(response.status, 200, "{path}");
    if response.header("x-cache") == expected {
        times.add(started.elapsed());
    }
}
