//! Records that operators watch: cron runs, security events and the health check.

use crate::support::{
    database::{call, with_database},
    fixtures::NOW,
};
use serde_json::{Value, json};

#[tokio::test]
async fn cron_run_is_finished_once() {
    with_database(|db| async move {
        let service = db.service().await;
        let last_run = async || call(&service, "last_cron_run", json!({ "p_name": "captures" })).await;
        assert_eq!(last_run().await, Value::Null);
        let begin = json!({ "p_name": "captures", "p_now": NOW });
        let run = call(&service, "begin_cron_run", begin).await;
        assert_eq!(
            last_run().await,
            json!({ "name": "captures", "startedAt": NOW, "finishedAt": null, "processed": 0, "failed": 0 })
        );
        let finish = json!({ "p_run_id": run["runId"], "p_processed": 3, "p_failed": 1, "p_now": "2030-01-10T12:00:05Z" });
        for outcome in ["recorded", "replayed"] {
            let result = call(&service, "finish_cron_run", finish.clone()).await;
            assert_eq!(result, json!({ "outcome": outcome }));
        }
        assert_eq!(
            last_run().await,
            json!({ "name": "captures", "startedAt": NOW, "finishedAt": "2030-01-10T12:00:05Z", "processed": 3, "failed": 1 })
        );
    })
    .await;
}

#[tokio::test]
async fn security_event_is_recorded() {
    with_database(|db| async move {
        let event = json!({ "p_kind": "bad_secret", "p_detail": { "route": "cron" }, "p_request_id": "req-1", "p_now": NOW });
        let result = call(&db.service().await, "record_security_event", event).await;
        assert_eq!(result, json!({ "outcome": "recorded" }));
        let row = "kind = 'bad_secret' AND request_id = 'req-1'";
        assert_eq!(db.count("security_events", row).await, 1);
    })
    .await;
}

#[tokio::test]
async fn health_check_reports_latest_migration() {
    with_database(|db| async move {
        let latest = "SELECT max(version COLLATE \"C\") FROM schema_migrations";
        let latest = db.value(latest).await.unwrap();
        let result = call(&db.service().await, "health_check", json!({})).await;
        assert_eq!(result, json!({ "ok": true, "schemaVersion": latest }));
    })
    .await;
}
