use super::{Emulator, Redis};
use http::StatusCode;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn a_stopped_redis_is_500_at_once_and_a_started_one_answers_again() {
    let mut redis = Redis::start().await;
    let emulator = redis.emulator();
    assert_eq!(
        emulator.post("/", json!(["PING"])).await,
        (StatusCode::OK, json!({"result": "PONG"}))
    );

    redis.stop().await;
    let unreachable = json!({"error": "ERR the database cannot be reached"});
    for path in ["/pipeline", "/multi-exec"] {
        let answer = timeout(
            Duration::from_secs(2),
            emulator.post(path, json!([["PING"]])),
        )
        .await
        .unwrap();
        assert_eq!(
            answer,
            (StatusCode::INTERNAL_SERVER_ERROR, unreachable.clone())
        );
    }
    assert_eq!(
        emulator.post("/", json!(["PING"])).await,
        (StatusCode::INTERNAL_SERVER_ERROR, unreachable)
    );

    redis.start_again().await;
    assert_eq!(
        emulator.post("/", json!(["PING"])).await,
        (StatusCode::OK, json!({"result": "PONG"}))
    );
}

#[tokio::test]
async fn a_restart_between_two_requests_goes_unnoticed() {
    let mut redis = Redis::start().await;
    let emulator = redis.emulator();
    assert_eq!(
        emulator.post("/", json!(["SET", "k", 1])).await.0,
        StatusCode::OK
    );
    redis.stop().await;
    redis.start_again().await;
    assert_eq!(
        emulator.post("/", json!(["GET", "k"])).await,
        (StatusCode::OK, json!({"result": null}))
    );
}

#[tokio::test]
async fn callers_share_one_connection_and_get_their_own_answers() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let asked = (0..200).map(|number| {
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
            let answer = emulator.post(path, body).await;
            assert_eq!(
                answer,
                (
                    StatusCode::OK,
                    json!([{"result": "OK"}, {"result": number.to_string()}])
                )
            );
        }
    });
    futures_util::future::join_all(asked).await;
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
async fn a_unix_socket_will_do() {
    let redis = Redis::start().await;
    let address = format!("unix://{}", redis.folder.join("redis.sock").display());
    let emulator = Emulator::over(redis::Client::open(address).unwrap());
    assert_eq!(
        emulator.post("/", json!(["PING"])).await,
        (StatusCode::OK, json!({"result": "PONG"}))
    );
}
