//! Errors during `exo migrate`: their messages, and the state of the database afterwards.

use crate::database::with_database;
use crate::folder::Folder;

#[tokio::test]
async fn error_stops_and_keeps_earlier_files() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_trace("2_a", "a");
        folder.write_migration(
            "3_b",
            "INSERT INTO public.trace (entry) VALUES ('half; done');\n\
             -- Fails at run time, without a position.\n\
             SELECT 1 / length('')\n  AS nothing;",
        );
        folder.write_trace("4_c", "c");
        let stopped = db.migrate(&["--from", folder.path()]).await;
        assert_eq!(stopped.code, 1);
        assert_eq!(
            stopped.out,
            "apply 1_base (new)\napply 2_a (new)\napply 3_b (new)\n"
        );
        assert_eq!(
            stopped.err,
            "exo: error[statement_refused]: 3_b.sql: ERROR 22012: division by zero\n"
        );
        assert_eq!(db.texts("SELECT entry FROM trace").await, ["a"]);
        let listed = db.listed_files().await;
        assert_eq!(listed.len(), 2, "{listed:?}");
        assert!(!listed.iter().any(|row| row.ends_with(" -")), "{listed:?}");

        folder.write_trace("3_b", "b");
        assert_eq!(db.migrate_and_count(&["--from", folder.path()]).await, 2);
        assert_eq!(
            db.texts("SELECT entry FROM trace ORDER BY id").await.len(),
            3
        );
    })
    .await;
}

#[tokio::test]
async fn syntax_error_has_line_and_column() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        for (statements, message) in [
            (
                "-- Gemüse\nSELECT 1;\nSELECT 'ß', nothing;",
                ", line 4, column 13: ERROR 42703: column \"nothing\" does not exist",
            ),
            (
                "SELECT 1;\n  SELEKT 2;",
                ", line 3, column 3: ERROR 42601: syntax error at or near \"SELEKT\"",
            ),
            (
                "DO $$ BEGIN\n  RAISE EXCEPTION 'no; not now' USING DETAIL = 'why', HINT = 'how';\nEND $$;",
                ": ERROR P0001: no; not now\n  detail: why\n  hint: how\n  \
                 context: PL/pgSQL function inline_code_block line 2 at RAISE",
            ),
            (
                "CREATE TABLE public.t (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED);\n\
                 INSERT INTO public.t VALUES (1), (1);",
                ": ERROR 23505: duplicate key value violates unique constraint \"t_n_key\"\n  \
                 detail: Key (n)=(1) already exists.",
            ),
        ] {
            folder.write_migration("2_a", statements);
            let stopped = db.migrate(&["--from", folder.path()]).await;
            assert_eq!(stopped.code, 1);
            let expected = format!("exo: error[statement_refused]: 2_a.sql{message}\n");
            assert_eq!(stopped.err, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn failed_functions_leave_the_old_ones() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_function_trace("a", "a");
        folder.write_functions(
            "b",
            "SELECT 1 / (1 - count(*)) FROM public.trace WHERE entry = 'stop';\n",
        );
        folder.write_function_trace("c", "c");
        db.migrate_and_count(&["--from", folder.path()]).await;

        folder.write_function_trace("a", "stop");
        folder.write_trace("2_a", "2_a");
        let stopped = db.migrate(&["--from", folder.path()]).await;
        assert_eq!(stopped.code, 1);
        assert_eq!(
            stopped.err,
            "exo: error[statement_refused]: functions/b.sql: ERROR 22012: division by zero\n"
        );
        let trace = "SELECT entry FROM trace ORDER BY id";
        assert_eq!(db.texts(trace).await, ["a", "c", "2_a"]);
        // The dated file stays applied, and the next run still applies the functions after it.
        folder.write_function_trace("a", "A");
        let resumed = db.migrate(&["--from", folder.path()]).await;
        assert_eq!(
            resumed.out,
            "apply functions/a (its text changed)\n\
             apply functions/b (all functions are applied together)\n\
             apply functions/c (all functions are applied together)\napplied: 3\n"
        );
        assert_eq!(db.texts(trace).await, ["a", "c", "2_a", "A", "c"]);
    })
    .await;
}

#[tokio::test]
async fn functions_that_end_the_transaction_are_refused() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_functions("a", "SELECT 1;\nCOMMIT;\n");
        let before = db.row_versions().await;
        let refused = db.migrate(&["--from", folder.path()]).await;
        assert_eq!((refused.code, refused.out.as_str()), (1, ""));
        let expected = "exo: error[ends_transaction]: functions/a.sql: ";
        assert!(refused.err.starts_with(expected), "{refused:?}");
        assert_eq!(db.row_versions().await, before);
    })
    .await;
}

#[tokio::test]
async fn malformed_file_is_refused() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        let before = db.row_versions().await;
        folder.write("2_a.sql", "BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;\n");
        let refused = db.migrate(&["--from", folder.path()]).await;
        assert_eq!((refused.code, refused.out.as_str()), (1, ""));
        assert!(
            refused
                .err
                .starts_with("exo: error[not_one_transaction]: 2_a.sql: "),
            "{refused:?}"
        );
        assert_eq!(db.row_versions().await, before);

        folder.write(
            "2_a.sql",
            "BEGIN;\nINSERT INTO public.trace (entry) VALUES ('a');\nCOMMIT;\n",
        );
        let refused = db.migrate(&["--from", folder.path()]).await;
        assert_eq!(refused.code, 1);
        assert!(
            refused
                .err
                .starts_with("exo: error[not_registered]: 2_a.sql "),
            "{refused:?}"
        );
        assert_eq!(db.texts("SELECT entry FROM trace").await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn folder_without_migrations_is_an_error() {
    with_database(|db| async move {
        let folder = Folder::empty();
        folder.write("readme.txt", "no SQL");
        let refused = db.migrate(&["--from", folder.path()]).await;
        assert_eq!((refused.code, refused.out.as_str()), (1, ""));
        assert!(
            refused.err.starts_with("exo: error[no_files]: "),
            "{refused:?}"
        );
        let refused = db.migrate(&["--from", "/nowhere"]).await;
        assert_eq!(refused.code, 1);
        assert!(
            refused
                .err
                .starts_with("exo: error[io]: cannot read /nowhere\n  because: "),
            "{refused:?}"
        );
    })
    .await;
}
