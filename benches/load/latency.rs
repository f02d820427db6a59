//! How long a request takes when every upstream is five milliseconds away, as it is in a data centre.

use crate::{connection::Connection, figures::Times, local::Local, places::Places};
use serde_json::json;
use tokio::time::Instant;

pub(crate) async fn measure(places: &Places) {
    let port = places.port("cars");
    let mut local = Local::open(places.port("local")).await;
    local.trouble(&json!({"kind": "delay", "delayMs": 5})).await;
    let mut connection = Connection::open(port).await;
    let path = "/api/cars?limit=12";
    connection.get(path).await;
    let mut hits = Times::default();
    for _ in 0..1_000 {
        timed(&mut connection, path, "HIT", &mut hits).await;
    }
    println!("GET /api/cars, hit:  {}", hits.sorted());
    let mut misses = Times::default();
    for number in 0..400 {
        timed(
            &mut connection,
            &format!("/api/cars?maxPrice=9{number:04}"),
            "MISS",
            &mut misses,
        )
        .await;
    }
    println!("GET /api/cars, miss: {}", misses.sorted());
    local.trouble(&json!({"kind": "none"})).await;
}

/// Times one request. On a busy machine Redis may be given up for being slow, and such an answer says nothing about the others.
async fn timed(connection: &mut Connection, path: &str, expected: &str, times: &mut Times) {
    let asked = Instant::now();
    let answer = connection.get(path).await;
    assert_eq!(answer.status, 200, "{path}");
    if answer.header("x-cache") == expected {
        times.add(asked.elapsed());
    }
}
