//! Lost connections to Redis, and one connection for all clients.

use super::{Emulator, Redis};
use http::StatusCode;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn stopped_redis_is_500_until_restarted() {
    let mut redis = Redis::start().await;
    let emulator = redis.emulator();
    assert_eq!(
        emulator.post("/", json!(["PING"])).await,
        (StatusCode::OK, json!({"result": "PONG"}))
    );

    redis.stop().await;
    let unreachable = json!({"error": "ERR the database cannot be reached"});
    for path in ["/pipeline", "/multi-exec"] {
        let response = timeout(
            Duration::from_secs(2),
            emulator.post(path, json!([["PING"]])),
        )
        .await
        .unwrap();
        assert_eq!(
            response,
            (StatusCode::INTERNAL_SERVER_ERROR, unreachable.clone())
        );
    }
    assert_eq!(
        emulator.post("/", json!(["PING"])).await,
        (StatusCode::INTERNAL_SERVER_ERROR, unreachable)
    );

    redis.restart().await;
    assert_eq!(
        emulator.post("/", json!(["PING"])).await,
        (StatusCode::OK, json!({"result": "PONG"}))
    );
}

#[tokio::test]
async fn restart_between_requests_causes_no_error() {
    let mut redis = Redis::start().await;
    let emulator = redis.emulator();
    assert_eq!(
        emulator.post("/", json!(["SET", "k", 1])).await.0,
        StatusCode::OK
    );
    redis.stop().await;
    redis.restart().await;
    assert_eq!(
        emulator.post("/", json!(["GET", "k"])).await,
        (StatusCode::OK, json!({"result": null}))
    );
}

#[tokio::test]
async fn clients_share_one_connection() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let requests = (0..200).map(|number| {
        let emulator = &emulator;
        async move {
            let body = json!([
                ["SET", format!("k{number}"), number],
                ["GET", format!("k{number}")]
            ]);
            let path = if number % 2 == 0 {
                "/pipeline"
            } else {
                "/multi-exec"
            };
            let response = emulator.post(path, body).await;
            assert_eq!(
                response,
                (
                    StatusCode::OK,
                    json!([{"result": "OK"}, {"result": number.to_string()}])
                )
            );
        }
    });
    futures_util::future::join_all(requests).await;
    let (_, clients) = emulator.post("/", json!(["INFO", "clients"])).await;
    assert!(
        clients["result"]
            .as_str()
            .unwrap()
            .contains("connected_clients:1\r\n"),
        "{clients}"
    );
}

#[tokio::test]
async fn unix_socket_works() {
    let redis = Redis::start().await;
    let address = format!("unix://{}", redis.folder.join("redis.sock").display());
    let emulator = Emulator::over(redis::Client::open(address).unwrap());
    assert_eq!(
        emulator.post("/", json!(["PING"])).await,
        (StatusCode::OK, json!({"result": "PONG"}))
    );
}
