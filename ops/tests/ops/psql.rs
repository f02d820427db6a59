//! `migrations/apply.sql` makes the same database as `exo migrate`.

use crate::database::{Database, with_database};
use crate::folder::{checkout, function_stems};
use std::process::Stdio;
use tokio::process::Command;

/// Runs the script, which must succeed, and returns the output of `psql`.
pub(crate) async fn apply(db: &Database) -> String {
    let run = Command::new("psql")
        .args(["--no-psqlrc", "--dbname", db.url.as_str(), "--file"])
        .arg(checkout().join("apply.sql"))
        .stdin(Stdio::null())
        .output();
    let output = run.await.expect("PostgreSQL's client is installed");
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{printed}");
    printed + &String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn psql_script_makes_the_same_database() {
    with_database(|db| async move {
        db.migrate_and_count(&[]).await;
        let expected = db.schema().await;
        with_database(|by_psql| async move {
            assert_eq!(apply(&by_psql).await, "");
            assert!(by_psql.schema().await == expected);
            assert_eq!(apply(&by_psql).await, "");
            assert!(by_psql.schema().await == expected);
            assert_eq!(by_psql.migrate_and_count(&[]).await, function_stems().len());
            assert_eq!(by_psql.migrate_and_count(&[]).await, 0);
        })
        .await;
        // The script also runs on a database that `exo` made.
        assert_eq!(apply(&db).await, "");
        assert_eq!(db.migrate_and_count(&[]).await, function_stems().len());
    })
    .await;
}

#[tokio::test]
async fn psql_script_undoes_runbook_rollback() {
    with_database(|db| async move {
        apply(&db).await;
        let before = db.schema().await;
        let page = include_str!("../../../docs/RUNBOOK.md");
        let (_, from) = page.split_once("<<'SQL'\n").unwrap();
        db.run(from.split_once("\nSQL\n").unwrap().0).await;
        assert!(db.schema().await != before);
        apply(&db).await;
        assert!(db.schema().await == before);
    })
    .await;
}
