//! Runs of `exo migrate` that lose their session.

use crate::database::{Database, with_database};
use crate::folder::{Folder, function_stems};

impl Database {
    /// Runs `exo migrate` over a trigger that ends its session when it writes the checksum of a
    /// dated file whose row meets `condition`.
    async fn crash_at_checksum(&self, condition: &str, words: &[&str]) {
        self.run(&format!(
            "CREATE SCHEMA crash;
             CREATE FUNCTION crash.crash() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 PERFORM pg_terminate_backend(pg_backend_pid());
                 PERFORM pg_sleep(60);
             END $$;
             CREATE TRIGGER crash BEFORE UPDATE OF checksum ON public.schema_migrations
             FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION crash.crash()"
        ))
        .await;
        let crashed = self.migrate(words).await;
        assert_eq!(crashed.code, 1, "{crashed:?}");
        assert!(
            crashed
                .err
                .contains("cannot write public.schema_migrations\n"),
            "{crashed:?}"
        );
        self.run("DROP SCHEMA crash CASCADE").await;
    }
}

#[tokio::test]
async fn interrupted_dated_file_is_applied_again() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_functions("a", "SELECT 1;\n");
        let words = ["--from", folder.path()];
        db.migrate_and_count(&words).await;
        folder.write_trace("2_a", "a");
        db.crash_at_checksum("OLD.version = '2_a'", &words).await;
        let trace = "SELECT entry FROM trace";
        assert_eq!(db.texts(trace).await, [""; 0]);
        assert_eq!(db.listed_files().await.len(), 1);

        assert_eq!(db.migrate_and_count(&words).await, 2);
        assert_eq!(db.texts(trace).await, ["a"]);
        folder.write_trace("2_a", "another");
        let edited = db.migrate(&words).await;
        assert_eq!(
            (edited.code, edited.err.as_str()),
            (
                0,
                "exo: 2_a: its text changed after it was applied; it is not applied again\n"
            )
        );
    })
    .await;
}

#[tokio::test]
async fn interrupted_upgrade_of_0_1_0_resumes() {
    with_database(|db| async move {
        db.migrate_and_count(&[]).await;
        let fresh = db.schema().await;
        db.downgrade_to_0_1_0().await;
        // Only the files of version 0.1.0 have a checksum already.
        db.crash_at_checksum("OLD.checksum IS NOT NULL", &[]).await;
        let functions = "SELECT name FROM internal.schema_functions";
        assert_eq!(db.texts(functions).await, [""; 0]);

        assert_eq!(db.migrate_and_count(&[]).await, function_stems().len());
        assert_eq!(db.schema_difference(&fresh).await, [""; 0]);
        let status = db.migrate(&["--status"]).await;
        assert_eq!(status.code, 0, "{status:?}");
        assert!(!status.out.contains("changed"), "{status:?}");
        let next = db.migrate(&[]).await;
        assert_eq!((next.code, next.err.as_str()), (0, ""), "{next:?}");
    })
    .await;
}
