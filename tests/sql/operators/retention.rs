//! Deletion of old rows: `delete_expired_rows`, and the triggers that keep rows for 90 days.

use crate::support::{
    database::{Database, call, try_call, with_database},
    fixtures::upcoming_booking,
};
use serde_json::{Value, json};
use tokio_postgres::{Client, error::SqlState};

const TABLES: [&str; 5] = [
    "audit_log",
    "security_events",
    "booking_events",
    "webhook_events",
    "cron_runs",
];

/// Empties the tables, and adds rows of these ages in days to each of them.
async fn add_rows(db: &Database, ages: &[u32]) {
    upcoming_booking(db).await;
    for table in ["audit_log", "security_events", "booking_events"] {
        db.run(&format!("ALTER TABLE {table} DISABLE TRIGGER USER; DELETE FROM {table}; ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only"))
            .await;
    }
    for age in ages {
        let at = format!("now() - interval '{age} days'");
        db.run(&format!(
            "INSERT INTO audit_log (occurred_at, actor, action, subject_type, subject_id) VALUES ({at}, 'system', 'test', 'test', '{age}');
             INSERT INTO security_events (occurred_at, kind) VALUES ({at}, 'test');
             INSERT INTO booking_events (booking_id, to_status, occurred_at) SELECT id, 'upcoming', {at} FROM bookings;
             INSERT INTO webhook_events (event_id, event_type, raw_body, status, received_at, processed_at)
                 VALUES ('WH-{age}', 'T', '', 'processed', {at}, {at});
             INSERT INTO cron_runs (name, started_at) VALUES ('captures', {at})"
        ))
        .await;
    }
}

async fn delete(client: &Client, table: &str, days: u32, limit: u32) -> Value {
    let arguments = json!({ "p_table": table, "p_keep_days": days, "p_limit": limit });
    call(client, "delete_expired_rows", arguments).await
}

/// Whether a time is the end of 400 days, up to five minutes ago.
async fn is_cutoff(db: &Database, time: &Value) -> bool {
    let time = time.as_str().unwrap();
    let sql = format!(
        "SELECT '{time}' BETWEEN now() - interval '400 days 5 minutes' AND now() - interval '400 days'"
    );
    db.value(&sql).await.as_deref() == Some("true")
}

#[tokio::test]
async fn old_rows_are_deleted_in_batches_oldest_first() {
    with_database(|db| async move {
        add_rows(&db, &[500, 402, 401, 399, 91, 1]).await;
        let service = db.service().await;
        for table in TABLES {
            let before = db.count(table, "true").await;
            let mut counts = Vec::new();
            for _ in 0..3 {
                let batch = delete(&service, table, 400, 2).await;
                assert_eq!(batch["outcome"], "deleted");
                assert!(is_cutoff(&db, &batch["keptSince"]).await, "{table} {batch}");
                counts.push(batch["count"].clone());
            }
            assert_eq!(counts, [json!(2), json!(1), json!(0)], "{table}");
            assert_eq!(db.count(table, "true").await, before - 3, "{table}");
        }
        assert_eq!(
            db.count("audit_log", "subject_id IN ('399', '91', '1')")
                .await,
            3
        );
        let listed = call(&service, "list_audit", json!({})).await;
        assert!(is_cutoff(&db, &listed["keptSince"]).await, "{listed}");
    })
    .await;
}

/// A wrong period or a wrong clock of the product deletes nothing that must stay.
#[tokio::test]
async fn ninety_days_are_kept_in_any_case() {
    with_database(|db| async move {
        add_rows(&db, &[89, 1]).await;
        let service = db.service().await;
        let before = db.content().await;
        for table in TABLES {
            for (days, now) in [
                (0, "2020-01-01"),
                (0, "2999-01-01"),
                (1, "2999-01-01"),
                (90, "2999-01-01"),
            ] {
                let arguments = json!({ "p_table": table, "p_keep_days": days, "p_now": now });
                let batch = call(&service, "delete_expired_rows", arguments).await;
                assert_eq!(batch["count"], 0, "{table} {days} {now}");
            }
        }
        assert_eq!(db.content().await, before, "no mark without a deletion");
        // Nobody gets around the function, neither the product's role nor the owner.
        for table in ["audit_log", "security_events", "booking_events"] {
            let young =
                format!("DELETE FROM {table} WHERE occurred_at > now() - interval '90 days'");
            assert_eq!(db.refusal(&young).await, SqlState::INSUFFICIENT_PRIVILEGE);
            let error = service.batch_execute(&young).await.unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn rows_that_are_still_needed_stay() {
    with_database(|db| async move {
        add_rows(&db, &[500, 450]).await;
        db.run("INSERT INTO cron_runs (name, started_at) VALUES ('removed', now() - interval '700 days');
                INSERT INTO webhook_events (event_id, event_type, raw_body, status, received_at)
                    VALUES ('WAITING', 'T', '', 'received', now() - interval '700 days'), ('DEAD', 'T', '', 'dead_letter', now() - interval '700 days')")
            .await;
        let service = db.service().await;
        assert_eq!(delete(&service, "cron_runs", 90, 10).await["count"], 1);
        assert_eq!(db.value("SELECT string_agg(name, ' ' ORDER BY name) FROM cron_runs").await.unwrap(), "captures removed");
        assert_eq!(delete(&service, "webhook_events", 180, 10).await["count"], 2);
        assert_eq!(db.value("SELECT string_agg(event_id, ' ' ORDER BY event_id) FROM webhook_events").await.unwrap(), "DEAD WAITING");
    })
    .await;
}

#[tokio::test]
async fn second_run_leaves_table_to_first() {
    with_database(|db| async move {
        add_rows(&db, &[500, 499]).await;
        let (first, second) = (db.service().await, db.service().await);
        first.batch_execute("BEGIN").await.unwrap();
        assert_eq!(delete(&first, "audit_log", 400, 1).await["count"], 1);
        let busy = delete(&second, "audit_log", 400, 10).await;
        assert_eq!(
            (&busy["outcome"], &busy["count"]),
            (&json!("busy"), &json!(0))
        );
        assert_eq!(
            delete(&second, "security_events", 400, 10).await["count"],
            2,
            "another table"
        );
        first.batch_execute("COMMIT").await.unwrap();
        assert_eq!(delete(&second, "audit_log", 400, 10).await["count"], 1);
    })
    .await;
}

#[tokio::test]
async fn other_tables_have_no_retention() {
    with_database(|db| async move {
        let service = db.service().await;
        for table in ["bookings", "payments", "public.audit_log", ""] {
            let arguments = json!({ "p_table": table, "p_keep_days": 400 });
            let error = try_call(&service, "delete_expired_rows", arguments)
                .await
                .unwrap_err();
            assert_eq!(
                error.code(),
                Some(&SqlState::INVALID_PARAMETER_VALUE),
                "{table}"
            );
        }
    })
    .await;
}
