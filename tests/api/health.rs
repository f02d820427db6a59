//! `GET /api/health`. What it says when something is down is in `failures/stopped_servers.rs`.

use crate::support::{client::Client, isolation::together};
use serde_json::json;

#[tokio::test]
async fn all_is_well() {
    let _turn = together().await;
    let answer = Client::new().get("/api/health").await.expect(200);
    assert_eq!(answer["status"], "ok");
    assert_eq!(answer["checks"], json!({"database": "up", "redis": "up"}));
    assert!(answer["version"].is_string(), "{answer}");
    assert!(
        answer.as_object().unwrap().contains_key("commit"),
        "{answer}"
    );
}
