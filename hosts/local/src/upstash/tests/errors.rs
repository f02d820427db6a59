//! Requests and commands that the emulator refuses.

use super::{Redis, TOKEN};
use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

fn refused(message: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, json!({ "error": message }))
}

#[tokio::test]
async fn wrong_or_missing_token_is_401() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let credentials = [
        None,
        Some("Bearer wrong".to_owned()),
        Some(format!("Basic {TOKEN}")),
        Some(format!("Bearer {TOKEN}x")),
        Some("Bearer ".to_owned()),
    ];
    for credential in credentials {
        let mut request = Request::post("/");
        if let Some(credential) = &credential {
            request = request.header(header::AUTHORIZATION, credential);
        }
        let response = emulator
            .send(request.body(Body::from(r#"["PING"]"#)).unwrap())
            .await;
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{credential:?}");
        assert_eq!(
            response.body,
            json!({"error": "WRONGPASS invalid or missing auth token"})
        );
    }
    assert_eq!(emulator.counts(), (5, 0));
}

#[tokio::test]
async fn malformed_bodies_are_400() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    for body in [
        json!({}),
        json!("PING"),
        json!([["PING"]]),
        json!(["SET", "k", null]),
        json!(["SET", "k", {"a": 1}]),
    ] {
        assert_eq!(
            emulator.post("/", body.clone()).await,
            refused("ERR failed to parse command"),
            "{body}"
        );
    }
    assert_eq!(
        emulator
            .request("POST", "/", Body::from("[\"GET\""), &[])
            .await,
        refused("ERR failed to parse command")
    );
    assert_eq!(
        emulator.request("GET", "/", Body::empty(), &[]).await,
        refused("ERR failed to parse command")
    );
    assert_eq!(
        emulator.post("/", json!([])).await,
        refused("ERR empty command")
    );
    assert_eq!(
        emulator.post("/pipeline", json!([])).await,
        refused("ERR empty pipeline request")
    );
    for body in [
        json!(["GET", "k"]),
        json!([[]]),
        json!([["GET", null]]),
        json!(null),
    ] {
        assert_eq!(
            emulator.post("/pipeline", body.clone()).await,
            refused("ERR failed to parse pipeline request"),
            "{body}"
        );
    }
    assert_eq!(
        emulator.post("/multi-exec", json!([])).await,
        refused("ERR empty transaction request")
    );
    assert_eq!(
        emulator.post("/multi-exec", json!(["GET"])).await,
        refused("ERR failed to parse transaction request")
    );
    assert_eq!(emulator.counts().1, 0);
}

#[tokio::test]
async fn redis_errors_are_passed_on_as_400() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    assert_eq!(
        emulator.post("/", json!(["GET"])).await,
        refused("ERR wrong number of arguments for 'get' command")
    );
    assert_eq!(
        emulator.post("/", json!(["SET", "k", "v", "EX", 0])).await,
        refused("ERR invalid expire time in 'set' command")
    );
    assert_eq!(
        emulator
            .post(
                "/",
                json!(["EVAL", "return redis.error_reply('OWN words')", 0])
            )
            .await,
        refused("OWN words")
    );
}

#[tokio::test]
async fn blocking_and_connection_commands_are_refused() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let commands = [
        json!(["multi"]),
        json!(["WATCH", "k"]),
        json!(["BLPOP", "l", 0]),
        json!(["SUBSCRIBE", "c"]),
        json!(["MONITOR"]),
        json!(["SELECT", 1]),
        json!(["CLIENT", "REPLY", "OFF"]),
        json!(["CONFIG", "GET", "*"]),
        json!(["SHUTDOWN"]),
        json!(["XREAD", "COUNT", 1, "block", 0, "STREAMS", "s", "$"]),
        json!([""]),
    ];
    for command in commands {
        let name = command[0].as_str().unwrap().to_uppercase();
        let message = format!(
            "ERR Command is not available: '{name}'. See https://upstash.com/docs/redis/overall/compatibility for details"
        );
        assert_eq!(emulator.post("/", command).await, refused(&message));
    }
    // A stream may have the option's name.
    assert_eq!(
        emulator
            .post("/", json!(["XREAD", "STREAMS", "block", "0"]))
            .await,
        (StatusCode::OK, json!({"result": null}))
    );
    assert_eq!(emulator.counts(), (12, 1));
}

#[tokio::test]
async fn unsupported_method_format_and_size_are_refused() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    assert_eq!(
        emulator
            .request("DELETE", "/get/k", Body::empty(), &[])
            .await,
        (
            StatusCode::METHOD_NOT_ALLOWED,
            json!({"error": "ERR method is not allowed, use one of HEAD, GET, POST and PUT"})
        )
    );
    assert_eq!(
        emulator
            .request(
                "GET",
                "/get/k",
                Body::empty(),
                &[("Upstash-Response-Format", "resp2")]
            )
            .await,
        refused("ERR unsupported response format")
    );
    let limit = 10 * 1024 * 1024;
    assert_eq!(
        emulator
            .request("POST", "/set/k", Body::from(vec![b'x'; limit + 1]), &[])
            .await,
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            json!({"error": "ERR max request size exceeded. Limit: 10485760 bytes"})
        )
    );
    assert_eq!(
        emulator
            .request("POST", "/set/k", Body::from(vec![b'x'; limit]), &[])
            .await,
        (StatusCode::OK, json!({"result": "OK"}))
    );
    assert_eq!(
        emulator.post("/", json!(["STRLEN", "k"])).await.1,
        json!({"result": limit})
    );
}
