//! Changed texts: functions are applied again, dated files are not.

use crate::database::with_database;
use crate::folder::Folder;

const TRACE: &str = "SELECT entry FROM trace ORDER BY id";

#[tokio::test]
async fn changed_function_reapplies_all_functions() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_trace("2_a", "2_a");
        for subject in ["b", "a", "privileges"] {
            folder.write_function_trace(subject, subject);
        }
        folder.write_function_trace("triggers", "triggers");
        assert_eq!(db.migrate_and_count(&["--from", folder.path()]).await, 6);
        assert_eq!(
            db.texts(TRACE).await,
            ["2_a", "a", "b", "triggers", "privileges"]
        );
        assert_eq!(db.migrate_and_count(&["--from", folder.path()]).await, 0);

        folder.write_function_trace("b", "b, another");
        folder.write_function_trace("c", "c");
        let again = db.migrate(&["--from", folder.path()]).await;
        assert_eq!(
            again.out,
            "apply functions/a (all functions are applied together)\n\
             apply functions/b (its text changed)\n\
             apply functions/c (new)\n\
             apply functions/triggers (all functions are applied together)\n\
             apply functions/privileges (all functions are applied together)\napplied: 5\n"
        );
        db.run("DELETE FROM trace WHERE id <= 5").await;
        assert_eq!(
            db.texts(TRACE).await,
            ["a", "b, another", "c", "triggers", "privileges"]
        );
        assert_eq!(db.migrate_and_count(&["--from", folder.path()]).await, 0);
        folder.remove("functions/c.sql");
        assert_eq!(db.migrate_and_count(&["--from", folder.path()]).await, 4);
        assert_eq!(db.migrate_and_count(&["--from", folder.path()]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn changed_table_reapplies_functions() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_function_trace("a", "a");
        db.migrate_and_count(&["--from", folder.path()]).await;
        folder.write_trace("2_a", "2_a");
        let again = db.migrate(&["--from", folder.path()]).await;
        assert_eq!(
            again.out,
            "apply 2_a (new)\napply functions/a (all functions are applied together)\napplied: 2\n"
        );
        assert_eq!(db.texts(TRACE).await, ["a", "2_a", "a"]);
    })
    .await;
}

#[tokio::test]
async fn edited_dated_file_is_reported() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.write_trace("2_a", "a");
        folder.write_function_trace("a", "a");
        db.migrate_and_count(&["--from", folder.path()]).await;
        folder.write_trace("2_a", "another");
        let again = db.migrate(&["--from", folder.path()]).await;
        assert_eq!((again.code, again.out.as_str()), (0, "applied: 0\n"));
        assert_eq!(
            again.err,
            "exo: 2_a: its text changed after it was applied; it is not applied again\n"
        );
        let status = db.migrate(&["--status", "--from", folder.path()]).await;
        assert_eq!(status.code, 0, "{status:?}");
        assert!(
            status
                .out
                .contains("2_a          applied; its text changed since\n"),
            "{status:?}"
        );
        assert_eq!(db.texts(TRACE).await, ["a", "a"]);
    })
    .await;
}

#[tokio::test]
async fn function_changed_by_hand_is_restored() {
    with_database(|db| async move {
        db.migrate_and_count(&[]).await;
        let before = db.schema().await;
        for change in [
            "CREATE OR REPLACE FUNCTION internal.hold_until(p_now timestamptz) RETURNS timestamptz
             LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$ BEGIN RETURN p_now; END $$",
            "REVOKE EXECUTE ON FUNCTION public.list_cars FROM service_role",
            "DROP TRIGGER payment_audit ON payments",
        ] {
            db.run(change).await;
            let status = db.migrate(&["--status"]).await;
            assert_eq!(status.code, 1, "{change}");
            let reason = "to apply: a function or trigger was changed by hand";
            assert!(status.out.contains(reason), "{status:?}");
            db.migrate_and_count(&[]).await;
            assert!(db.schema().await == before, "{change}");
            assert_eq!(db.migrate(&["--status"]).await.code, 0, "{change}");
        }
    })
    .await;
}

#[tokio::test]
async fn recreated_function_is_granted_again() {
    with_database(|db| async move {
        let folder = Folder::with_checkout();
        db.migrate_and_count(&["--from", folder.path()]).await;
        let holds = "functions/holds.sql";
        // A change of the result type needs a drop, which also drops the grants.
        let changed = folder.read(holds).replacen(
            "CREATE OR REPLACE FUNCTION public.expire_holds(",
            "CREATE FUNCTION internal.added() RETURNS integer
             LANGUAGE plpgsql SET search_path = '' AS $$ BEGIN RETURN 1; END $$;\n\
             DROP FUNCTION public.expire_holds;\nCREATE OR REPLACE FUNCTION public.expire_holds(",
            1,
        );
        assert!(changed.contains("DROP FUNCTION public.expire_holds;"));
        folder.write(holds, &changed);
        db.migrate_and_count(&["--from", folder.path()]).await;
        db.run("SET ROLE service_role; SELECT internal.added(), public.expire_holds(); RESET ROLE")
            .await;
        let others = "SELECT r FROM unnest(ARRAY['anon', 'authenticated']) AS r \
                      WHERE has_function_privilege(r, 'internal.added()', 'EXECUTE')";
        assert_eq!(db.texts(others).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn invalid_function_changes_nothing() {
    with_database(|db| async move {
        let folder = Folder::with_checkout();
        db.migrate_and_count(&["--from", folder.path()]).await;
        let before = db.schema().await;
        // `a` calls a function of a later file, which is allowed. The body of `b` is invalid.
        folder.write_functions(
            "a",
            "CREATE FUNCTION internal.a() RETURNS text LANGUAGE sql SET search_path = ''
             AS 'SELECT internal.b()';\n",
        );
        folder.write_functions(
            "b",
            "CREATE FUNCTION internal.b() RETURNS text LANGUAGE sql SET search_path = ''
             AS 'SELECT nothing FROM public.cars';\n",
        );
        let refused = db.migrate(&["--from", folder.path()]).await;
        assert_eq!(refused.code, 1);
        let expected = "exo: error[statement_refused]: functions/validation.sql: \
                        ERROR 42703: column \"nothing\" does not exist";
        assert!(refused.err.starts_with(expected), "{refused:?}");
        assert!(db.schema().await == before);
        folder.write_functions(
            "b",
            "CREATE OR REPLACE FUNCTION internal.b() RETURNS text LANGUAGE sql SET search_path = ''
             AS 'SELECT name FROM public.cars';\n",
        );
        folder.write_functions(
            "a",
            &folder
                .read("functions/a.sql")
                .replace("CREATE F", "CREATE OR REPLACE F"),
        );
        db.migrate_and_count(&["--from", folder.path()]).await;
    })
    .await;
}
