//! `exo migrate` brings a database from any state to the current version.

use crate::database::with_database;
use crate::folder::{Folder, checkout, dated_stems, function_stems, stems};
use std::fs;

#[tokio::test]
async fn empty_database_becomes_current() {
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
        let functions = "SELECT name FROM internal.schema_functions ORDER BY name COLLATE \"C\"";
        let mut expected = function_stems();
        expected.sort();
        assert_eq!(db.texts(functions).await, expected);

        let before = db.row_versions().await;
        assert_eq!(db.migrate_and_count(&[]).await, 0);
        assert_eq!(db.row_versions().await, before);
    })
    .await;
}

#[tokio::test]
async fn embedded_files_equal_the_folder() {
    with_database(|db| async move {
        assert_eq!(db.migrate_and_count(&[]).await, stems().len());
        let folder = checkout();
        assert_eq!(
            db.migrate_and_count(&["--from", folder.to_str().unwrap()])
                .await,
            0
        );
    })
    .await;
}

#[tokio::test]
async fn dry_run_and_status_write_nothing() {
    with_database(|db| async move {
        let empty = db.row_versions().await;
        let dry = db.migrate(&["--dry-run"]).await;
        let last_line = format!("to apply: {}", stems().len());
        assert_eq!(dry.code, 0, "{dry:?}");
        assert_eq!(dry.out.lines().last(), Some(last_line.as_str()));
        let status = db.migrate(&["--status"]).await;
        assert_eq!((status.code, &status.out), (1, &dry.out));
        assert_eq!(db.row_versions().await, empty);

        let folder = Folder::with_base();
        folder.write_trace("2_a", "a");
        folder.write_function_trace("a", "a");
        folder.write_function_trace("b", "b");
        db.migrate_and_count(&["--from", folder.path()]).await;
        folder.write_function_trace("b", "B");
        let before = db.row_versions().await;
        let dry = db.migrate(&["--dry-run", "--from", folder.path()]).await;
        assert_eq!(
            (dry.code, dry.out.as_str()),
            (
                0,
                "MIGRATION    STATE\n\
                 functions/a  to apply: all functions are applied together\n\
                 functions/b  to apply: its text changed\nto apply: 2\n"
            )
        );
        folder.write_trace("3_b", "b");
        let status = db.migrate(&["--from", folder.path(), "--status"]).await;
        assert_eq!(
            (status.code, status.out.as_str()),
            (
                1,
                "MIGRATION    STATE\n1_base       applied\n2_a          applied\n\
                 3_b          to apply: new\n\
                 functions/a  to apply: all functions are applied together\n\
                 functions/b  to apply: its text changed\nto apply: 3\n"
            )
        );
        assert_eq!(db.row_versions().await, before);

        db.migrate_and_count(&["--from", folder.path()]).await;
        let status = db.migrate(&["--from", folder.path(), "--status"]).await;
        assert_eq!(status.code, 0, "{status:?}");
        let dry = db.migrate(&["--from", folder.path(), "--dry-run"]).await;
        assert_eq!((dry.code, dry.out.as_str()), (0, "to apply: 0\n"));
    })
    .await;
}

#[tokio::test]
async fn database_of_version_0_1_0_is_upgraded() {
    with_database(|db| async move {
        db.migrate_and_count(&[]).await;
        let fresh = db.schema().await;
        db.downgrade_to_0_1_0().await;
        assert!(db.schema().await != fresh);
        db.run(
            "DROP FUNCTION public.get_booking, internal.booking_json;
             CREATE OR REPLACE FUNCTION internal.hold_until(p_now timestamptz) RETURNS timestamptz
             LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$ BEGIN RETURN p_now; END $$;
             INSERT INTO cars (slug, name, make, model, year, category)
             VALUES ('mine', 'Mine', 'A', 'B', 2020, 'sports')",
        )
        .await;
        let upgrade = db.migrate(&[]).await;
        assert_eq!((upgrade.code, upgrade.err.as_str()), (0, ""), "{upgrade:?}");
        let mut lines = vec![
            "apply 20250714000000_add_function_registry (new)".to_owned(),
            "apply 20250716000000_add_paypal_evidence (new)".to_owned(),
        ];
        lines.extend(
            function_stems()
                .iter()
                .map(|stem| format!("apply {stem} (new)")),
        );
        lines.push(format!("applied: {}", 2 + function_stems().len()));
        assert_eq!(upgrade.out.lines().collect::<Vec<_>>(), lines);
        assert_eq!(db.schema_difference(&fresh).await, [""; 0]);
        assert_eq!(db.texts("SELECT slug FROM cars").await, ["mine"]);
        // Afterwards the texts of this version count as the applied ones.
        let status = db.migrate(&["--status"]).await;
        assert_eq!(status.code, 0, "{status:?}");
        assert!(!status.out.contains("changed"), "{status:?}");
    })
    .await;
}

#[tokio::test]
async fn files_applied_by_hand_are_not_reapplied() {
    with_database(|db| async move {
        for stem in dated_stems() {
            let file = checkout().join(format!("{stem}.sql"));
            db.run(&fs::read_to_string(file).unwrap()).await;
        }
        let migrated = db.migrate(&[]).await;
        let lines: Vec<_> = function_stems()
            .iter()
            .map(|stem| format!("apply {stem} (new)"))
            .collect();
        let printed: Vec<_> = migrated.out.lines().collect();
        assert_eq!(printed[..printed.len() - 1], lines);
        assert_eq!(migrated.code, 0, "{migrated:?}");

        for stem in dated_stems() {
            let file = checkout().join(format!("{stem}.sql"));
            db.run(&fs::read_to_string(file).unwrap()).await;
        }
        assert_eq!(db.migrate_and_count(&[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn newer_database_is_not_touched() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_trace("2_a", "a");
        folder.write_trace("3_b", "b");
        db.migrate_and_count(&["--from", folder.path()]).await;

        let older = Folder::with_base();
        older.write_trace("2_a", "older");
        let before = db.row_versions().await;
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
        assert_eq!(db.row_versions().await, before);
    })
    .await;
}

#[tokio::test]
async fn runbook_rollback_is_undone() {
    with_database(|db| async move {
        db.migrate_and_count(&[]).await;
        let before = db.schema().await;
        let page = include_str!("../../../docs/RUNBOOK.md");
        let (_, from) = page.split_once("<<'SQL'\n").unwrap();
        db.run(from.split_once("\nSQL\n").unwrap().0).await;
        let triggers =
            "SELECT tgname::text FROM pg_trigger WHERE tgname ~ '_payment_capture$' ORDER BY 1";
        assert_eq!(db.texts(triggers).await, [""; 0]);

        assert_eq!(db.migrate_and_count(&[]).await, function_stems().len());
        assert_eq!(
            db.texts(triggers).await,
            [
                "booking_confirmation_payment_capture",
                "booking_creation_payment_capture"
            ]
        );
        assert!(db.schema().await == before);
        assert_eq!(db.migrate(&["--status"]).await.code, 0);
    })
    .await;
}
