//! PostgreSQL with the product's schema, in a temporary database.

use super::functions::{Function, Functions};
use crate::environment::variable;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    rc::Rc,
    sync::atomic::{AtomicU32, Ordering},
};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls, Statement, types::ToSql};

/// The catalog's tables. They keep their rows from seed to seed.
const CATALOG_TABLES: [&str; 9] = [
    "cancellation_rules",
    "cars",
    "car_pricing",
    "car_fees",
    "car_features",
    "car_images",
    "pricing_rules",
    "payment_capture_rules",
    "schema_migrations",
];

/// Makes UUIDs depend on the seed. This SQL runs before the migrations, so that column defaults use
/// the new function.
const SEEDED_UUIDS: &str = "
    SET allow_system_table_mods = on;
    ALTER FUNCTION pg_catalog.gen_random_uuid() RENAME TO gen_random_uuid_of_the_system;
    CREATE SCHEMA simulation;
    CREATE SEQUENCE simulation.uuids;
    CREATE FUNCTION pg_catalog.gen_random_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS $$
        SELECT overlay(overlay(
            md5(coalesce(current_setting('simulation.seed', true), '') || ':' || nextval('simulation.uuids'))
            PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid
    $$;
    GRANT USAGE ON SCHEMA simulation TO PUBLIC;
    GRANT USAGE ON SEQUENCE simulation.uuids TO PUBLIC;";

/// Makes the triggers that refuse TRUNCATE ordinary ones, which [`Database::reset`] can switch off.
const TRUNCATABLE: &str = "
    ALTER TABLE public.audit_log ENABLE TRIGGER audit_log_not_truncated;
    ALTER TABLE public.security_events ENABLE TRIGGER security_events_not_truncated;
    ALTER TABLE public.booking_events ENABLE TRIGGER booking_events_not_truncated;";

pub(crate) struct Database {
    runtime: Rc<Runtime>,
    name: String,
    /// Connected as superuser.
    admin: Client,
    /// Connected with the product's role.
    service: Client,
    functions: Functions,
    statements: BTreeMap<String, Statement>,
    /// Emptied before each seed.
    seed_tables: Vec<String>,
}

impl Database {
    pub(super) fn new(runtime: Rc<Runtime>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server: Config = variable("DATABASE_URL").parse().unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("exodrive_simulation_{}_{number}", std::process::id());
        let (admin, service, functions, seed_tables) = runtime.block_on(async {
            let maintenance = connect(&server).await;
            run(
                &maintenance,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            )
            .await;
            run(&maintenance, &format!("CREATE DATABASE {name}")).await;
            let mut own = server.clone();
            own.dbname(&name);
            let admin = connect(&own).await;
            migrate(&admin).await;
            run(&admin, TRUNCATABLE).await;
            let service = connect(&own).await;
            run(&service, "SET ROLE service_role").await;
            let functions = Functions::read(&admin).await;
            let tables = tables(&admin).await;
            (admin, service, functions, tables)
        });
        Self {
            runtime,
            name,
            admin,
            service,
            functions,
            statements: BTreeMap::new(),
            seed_tables,
        }
    }

    /// Empties the tables and restarts the sequence of UUIDs with `seed`.
    pub(super) fn reset(&mut self, seed: u64) {
        let seed = format!("SET simulation.seed = '{seed}'");
        // Triggers of the append-only tables refuse TRUNCATE, so they are off here.
        let reset = format!(
            "SET session_replication_role = replica;
             TRUNCATE {} RESTART IDENTITY;
             SET session_replication_role = origin;
             ALTER SEQUENCE simulation.uuids RESTART;
             {seed}",
            self.seed_tables.join(", ")
        );
        self.runtime.block_on(async {
            run(&self.admin, &reset).await;
            run(&self.service, &seed).await;
        });
    }

    /// Runs SQL as superuser.
    pub(crate) fn run(&mut self, sql: &str) {
        self.runtime.block_on(run(&self.admin, sql));
    }

    /// Returns the single text value of a query.
    pub(crate) fn value(&mut self, sql: &str) -> String {
        let row = self.runtime.block_on(self.admin.query_one(sql, &[]));
        row.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .get(0)
    }

    /// Like [`Self::value`], with a prepared statement.
    pub(crate) fn read(&mut self, sql: &'static str, arguments: &[&(dyn ToSql + Sync)]) -> String {
        if !self.statements.contains_key(sql) {
            let statement = self.runtime.block_on(self.admin.prepare(sql)).unwrap();
            self.statements.insert(sql.to_owned(), statement);
        }
        let row = self
            .runtime
            .block_on(self.admin.query_one(&self.statements[sql], arguments));
        row.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .get(0)
    }

    /// A digest of the seed's rows.
    pub(crate) fn digest(&mut self) -> String {
        let tables: Vec<String> = self
            .seed_tables
            .iter()
            .map(|table| {
                format!("(SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM {table} AS t)")
            })
            .collect();
        let sql = format!("SELECT md5(concat_ws(E'\\n\\n', {}))", tables.join(", "));
        self.value(&sql)
    }

    /// Whether a function never changes bookings, payments, refunds or operations. Such a function
    /// only reads, or writes cron runs or webhook events.
    pub(crate) fn never_changes_books(&self, function: &str) -> bool {
        let is_log = function.ends_with("_cron_run") || function.contains("webhook");
        is_log
            || self
                .functions
                .find(function)
                .is_some_and(Function::only_reads)
    }

    /// Calls a function in one transaction with the product's role, as PostgREST does.
    pub(super) fn perform(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let name = path
            .strip_prefix("/rest/v1/rpc/")
            .unwrap_or_else(|| panic!("{path} is not a function call"));
        let arguments: Value = serde_json::from_slice(request.body()).unwrap();
        let sql = self
            .functions
            .find(name)
            .and_then(|function| function.call_sql(&arguments));
        let Some(sql) = sql else {
            let message = format!("Could not find the function public.{name} in the schema cache");
            let body =
                json!({"code": "PGRST202", "message": message, "details": null, "hint": null});
            return super::json(404, body.to_string());
        };
        let (service, statements) = (&self.service, &mut self.statements);
        let result = self.runtime.block_on(async {
            if !statements.contains_key(&sql) {
                let statement = service.prepare(&sql).await?;
                statements.insert(sql.clone(), statement);
            }
            service
                .query_one(&statements[&sql], &[&arguments.to_string()])
                .await
        });
        match result {
            Ok(row) => super::json(200, row.get::<_, String>(0)),
            Err(error) => super::functions::error_response(&error),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let server: Config = variable("DATABASE_URL").parse().unwrap();
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.runtime.block_on(async {
            run(&connect(&server).await, &drop).await;
        });
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn run(client: &Client, sql: &str) {
    client
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// The schema and the cars, without bookings. Statistics never change, so that no plan does.
async fn migrate(admin: &Client) {
    run(admin, SEEDED_UUIDS).await;
    // A function may call one of a later file.
    run(admin, "SET check_function_bodies = off").await;
    for file in migration_files().into_iter().chain(sql_files("seed")) {
        // The seed's bookings lie around the real today.
        if !file.ends_with("50_bookings.sql") {
            run(admin, &fs::read_to_string(&file).unwrap()).await;
        }
    }
    run(admin, "VACUUM ANALYZE").await;
    for table in tables(admin).await {
        run(
            admin,
            &format!("ALTER TABLE {table} SET (autovacuum_enabled = off)"),
        )
        .await;
    }
}

/// The dated files and the functions, in the order of `migrations/apply.sql`.
fn migration_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let script = fs::read_to_string(folder.join("apply.sql")).unwrap();
    let files = script
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("\\ir "));
    files.map(|file| folder.join(file)).collect()
}

/// In the order of their names.
fn sql_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    files
}

/// The tables that are not part of the catalog.
async fn tables(admin: &Client) -> Vec<String> {
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let rows = admin.query(sql, &[]).await.unwrap();
    rows.iter()
        .map(|row| row.get::<_, String>(0))
        .filter(|table| !CATALOG_TABLES.contains(&table.as_str()))
        .map(|table| format!("public.{table}"))
        .collect()
}
