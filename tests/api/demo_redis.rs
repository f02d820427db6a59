//! `GET /api/demo/redis`.

use crate::support::{client::Client, environment::variable, isolation::together};
use serde_json::Value;

#[tokio::test]
async fn redis_is_connected_and_quick() {
    let _turn = together().await;
    let answer = Client::new().get("/api/demo/redis").await.expect(200);
    let redis = answer["redis"].as_object().unwrap();
    assert_eq!(redis["connected"], true);
    assert_eq!(redis["mode"], "normal");
    assert!(redis["latency_ms"].as_u64().unwrap() < 100, "{answer}");
    assert_eq!(redis.len(), 3, "nobody else learns more: {answer}");
}

#[tokio::test]
async fn an_operator_learns_where_it_is_but_no_secret() {
    let _turn = together().await;
    let answer = Client::new()
        .get_as(&variable("ADMIN_TOKEN"), "/api/demo/redis")
        .await;
    let redis = &answer.expect(200)["redis"];
    assert_eq!(redis["connected"], true);
    assert_eq!(redis["error"], Value::Null);
    assert!(
        redis["endpoint"].as_str().unwrap().starts_with("http"),
        "{redis}"
    );
    assert!(!answer.text.contains(&variable("UPSTASH_REDIS_REST_TOKEN")));
}

#[tokio::test]
async fn a_wrong_token_learns_what_everybody_learns() {
    let _turn = together().await;
    let answer = Client::new()
        .get_as("wrong", "/api/demo/redis")
        .await
        .expect(200);
    assert_eq!(answer["redis"].as_object().unwrap().len(), 3);
}
