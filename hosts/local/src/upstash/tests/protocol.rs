//! Successful requests, in each form that Upstash documents.

use super::{Redis, TOKEN};
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;

#[tokio::test]
async fn body_command_gets_its_reply() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    assert_eq!(
        emulator
            .post("/", json!(["SET", "k", "v", "EX", 100]))
            .await,
        (StatusCode::OK, json!({"result": "OK"}))
    );
    assert_eq!(
        emulator.post("/", json!(["get", "k"])).await,
        (StatusCode::OK, json!({"result": "v"}))
    );
    assert_eq!(
        emulator.post("/", json!(["GET", "missing"])).await,
        (StatusCode::OK, json!({"result": null}))
    );
    assert_eq!(
        emulator.post("/", json!(["TTL", "k"])).await,
        (StatusCode::OK, json!({"result": 100}))
    );
    assert_eq!(
        emulator.post("/", json!(["SET", "flag", true])).await.1,
        json!({"result": "OK"})
    );
    assert_eq!(
        emulator
            .post("/", json!(["MGET", "k", "missing", "flag"]))
            .await
            .1,
        json!({"result": ["v", null, "true"]})
    );
    assert_eq!(emulator.counts(), (6, 6));
}

#[tokio::test]
async fn path_query_and_body_form_one_command() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let get = |path: &'static str| emulator.request("GET", path, Body::empty(), &[]);
    assert_eq!(
        get("/set/a%2Fb/v%20w/EX/100").await.1,
        json!({"result": "OK"})
    );
    assert_eq!(get("/get/a%2Fb").await.1, json!({"result": "v w"}));
    assert_eq!(get("/set/once/1?NX&EX=50").await.1, json!({"result": "OK"}));
    assert_eq!(get("/set/once/2?NX").await.1, json!({"result": null}));
    let posted = emulator
        .request("POST", "/set/doc?EX=70", Body::from(r#"{"a":[1]}"#), &[])
        .await;
    assert_eq!(posted, (StatusCode::OK, json!({"result": "OK"})));
    assert_eq!(get("/ttl/doc").await.1, json!({"result": 70}));
    assert_eq!(get("/get/doc").await.1, json!({"result": "{\"a\":[1]}"}));
}

#[tokio::test]
async fn token_in_query_is_accepted() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let request = Request::builder()
        .uri(format!("/echo/hi?_token={TOKEN}"))
        .body(Body::empty())
        .unwrap();
    let response = emulator.send(request).await;
    assert_eq!(
        (response.status, response.body),
        (StatusCode::OK, json!({"result": "hi"}))
    );
    assert_eq!(response.sync_token, "local-1");
}

#[tokio::test]
async fn pipeline_replies_to_each_command() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let response = emulator
        .post(
            "/pipeline",
            json!([
                ["SET", "k", "text"],
                ["INCR", "k"],
                ["SUBSCRIBE", "c"],
                ["NOSUCH", 1],
                ["STRLEN", "k"]
            ]),
        )
        .await;
    assert_eq!(
        response,
        (
            StatusCode::OK,
            json!([
                {"result": "OK"},
                {"error": "ERR value is not an integer or out of range"},
                {"error": "ERR Command is not available: 'SUBSCRIBE'. See https://upstash.com/docs/redis/overall/compatibility for details"},
                {"error": "ERR Command is not available: 'NOSUCH'. See https://upstash.com/docs/redis/overall/compatibility for details"},
                {"result": 4}
            ])
        )
    );
    assert_eq!(emulator.counts(), (1, 4));
}

#[tokio::test]
async fn transaction_replies_to_each_command() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let response = emulator
        .post(
            "/multi-exec",
            json!([
                ["SET", "k", "1"],
                ["LPUSH", "k", "x"],
                ["INCRBY", "k", 41],
                ["GET", "none"]
            ]),
        )
        .await;
    assert_eq!(
        response,
        (
            StatusCode::OK,
            json!([
                {"result": "OK"},
                {"error": "WRONGTYPE Operation against a key holding the wrong kind of value"},
                {"result": 42},
                {"result": null}
            ])
        )
    );
    assert_eq!(emulator.counts(), (1, 4));
}

#[tokio::test]
async fn discarded_transaction_runs_no_command() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    assert_eq!(
        emulator
            .post("/multi-exec", json!([["SET", "k", "1"], ["GET"]]))
            .await,
        (
            StatusCode::BAD_REQUEST,
            json!({"error": "ERR wrong number of arguments for 'get' command"})
        )
    );
    assert_eq!(
        emulator
            .post("/multi-exec", json!([["SET", "k", "1"], ["BLPOP", "l", 0]]))
            .await,
        (
            StatusCode::BAD_REQUEST,
            json!({"error": "ERR Command is not available: 'BLPOP'. See https://upstash.com/docs/redis/overall/compatibility for details"})
        )
    );
    assert_eq!(
        emulator.post("/", json!(["EXISTS", "k"])).await.1,
        json!({"result": 0})
    );
}

#[tokio::test]
async fn scripts_load_and_run_by_sha() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let script = "return {KEYS[1], ARGV[1], 7, false, {ok = 'OK'}}";
    let expected = json!({"result": ["k", "v", 7, null, "OK"]});
    assert_eq!(
        emulator
            .post("/", json!(["EVAL", script, 1, "k", "v"]))
            .await
            .1,
        expected
    );
    let (_, loaded) = emulator.post("/", json!(["SCRIPT", "LOAD", script])).await;
    let sha = loaded["result"].as_str().unwrap().to_owned();
    assert_eq!(sha.len(), 40);
    assert_eq!(
        emulator
            .post("/", json!(["EVALSHA", sha, 1, "k", "v"]))
            .await
            .1,
        expected
    );
    assert_eq!(
        emulator
            .post("/", json!(["EVALSHA", "0".repeat(40), 0]))
            .await,
        (
            StatusCode::BAD_REQUEST,
            json!({"error": "NOSCRIPT No matching script. Please use EVAL."})
        )
    );
}

#[tokio::test]
async fn base64_encodes_all_but_plain_ok() {
    let redis = Redis::start().await;
    let emulator = redis.emulator();
    let headers = [("Upstash-Encoding", "base64")];
    let post = |path: &'static str, body: Vec<u8>| {
        emulator.request("POST", path, Body::from(body), &headers)
    };
    assert_eq!(
        post("/set/bytes", vec![0, 255, 10, 13]).await.1,
        json!({"result": "OK"})
    );
    assert_eq!(
        post("/get/bytes", Vec::new()).await.1,
        json!({"result": "AP8KDQ=="})
    );
    assert_eq!(
        post("/type/bytes", Vec::new()).await.1,
        json!({"result": "c3RyaW5n"})
    );
    assert_eq!(
        post("/strlen/bytes", Vec::new()).await.1,
        json!({"result": 4})
    );
    let nested = br#"["EVAL", "return {{'a', {ok = 'OK'}}, 1}", 0]"#.to_vec();
    assert_eq!(
        post("/", nested).await.1,
        json!({"result": [["YQ==", "T0s="], 1]})
    );
    let pipeline =
        br#"[["SET", "k", "bar"], ["GET", "k"], ["GET", "none"], ["INCR", "k"]]"#.to_vec();
    assert_eq!(
        post("/pipeline", pipeline).await.1,
        json!([{"result": "OK"}, {"result": "YmFy"}, {"result": null}, {"error": "ERR value is not an integer or out of range"}])
    );
    let plain = emulator
        .request("GET", "/get/bytes", Body::empty(), &[])
        .await;
    assert_eq!(plain.1, json!({"result": "\u{0}\u{fffd}\n\r"}));
}
