//! An empty database for one test. It is dropped afterwards, even after a panic.

use crate::exo::{self, RunOutput};
use std::{sync::Arc, time::Duration};
use tokio_postgres::{Client, Config, NoTls};
use url::Url;
use uuid::Uuid;

/// An empty database, and a superuser connection to it.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) url: Url,
    pub(crate) admin: Arc<Client>,
}

impl Database {
    /// Runs `exo migrate` with more arguments.
    pub(crate) async fn migrate(&self, words: &[&str]) -> RunOutput {
        let words = [&["migrate"], words].concat();
        exo::run(&words, &[("DATABASE_URL", self.url.as_str())]).await
    }

    /// Runs `exo migrate`, which must succeed, and returns the number of files it applied.
    pub(crate) async fn migrate_and_count(&self, words: &[&str]) -> usize {
        applied_count(&self.migrate(words).await)
    }

    /// Runs statements as superuser.
    pub(crate) async fn run(&self, sql: &str) {
        let result = self.admin.batch_execute(sql).await;
        result.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The first column of a query as text, NULL as `-`.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.admin.query(sql, &[]).await;
        rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .iter()
            .map(|row| row.get::<_, Option<String>>(0).unwrap_or("-".to_owned()))
            .collect()
    }

    /// The listed dated files with the first digits of their checksums.
    pub(crate) async fn listed_files(&self) -> Vec<String> {
        self.texts(
            "SELECT version || ' ' || coalesce(left(checksum, 8), '-') FROM public.schema_migrations \
             ORDER BY version COLLATE \"C\"",
        )
        .await
    }

    /// The tables, columns, constraints, indexes, triggers, functions, comments, and privileges.
    /// Owners and rows are left out.
    pub(crate) async fn schema(&self) -> Vec<String> {
        let ours = "('public'::regnamespace, 'internal'::regnamespace)";
        let parts = [
            format!(
                "SELECT format('column %s.%s %s %s %s %s %s', c.oid::regclass, a.attname,
                               format_type(a.atttypid, a.atttypmod), a.attnotnull,
                               pg_get_expr(d.adbin, d.adrelid), a.attgenerated,
                               col_description(c.oid, a.attnum))
                 FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
                 LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                 WHERE c.relnamespace IN {ours} AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
            ),
            format!(
                "SELECT format('table %s %s %s %s', oid::regclass, relrowsecurity,
                               obj_description(oid, 'pg_class'),
                               (SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(relacl) AS acl))
                 FROM pg_class WHERE relnamespace IN {ours} AND relkind = 'r'"
            ),
            format!(
                "SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
                 FROM pg_constraint WHERE connamespace IN {ours}"
            ),
            "SELECT indexdef FROM pg_indexes WHERE schemaname IN ('public', 'internal')".to_owned(),
            "SELECT pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
                .to_owned(),
            format!(
                "SELECT pg_get_functiondef(oid) || coalesce(obj_description(oid), '')
                     || (SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(proacl) AS acl)
                 FROM pg_proc WHERE pronamespace IN {ours}"
            ),
        ];
        let mut schema = Vec::new();
        for part in parts {
            schema.extend(self.texts(&part).await);
        }
        schema.sort();
        schema
    }

    /// The lines of the schema that are only in the database (`+`) or only in `expected` (`-`).
    pub(crate) async fn schema_difference(&self, expected: &[String]) -> Vec<String> {
        let schema = self.schema().await;
        let added = schema.iter().filter(|line| !expected.contains(line));
        let missing = expected.iter().filter(|line| !schema.contains(line));
        added
            .map(|line| format!("+ {line}"))
            .chain(missing.map(|line| format!("- {line}")))
            .collect()
    }

    /// Turns a current database into one of version 0.1.0. That version kept functions in dated
    /// files, had no registry of functions, and had other comments.
    pub(crate) async fn downgrade_to_0_1_0(&self) {
        self.run(
            "DROP TABLE internal.schema_functions;
             DELETE FROM schema_migrations WHERE version = '20250714000000_add_function_registry';
             UPDATE schema_migrations SET checksum = repeat('0', 64);
             INSERT INTO schema_migrations (version, checksum)
             VALUES ('20250627000000_add_pricing', repeat('0', 64)),
                    ('20250713000000_add_operator_reads', repeat('0', 64));
             COMMENT ON TABLE schema_migrations IS 'Older.';
             COMMENT ON COLUMN schema_migrations.applied_at IS 'Older.';
             COMMENT ON COLUMN schema_migrations.checksum IS 'Older.';
             COMMENT ON COLUMN payment_operations.subject_id IS 'Older.';
             COMMENT ON COLUMN payment_operations.result_id IS 'Older.';
             COMMENT ON TABLE webhook_retries IS 'Older.';
             COMMENT ON COLUMN bookings.refund_percent IS 'Older.';
             COMMENT ON COLUMN payments.capture_amount IS 'Older.';
             COMMENT ON COLUMN payments.original_authorization_id IS 'Older.';
             COMMENT ON TABLE cancellation_rules IS 'Older.';
             COMMENT ON COLUMN webhook_events.result IS 'Older.';
             COMMENT ON TABLE payment_findings IS 'Older.'",
        )
        .await;
        self.remove_paypal_evidence().await;
    }

    /// Undoes `20250716000000_add_paypal_evidence`.
    async fn remove_paypal_evidence(&self) {
        self.run(
            "DELETE FROM schema_migrations WHERE version = '20250716000000_add_paypal_evidence';
             DROP INDEX payment_operations_by_result, payments_one_created, payments_one_standing,
                 refunds_open;
             CREATE INDEX payment_operations_by_result ON payment_operations (result_id)
                 WHERE operation = 'order';
             CREATE UNIQUE INDEX payments_one_standing ON payments (booking_id)
                 WHERE status NOT IN ('voided', 'failed', 'expired') AND void_reason IS NULL;
             CREATE INDEX refunds_open ON refunds (ordered_at) WHERE status = 'ordered';
             DROP TABLE payment_disputes;
             ALTER TABLE payment_findings
                 DROP COLUMN acknowledged_at, DROP COLUMN acknowledged_by, DROP COLUMN acknowledgement;
             ALTER TABLE refunds
                 DROP CONSTRAINT refunds_status_known, DROP CONSTRAINT refunds_finished,
                 DROP CONSTRAINT refunds_once,
                 DROP COLUMN capture_id, DROP COLUMN part, DROP COLUMN pending_since,
                 ADD CONSTRAINT refunds_status_check CHECK (status IN ('ordered', 'refunded', 'refused')),
                 ADD CONSTRAINT refunds_finished CHECK ((status = 'ordered') = (finished_at IS NULL)),
                 ADD CONSTRAINT refunds_once UNIQUE (payment_id, idempotency_key);
             DROP TABLE payment_captures;
             ALTER TABLE payments
                 DROP CONSTRAINT payments_status_known, DROP CONSTRAINT payments_authorized_has_id,
                 DROP CONSTRAINT payments_capture_whole,
                 DROP COLUMN pending_since, DROP COLUMN next_comparison_at,
                 DROP COLUMN comparison_failures,
                 ADD CONSTRAINT payments_status_known CHECK (status IN ('created', 'authorized',
                     'capturing', 'captured', 'partially_refunded', 'refunded', 'voided', 'failed',
                     'expired')),
                 ADD CONSTRAINT payments_authorized_has_id CHECK (
                     status NOT IN ('authorized', 'capturing') OR authorization_id IS NOT NULL),
                 ADD CONSTRAINT payments_capture_whole CHECK (
                     (status IN ('captured', 'partially_refunded', 'refunded')) = (capture_id IS NOT NULL)
                     AND (capture_id IS NULL) = (captured_at IS NULL)
                     AND (capture_id IS NULL) = (captured_amount IS NULL))",
        )
        .await;
    }

    /// Every row that a migration can write, in catalogues and tables, with the last transaction
    /// that wrote it.
    pub(crate) async fn row_versions(&self) -> Vec<String> {
        let mut versions = Vec::new();
        for catalogue in [
            "pg_namespace",
            "pg_class",
            "pg_proc",
            "pg_trigger",
            "pg_default_acl",
            "pg_description",
        ] {
            let rows = format!(
                "SELECT xmin::text || ' ' || t::text FROM {catalogue} AS t ORDER BY t::text"
            );
            versions.extend(self.texts(&rows).await);
        }
        for table in self
            .texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .await
        {
            let rows = format!(
                "SELECT xmin::text || ' ' || t::text FROM public.{table} AS t ORDER BY t::text"
            );
            versions.extend(self.texts(&rows).await);
        }
        versions
    }

    /// Waits until another session meets `condition`, a condition on `pg_stat_activity`.
    pub(crate) async fn wait_for_session(&self, condition: &str) {
        let sql = format!(
            "SELECT 'yes'::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
        );
        for _ in 0..2000 {
            if !self.texts(&sql).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no session with {condition}");
    }
}

/// The number of files that a successful run applied.
pub(crate) fn applied_count(output: &RunOutput) -> usize {
    assert_eq!(output.code, 0, "{output:?}");
    let last = output.out.lines().last().unwrap();
    let applied = last.strip_prefix("applied: ").unwrap().parse().unwrap();
    let named = output.out.lines().filter(|line| line.starts_with("apply "));
    assert_eq!(named.count(), applied, "{output:?}");
    applied
}

/// Runs a test over an empty database of its own.
pub(crate) async fn with_database<F, T>(test: F)
where
    F: FnOnce(Database) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let server = server();
    let name = format!("exodrive_ops_{}", random_id());
    let maintenance = connect(&server).await;
    let create = format!("CREATE DATABASE {name}");
    maintenance.batch_execute(&create).await.unwrap();

    let mut url = server;
    url.set_path(&name);
    let admin = Arc::new(connect(&url).await);
    let outcome = tokio::spawn(test(Database { url, admin })).await;

    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    maintenance.batch_execute(&drop).await.unwrap();
    if let Err(panicked) = outcome {
        std::panic::resume_unwind(panicked.into_panic());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "script/test names the server in the environment"
)]
pub(crate) fn server() -> Url {
    let url = std::env::var("DATABASE_URL")
        .expect("DATABASE_URL must name a PostgreSQL superuser connection; script/test sets it");
    url.parse().unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "two runs at once must not meet in one database"
)]
pub(crate) fn random_id() -> String {
    Uuid::new_v4().simple().to_string()
}

pub(crate) async fn connect(url: &Url) -> Client {
    let config: Config = url.as_str().parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
