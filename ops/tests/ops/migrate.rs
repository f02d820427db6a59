//! From any state to the current one.

use crate::database::with_database;
use crate::folder::{Folder, checkout, stems};
use std::fs;

#[tokio::test]
async fn an_empty_database_becomes_current_and_stays_as_it_is() {
    with_database(|db| async move {
        let first = db.migrate(&[]).await;
        assert_eq!((first.code, first.err.as_str()), (0, ""));
        let mut lines: Vec<_> = stems()
            .iter()
            .map(|stem| format!("apply {stem} (new)"))
            .collect();
        lines.push(format!("applied: {}", stems().len()));
        assert_eq!(first.out.lines().collect::<Vec<_>>(), lines);
        let unknown = "SELECT version FROM schema_migrations WHERE checksum IS NULL OR length(checksum) <> 64";
        assert_eq!(db.texts(unknown).await, [""; 0]);

        let before = db.written().await;
        assert_eq!(db.migrated(&[]).await, 0);
        assert_eq!(db.written().await, before);
    })
    .await;
}

#[tokio::test]
async fn the_embedded_files_are_those_of_the_folder() {
    with_database(|db| async move {
        assert_eq!(db.migrated(&[]).await, stems().len());
        let folder = checkout();
        assert_eq!(db.migrated(&["--from", folder.to_str().unwrap()]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_and_a_status_write_nothing() {
    with_database(|db| async move {
        let empty = db.written().await;
        let dry = db.migrate(&["--dry-run"]).await;
        let of = format!("to apply: {}", stems().len());
        assert_eq!(dry.code, 0, "{dry:?}");
        assert_eq!(dry.out.lines().last(), Some(of.as_str()));
        let status = db.migrate(&["--status"]).await;
        assert_eq!((status.code, &status.out), (1, &dry.out));
        assert_eq!(db.written().await, empty);

        let folder = Folder::with_base();
        folder.trace("2_a", "a");
        folder.trace("3_b", "b");
        db.migrated(&["--from", folder.path()]).await;
        folder.trace("3_b", "B");
        folder.trace("4_c", "c");
        let before = db.written().await;
        let dry = db.migrate(&["--dry-run", "--from", folder.path()]).await;
        assert_eq!(
            (dry.code, dry.out.as_str()),
            (0, "MIGRATION  STATE\n3_b        to apply: its text changed\n4_c        to apply: new\nto apply: 2\n")
        );
        let status = db.migrate(&["--from", folder.path(), "--status"]).await;
        assert_eq!(
            (status.code, status.out.as_str()),
            (
                1,
                "MIGRATION  STATE\n1_base     applied\n2_a        applied\n\
                 3_b        to apply: its text changed\n4_c        to apply: new\nto apply: 2\n"
            )
        );
        assert_eq!(db.written().await, before);

        db.migrated(&["--from", folder.path()]).await;
        let status = db.migrate(&["--from", folder.path(), "--status"]).await;
        assert_eq!(status.code, 0, "{status:?}");
        let dry = db.migrate(&["--from", folder.path(), "--dry-run"]).await;
        assert_eq!((dry.code, dry.out.as_str()), (0, "to apply: 0\n"));
    })
    .await;
}

#[tokio::test]
async fn what_was_applied_by_hand_is_applied_once_more() {
    with_database(|db| async move {
        for stem in stems() {
            let file = checkout().join(format!("{stem}.sql"));
            db.run(&fs::read_to_string(file).unwrap()).await;
        }
        // As an earlier version left it.
        db.run("ALTER TABLE public.schema_migrations DROP COLUMN checksum")
            .await;
        db.run("INSERT INTO cars (slug, name, make, model, year, category) VALUES ('mine', 'Mine', 'A', 'B', 2020, 'sports')")
            .await;
        let status = db.migrate(&["--status"]).await;
        assert_eq!(status.code, 1);
        let unknown = status
            .out
            .lines()
            .filter(|line| line.ends_with("to apply: which text was applied is not known"));
        assert_eq!(unknown.count(), stems().len());

        assert_eq!(db.migrated(&[]).await, stems().len());
        assert_eq!(db.migrated(&[]).await, 0);
        assert_eq!(db.texts("SELECT slug FROM cars").await, ["mine"]);

        // One file by hand is nothing new: the text is known, and is the same.
        let last = stems().pop().unwrap();
        let file = checkout().join(format!("{last}.sql"));
        db.run(&fs::read_to_string(file).unwrap()).await;
        assert_eq!(db.migrated(&[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_ahead_is_not_touched() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.trace("2_a", "a");
        folder.trace("3_b", "b");
        db.migrated(&["--from", folder.path()]).await;

        let older = Folder::with_base();
        older.trace("2_a", "older");
        let before = db.written().await;
        for words in [
            &["--from", older.path()][..],
            &["--status", "--from", older.path()],
        ] {
            let refused = db.migrate(words).await;
            assert_eq!((refused.code, refused.out.as_str()), (1, ""));
            assert!(
                refused.err.starts_with(
                    "exo: error[newer_database]: the database lists the migration 3_b"
                ),
                "{refused:?}"
            );
        }
        assert_eq!(db.written().await, before);
    })
    .await;
}

#[tokio::test]
async fn what_the_runbook_rolls_back_comes_again() {
    with_database(|db| async move {
        db.migrated(&[]).await;
        let page = include_str!("../../../docs/RUNBOOK.md");
        let (_, from) = page.split_once("<<'SQL'\n").unwrap();
        db.run(from.split_once("\nSQL\n").unwrap().0).await;
        let triggers =
            "SELECT tgname::text FROM pg_trigger WHERE tgname ~ '_payment_capture$' ORDER BY 1";
        assert_eq!(db.texts(triggers).await, [""; 0]);

        let stems = stems();
        let from = stems
            .iter()
            .position(|stem| stem == "20250703000000_add_payment_capture_rules");
        assert_eq!(db.migrated(&[]).await, stems.len() - from.unwrap());
        assert_eq!(
            db.texts(triggers).await,
            [
                "booking_confirmation_payment_capture",
                "booking_creation_payment_capture"
            ]
        );
        assert_eq!(db.migrate(&["--status"]).await.code, 0);
    })
    .await;
}
