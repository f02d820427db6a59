//! `GET /api/demo/redis`.

use crate::support::{client::Client, environment::variable, isolation::share_system};
use serde_json::Value;

#[tokio::test]
async fn redis_is_connected() {
    let _guard = share_system().await;
    let response = Client::new().get("/api/demo/redis").await.expect(200);
    let redis = response["redis"].as_object().unwrap();
    assert_eq!(redis["connected"], true);
    assert_eq!(redis["mode"], "normal");
    assert!(
        redis["latency_ms"].is_u64(),
        "not a number of milliseconds: {response}"
    );
    assert_eq!(redis.len(), 3, "only operators see more: {response}");
}

#[tokio::test]
async fn operator_sees_endpoint_but_no_secret() {
    let _guard = share_system().await;
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
async fn wrong_token_shows_public_members_only() {
    let _guard = share_system().await;
    let response = Client::new()
        .get_as("wrong", "/api/demo/redis")
        .await
        .expect(200);
    assert_eq!(response["redis"].as_object().unwrap().len(), 3);
}
