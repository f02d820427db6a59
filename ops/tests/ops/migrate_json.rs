//! `exo migrate --json`.

use crate::{database::with_database, folder::Folder};
use serde_json::{Value, json};

fn document(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn json_lists_migrations_and_reasons() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        let words = ["--json", "--from", folder.path()];
        let pending = json!({"pending": 1, "migrations": [
            {"version": "1_base", "state": "pending", "reason": "new"},
        ]});
        for (mode, code) in [("--dry-run", 0), ("--status", 1)] {
            let run = db.migrate(&[&words[..], &[mode]].concat()).await;
            assert_eq!((run.code, run.err.as_str()), (code, ""));
            assert_eq!(document(&run.out), pending);
        }
        let run = db.migrate(&words).await;
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        assert_eq!(
            document(&run.out),
            json!({"applied": [{"version": "1_base", "reason": "new"}]})
        );
        let status = db.migrate(&[&words[..], &["--status"]].concat()).await;
        assert_eq!((status.code, status.err.as_str()), (0, ""));
        assert_eq!(
            document(&status.out),
            json!({"pending": 0, "migrations": [
                {"version": "1_base", "state": "applied", "reason": null},
            ]})
        );
    })
    .await;
}

#[tokio::test]
async fn json_error_leaves_standard_output_empty() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_migration("2_a", "SELECT 1 / length('');");
        let run = db.migrate(&["--json", "--from", folder.path()]).await;
        assert_eq!((run.code, run.out.as_str()), (1, ""));
        let error = &document(&run.err)["error"];
        assert_eq!(error["code"], "statement_refused");
        let message = error["message"].as_str().unwrap();
        let is_complete = message.starts_with("2_a.sql") && message.ends_with("division by zero");
        assert!(is_complete, "{message}");
    })
    .await;
}
