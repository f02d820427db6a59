//! A file whose text changed is applied again, and so is every file after it.

use crate::database::with_database;
use crate::folder::Folder;

const TRACE: &str = "SELECT what FROM trace ORDER BY id";

#[tokio::test]
async fn a_changed_file_and_all_after_it_are_applied_in_order() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        for stem in ["2_a", "3_b", "4_c", "6_e"] {
            folder.trace(stem, stem);
        }
        assert_eq!(db.migrated(&["--from", folder.path()]).await, 5);
        assert_eq!(db.texts(TRACE).await, ["2_a", "3_b", "4_c", "6_e"]);

        folder.trace("3_b", "3_b, another");
        folder.trace("5_d", "5_d");
        let again = db.migrate(&["--from", folder.path()]).await;
        assert_eq!(
            again.out,
            "apply 3_b (its text changed)\napply 4_c (follows one that is applied)\napply 5_d (new)\n\
             apply 6_e (follows one that is applied)\napplied: 4\n"
        );
        db.run("DELETE FROM trace WHERE id <= 4").await;
        assert_eq!(db.texts(TRACE).await, ["3_b, another", "4_c", "5_d", "6_e"]);
        assert_eq!(db.migrated(&["--from", folder.path()]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_comment_is_a_change_and_a_file_that_is_gone_is_none() {
    with_database(|db| async move {
        let folder = Folder::with_base();
        folder.trace("2_a", "a");
        folder.trace("3_b", "b");
        db.migrated(&["--from", folder.path()]).await;
        let text = folder.read("3_b.sql");
        folder.write("3_b.sql", &format!("-- Why.\n{text}"));
        assert_eq!(db.migrated(&["--from", folder.path()]).await, 1);

        let without = Folder::with_base();
        without.write("3_b.sql", &folder.read("3_b.sql"));
        assert_eq!(db.migrated(&["--from", without.path()]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_function_that_is_made_again_gets_its_grants_again() {
    with_database(|db| async move {
        let folder = Folder::with_checkout();
        db.migrated(&["--from", folder.path()]).await;
        let holds = "20250629000000_add_booking_holds.sql";
        let changed = folder.read(holds).replacen(
            "COMMIT;",
            "CREATE FUNCTION internal.added() RETURNS integer LANGUAGE plpgsql SET search_path = '' AS $$ BEGIN RETURN 1; END $$;\nCOMMIT;",
            1,
        );
        // PostgreSQL changes no result type in place, so the function is dropped, and its grants with it.
        let changed = changed.replacen(
            "CREATE OR REPLACE FUNCTION public.expire_holds(",
            "DROP FUNCTION public.expire_holds;\nCREATE OR REPLACE FUNCTION public.expire_holds(",
            1,
        );
        assert!(changed.contains("DROP FUNCTION public.expire_holds;"));
        folder.write(holds, &changed);
        db.migrated(&["--from", folder.path()]).await;
        db.run("SET ROLE service_role; SELECT internal.added(), public.expire_holds(); RESET ROLE")
            .await;
        let others = "SELECT r FROM unnest(ARRAY['anon', 'authenticated']) AS r \
                      WHERE has_function_privilege(r, 'internal.added()', 'EXECUTE')";
        assert_eq!(db.texts(others).await, [""; 0]);
    })
    .await;
}
