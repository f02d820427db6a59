//! PostgreSQL with the product's schema, in a database of its own that is dropped afterwards.

use super::functions::{Function, Functions};
use crate::surroundings::variable;
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

/// What belongs to the catalogue and stays as it is from seed to seed.
const LASTING: [&str; 9] = [
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

/// Makes identifiers a matter of the seed. Before the migrations, so that the defaults of columns mean this function.
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

pub(crate) struct Database {
    runtime: Rc<Runtime>,
    name: String,
    /// May everything.
    admin: Client,
    /// May what the product may.
    service: Client,
    functions: Functions,
    statements: BTreeMap<String, Statement>,
    /// The tables that a seed fills.
    filled: Vec<String>,
}

impl Database {
    pub(super) fn new(runtime: Rc<Runtime>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server: Config = variable("DATABASE_URL").parse().unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("exodrive_simulation_{}_{number}", std::process::id());
        let (admin, service, functions, filled) = runtime.block_on(async {
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
            let service = connect(&own).await;
            run(&service, "SET ROLE service_role").await;
            let functions = Functions::read(&admin).await;
            let tables = tables(&admin).await;
            (admin, service, functions, tables)
        });
        Self {
            filled,
            runtime,
            name,
            admin,
            service,
            functions,
            statements: BTreeMap::new(),
        }
    }

    /// Empties the tables and begins the identifiers of `seed`.
    pub(super) fn reset(&mut self, seed: u64) {
        let seed = format!("SET simulation.seed = '{seed}'");
        // What was written stays written: the tables themselves refuse to be emptied, so their triggers are off meanwhile.
        let reset = format!(
            "SET session_replication_role = replica;
             TRUNCATE {} RESTART IDENTITY;
             SET session_replication_role = origin;
             ALTER SEQUENCE simulation.uuids RESTART;
             {seed}",
            self.filled.join(", ")
        );
        self.runtime.block_on(async {
            run(&self.admin, &reset).await;
            run(&self.service, &seed).await;
        });
    }

    /// Runs statements as superuser.
    pub(crate) fn run(&mut self, sql: &str) {
        self.runtime.block_on(run(&self.admin, sql));
    }

    /// The one value of a query, as text.
    pub(crate) fn value(&mut self, sql: &str) -> String {
        let row = self.runtime.block_on(self.admin.query_one(sql, &[]));
        row.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .get(0)
    }

    /// Like [`Self::value`], parsed and planned once.
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

    /// What the tables hold, digested.
    pub(crate) fn digest(&mut self) -> String {
        let tables: Vec<String> = self
            .filled
            .iter()
            .map(|table| {
                format!("(SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM {table} AS t)")
            })
            .collect();
        let sql = format!("SELECT md5(concat_ws(E'\\n\\n', {}))", tables.join(", "));
        self.value(&sql)
    }

    /// Whether a call of this function leaves bookings, payments and their operations as they are: it only reads, or
    /// writes a diary of its own.
    pub(crate) fn leaves_books(&self, function: &str) -> bool {
        let is_diary = function.ends_with("_cron_run") || function.contains("webhook");
        is_diary
            || self
                .functions
                .find(function)
                .is_some_and(Function::only_reads)
    }

    /// A function call, as PostgREST carries it out: one transaction, by the product's role.
    pub(super) fn perform(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let name = path
            .strip_prefix("/rest/v1/rpc/")
            .unwrap_or_else(|| panic!("{path} is not a function call"));
        let arguments: Value = serde_json::from_slice(request.body()).unwrap();
        let sql = self
            .functions
            .find(name)
            .and_then(|function| function.call(&arguments));
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
            Err(error) => super::functions::refusal(&error),
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

/// The tables that a seed fills.
async fn tables(admin: &Client) -> Vec<String> {
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let rows = admin.query(sql, &[]).await.unwrap();
    rows.iter()
        .map(|row| row.get::<_, String>(0))
        .filter(|table| !LASTING.contains(&table.as_str()))
        .map(|table| format!("public.{table}"))
        .collect()
}
