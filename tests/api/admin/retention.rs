//! `GET, POST /api/admin/retention`, which deletes old rows of the logs.

use crate::support::{
    client::{Client, Response},
    database::Database,
    environment::{new_uuid, variable},
    isolation::run_alone,
    operator,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

const RETENTION: &str = "/api/admin/retention";

/// Adds a row to the audit log, as if it had been written this many days ago.
async fn add_audit_row(subject: &str, days: i32) {
    let (client, connection) = tokio_postgres::connect(&variable("DATABASE_URL"), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let sql = "INSERT INTO audit_log (occurred_at, actor, action, subject_type, subject_id)
               VALUES (now() - make_interval(days => $2), 'system', 'test', 'test', $1)";
    client.execute(sql, &[&subject, &days]).await.unwrap();
}

async fn run_as(client: &Client, method: Method, token: &str) -> Response {
    let request = client.with_new_address().request(method, RETENTION);
    Response::to(request.bearer_auth(token)).await
}

#[tokio::test]
async fn daily_cron_deletes_old_rows_only() {
    run_alone(async {
        let client = Client::new();
        let database = Database::open().await;
        let subject = new_uuid().to_string();
        for days in [402, 401, 399, 1] {
            add_audit_row(&subject, days).await;
        }
        let count = "SELECT count(*) FROM audit_log WHERE subject_id = $1";
        assert_eq!(database.number(count, &[&subject]).await, 4);

        let report = run_as(&client, Method::GET, &variable("CRON_SECRET")).await.expect(200);
        assert_eq!(report["success"], true);
        let tables = report["tables"].as_array().unwrap();
        let summary: Vec<(&Value, &Value, &Value)> = tables
            .iter()
            .map(|table| (&table["table"], &table["keepDays"], &table["hasMore"]))
            .collect();
        let expected = [
            ("audit_log", 400),
            ("security_events", 400),
            ("booking_events", 400),
            ("webhook_events", 180),
            ("cron_runs", 90),
        ]
        .map(|(table, days)| (json!(table), json!(days), json!(false)));
        let expected: Vec<(&Value, &Value, &Value)> = expected
            .iter()
            .map(|(table, days, more)| (table, days, more))
            .collect();
        assert_eq!(summary, expected);
        assert!(tables[0]["deleted"].as_u64().unwrap() >= 2, "{report}");
        assert_eq!(database.number(count, &[&subject]).await, 2);

        let audit = format!("/api/admin/audit?subject={subject}");
        let audit = operator::read(&client, &audit).await;
        assert_eq!(audit["keptSince"], tables[0]["keptSince"]);
        let runs = "SELECT count(*) FROM cron_runs WHERE name = 'retention' AND finished_at IS NOT NULL AND error IS NULL AND processed >= 2";
        assert!(database.number(runs, &[]).await >= 1);

        // A second run has nothing left to do.
        let again = run_as(&client, Method::POST, &variable("ADMIN_TOKEN")).await.expect(200);
        assert_eq!(again["tables"][0]["deleted"], 0, "{again}");
    })
    .await;
}

#[tokio::test]
async fn only_cron_and_operators_delete() {
    run_alone(async {
        let client = Client::new();
        let wrong = variable("CRON_SECRET") + "x";
        for method in [Method::GET, Method::POST] {
            let response = run_as(&client, method.clone(), &wrong).await;
            response.expect_problem(401, "unauthenticated");
            let request = client.with_new_address().request(method, RETENTION);
            Response::to(request)
                .await
                .expect_problem(401, "unauthenticated");
        }
    })
    .await;
}
