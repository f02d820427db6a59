//! `GET /api/demo/redis`.

use crate::support::{client::Client, environment::variable, isolation::share_system};
use serde_json::Value;

#[tokio::test]
async fn redis_is_connected_and_quick() {
    let _turn = share_system().await;
    let response = Client::new().get("/api/demo/redis").await.expect(200);
    let redis = response["redis"].as_object().unwrap();
    assert_eq!(redis["connected"], true);
    assert_eq!(redis["mode"], "normal");
    assert!(redis["latency_ms"].as_u64().unwrap() < 100, "{response}");
    assert_eq!(redis.len(), 3, "nobody else learns more: {response}");
}

#[tokio::test]
async fn an_operator_learns_where_it_is_but_no_secret() {
    let _turn = share_system().await;
    let response = Client::new()
        .get_as(&variable("ADMIN_TOKEN"), "/api/demo/redis")
        .await;
    let redis = &response.expect(200)["redis"];
    assert_eq!(redis["connected"], true);
    assert_eq!(redis["error"], Value::Null);
    assert!(
        redis["endpoint"].as_str().unwrap().starts_with("http"),
        "{redis}"
    );
    assert!(
        !response
            .text
            .contains(&variable("UPSTASH_REDIS_REST_TOKEN"))
    );
}

#[tokio::test]
async fn a_wrong_token_learns_what_everybody_learns() {
    let _turn = share_system().await;
    let response = Client::new()
        .get_as("wrong", "/api/demo/redis")
        .await
        .expect(200);
    assert_eq!(response["redis"].as_object().unwrap().len(), 3);
}
