//! Concurrent runs of `exo migrate`, and runs that are killed or fail.

use crate::database::{applied_count, with_database};
use crate::exo;
use crate::folder::{Folder, stems};
use exodrive_ops::{Address, Migrations};
use futures_util::future::join_all;
use std::path::Path;

/// The advisory lock of `exo`: `exo_migr` in ASCII.
const LOCK: i64 = 0x6578_6f5f_6d69_6772;

#[tokio::test]
async fn one_of_several_runs_applies_everything() {
    with_database(|db| async move {
        let runs = join_all((0..4).map(|_| db.migrate(&[]))).await;
        let mut counts: Vec<_> = runs.iter().map(applied_count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [0, 0, 0, stems().len()]);
    })
    .await;
}

#[tokio::test]
async fn second_run_waits_and_compares_again() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_trace("2_a", "a");
        db.run(&format!("SELECT pg_advisory_lock({LOCK})")).await;
        let words = ["migrate", "--from", folder.path()];
        let waiting = exo::command(&words, &[("DATABASE_URL", db.url.as_str())])
            .spawn()
            .unwrap();
        db.wait_for_session("wait_event = 'advisory'").await;
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(db.texts(tables).await, [""; 0]);
        // The first run applies a file in the meantime.
        db.run(&folder.read("1_base.sql")).await;
        db.run(&format!("SELECT pg_advisory_unlock({LOCK})")).await;
        let run = exo::finish(waiting).await;
        assert_eq!(
            run.err,
            "exo: another run applies migrations: waiting for its end\n"
        );
        assert_eq!(run.out, "apply 2_a (new)\napplied: 1\n");
    })
    .await;
}

#[tokio::test]
async fn killed_run_leaves_no_file_or_lock() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_migration(
            "2_a",
            "INSERT INTO public.trace (entry) VALUES ('half');\nSELECT pg_sleep(600);",
        );
        let words = ["migrate", "--from", folder.path()];
        let mut killed = exo::command(&words, &[("DATABASE_URL", db.url.as_str())])
            .spawn()
            .unwrap();
        db.wait_for_session("wait_event = 'PgSleep'").await;
        killed.kill().await.unwrap();
        folder.write_trace("2_a", "whole");
        assert_eq!(db.migrate_and_count(&["--from", folder.path()]).await, 1);
        assert_eq!(db.texts("SELECT entry FROM trace").await, ["whole"]);
    })
    .await;
}

#[tokio::test]
async fn session_is_usable_after_a_failed_run() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_migration("2_a", "SELECT 1 / length('');");
        let address = Address::parse(db.url.as_str(), None).unwrap();
        let client = address.connect().await.unwrap();
        let migrations = |folder: &Folder| Migrations::read(Path::new(folder.path())).unwrap();
        let failed = migrations(&folder).apply(&client, &|_| ()).await;
        assert_eq!(failed.unwrap_err().code(), "statement_refused");
        // The failed run released its lock, although its session is still open.
        assert_eq!(
            db.texts(&format!("SELECT pg_try_advisory_lock({LOCK})::text"))
                .await,
            ["true"]
        );
        db.run(&format!("SELECT pg_advisory_unlock({LOCK})")).await;
        folder.write_trace("2_a", "a");
        let applied = migrations(&folder).apply(&client, &|_| ()).await;
        assert_eq!(applied.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn run_does_not_queue_for_a_table() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        db.migrate_and_count(&["--from", folder.path()]).await;
        folder.write_migration("2_a", "ALTER TABLE public.trace ADD COLUMN more text;");
        db.run("BEGIN; SELECT count(*) FROM public.trace").await;
        let refused = db.migrate(&["--from", folder.path()]).await;
        db.run("ROLLBACK").await;
        assert_eq!(refused.code, 1);
        let retries = "exo: 2_a: the tables are locked: trying again\n".repeat(3);
        assert_eq!(
            refused.err,
            format!(
                "{retries}exo: error[statement_refused]: 2_a.sql: ERROR 55P03: \
                 canceling statement due to lock timeout\n"
            )
        );
        assert_eq!(db.migrate_and_count(&["--from", folder.path()]).await, 1);
    })
    .await;
}
