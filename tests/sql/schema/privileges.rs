//! Privileges, read from the catalogue so that later objects are checked as well.

use crate::support::{
    database::{Database, with_database},
    fixtures::upcoming_booking,
};
use tokio_postgres::error::SqlState;

const OURS: &str = "p.pronamespace IN ('public'::regnamespace, 'internal'::regnamespace) \
                    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')";

/// The first column of a query.
async fn names(db: &Database, sql: &str) -> Vec<String> {
    db.admin
        .query(sql, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

#[tokio::test]
async fn anon_and_authenticated_may_do_nothing() {
    with_database(|db| async move {
        for role in ["anon", "authenticated", "public"] {
            let functions = format!("SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE {OURS} AND has_function_privilege('{role}', p.oid, 'EXECUTE')");
            assert_eq!(names(&db, &functions).await, Vec::<String>::new(), "functions for {role}");
            let tables = format!(
                "SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace IN ('public'::regnamespace, 'internal'::regnamespace) \
                 AND c.relkind IN ('r', 'v', 'm', 'p') AND has_table_privilege('{role}', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
            );
            assert_eq!(names(&db, &tables).await, Vec::<String>::new(), "tables for {role}");
        }
    })
    .await;
}

#[tokio::test]
async fn new_objects_are_closed() {
    with_database(|db| async move {
        db.run("CREATE FUNCTION public.later() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TABLE public.later_table (id int)").await;
        for role in ["anon", "authenticated"] {
            db.run(&format!("SET ROLE {role}")).await;
            assert_eq!(db.refusal("SELECT public.later()").await, SqlState::INSUFFICIENT_PRIVILEGE);
            assert_eq!(db.refusal("SELECT * FROM public.later_table").await, SqlState::INSUFFICIENT_PRIVILEGE);
            assert_eq!(db.refusal("SELECT public.list_cars()").await, SqlState::INSUFFICIENT_PRIVILEGE);
            assert_eq!(db.refusal("SELECT * FROM public.bookings").await, SqlState::INSUFFICIENT_PRIVILEGE);
            db.run("RESET ROLE").await;
        }
    })
    .await;
}

#[tokio::test]
async fn tables_have_row_security_and_are_readable() {
    with_database(|db| async move {
        let open = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relrowsecurity";
        assert_eq!(names(&db, open).await, Vec::<String>::new());
        let policies = "SELECT tablename::text FROM pg_policies WHERE schemaname = 'public'";
        assert_eq!(names(&db, policies).await, Vec::<String>::new());
        let service = db.service().await;
        for table in names(&db, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'").await {
            service.batch_execute(&format!("SELECT * FROM public.{table}")).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn functions_are_safe_limited_and_documented() {
    with_database(|db| async move {
        let loose = format!("SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE {OURS} AND (p.prosecdef OR NOT coalesce('search_path=\"\"' = ANY (p.proconfig), false))");
        assert_eq!(names(&db, &loose).await, Vec::<String>::new());
        let public = "p.pronamespace = 'public'::regnamespace";
        let unbounded = format!(
            "SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE {OURS} AND {public} \
             AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE c LIKE 'statement_timeout=%')"
        );
        assert_eq!(names(&db, &unbounded).await, Vec::<String>::new());
        let undocumented = format!("SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE {OURS} AND {public} AND obj_description(p.oid) IS NULL");
        assert_eq!(names(&db, &undocumented).await, Vec::<String>::new());
        let closed = format!("SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE {OURS} AND {public} AND NOT has_function_privilege('service_role', p.oid, 'EXECUTE')");
        assert_eq!(names(&db, &closed).await, Vec::<String>::new());
    })
    .await;
}

/// The owner and the product's role alike. `session_replication_role` switches ordinary triggers
/// off.
#[tokio::test]
async fn logs_only_grow() {
    with_database(|db| async move {
        db.run("GRANT ALL ON public.audit_log, public.security_events, public.booking_events TO service_role").await;
        upcoming_booking(&db).await;
        db.run("INSERT INTO security_events (occurred_at, kind) VALUES (now(), 'test')").await;
        let before = db.content().await;
        for role in ["postgres", "service_role"] {
            for replication in ["origin", "replica", "local"] {
                for table in ["audit_log", "security_events", "booking_events"] {
                    for change in [format!("UPDATE {table} SET occurred_at = now() - interval '91 days'"), format!("DELETE FROM {table}"), format!("TRUNCATE {table}")] {
                        let sql = format!("BEGIN; SET LOCAL session_replication_role = {replication}; SET LOCAL ROLE {role}; {change}");
                        assert_eq!(db.refusal(&sql).await, SqlState::INSUFFICIENT_PRIVILEGE, "{sql}");
                        db.run("ROLLBACK").await;
                    }
                }
            }
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

/// Supabase's defaults give `service_role` every privilege on a new table.
#[tokio::test]
async fn bookings_and_money_are_never_deleted() {
    with_database(|db| async move {
        let tables = [
            "bookings",
            "payments",
            "payment_operations",
            "payment_captures",
            "refunds",
            "payment_disputes",
            "payment_findings",
        ];
        assert_kept(&db, &tables).await;
        for table in tables {
            db.run(&format!("GRANT ALL ON public.{table} TO service_role"))
                .await;
        }
        db.apply("migrations").await;
        assert_kept(&db, &tables).await;
    })
    .await;
}

/// The product's role can remove no row from these tables.
async fn assert_kept(db: &Database, tables: &[&str]) {
    let service = db.service().await;
    for table in tables {
        for change in ["DELETE FROM", "TRUNCATE"] {
            let sql = format!("{change} public.{table}");
            let refused = service.batch_execute(&sql).await.expect_err(&sql);
            assert_eq!(
                refused.code(),
                Some(&SqlState::INSUFFICIENT_PRIVILEGE),
                "{sql}"
            );
        }
    }
}
