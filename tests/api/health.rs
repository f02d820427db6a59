//! `GET /api/health` of a healthy system. For outages see `failures/stopped_servers.rs`.

use crate::support::{client::Client, isolation::share_system};
use serde_json::json;

#[tokio::test]
async fn healthy_system_reports_ok() {
    let _guard = share_system().await;
    let response = Client::new().get("/api/health").await.expect(200);
    assert_eq!(response["status"], "ok");
    assert_eq!(response["checks"], json!({"database": "up", "redis": "up"}));
    assert!(response["version"].is_string(), "{response}");
    assert!(
        response.as_object().unwrap().contains_key("commit"),
        "{response}"
    );
}
