//! A database for one test, a copy of a migrated one. It is dropped afterwards, even after a panic.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls, error::SqlState};
use uuid::Uuid;

/// A migrated database, and a superuser connection for fixtures.
#[derive(Clone)]
pub(crate) struct Database {
    config: Config,
    pub(crate) admin: Arc<Client>,
}

impl Database {
    /// A connection with the product's privileges.
    pub(crate) async fn service(&self) -> Client {
        let client = connect(&self.config).await;
        client.batch_execute("SET ROLE service_role").await.unwrap();
        client
    }

    /// Runs statements as superuser.
    pub(crate) async fn run(&self, sql: &str) {
        self.admin
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The value of a query with one row and one column, as text. `None` for NULL.
    pub(crate) async fn value(&self, sql: &str) -> Option<String> {
        let rows = self
            .admin
            .query(&format!("SELECT ({sql})::text"), &[])
            .await;
        rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"))[0].get(0)
    }

    /// The number of rows of a table that meet a condition.
    pub(crate) async fn count(&self, table: &str, condition: &str) -> u32 {
        let count = self
            .value(&format!("SELECT count(*) FROM {table} WHERE {condition}"))
            .await;
        count.unwrap().parse().unwrap()
    }

    /// Runs a statement that must be refused, and returns the SQLSTATE.
    pub(crate) async fn refusal(&self, sql: &str) -> SqlState {
        let result = self.admin.batch_execute(sql).await;
        result.expect_err(sql).code().cloned().unwrap()
    }

    /// A digest of each table's rows, to detect any change.
    pub(crate) async fn content(&self) -> BTreeMap<String, Option<String>> {
        let mut content = BTreeMap::new();
        for row in self
            .admin
            .query(
                "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
                &[],
            )
            .await
            .unwrap()
        {
            let table: String = row.get(0);
            let digest = format!(
                "SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM public.{table} AS t"
            );
            content.insert(table, self.value(&digest).await);
        }
        content
    }

    /// Applies the SQL files of a folder of the repository in the order of their names. After the
    /// dated files of `migrations/`, the functions follow in one transaction.
    pub(crate) async fn apply(&self, folder: &str) {
        for file in sql_files(folder) {
            self.run_file(&file).await;
        }
        if folder == "migrations" {
            self.run("BEGIN; SET LOCAL check_function_bodies = off")
                .await;
            for file in function_files() {
                self.run_file(&file).await;
            }
            self.run("COMMIT").await;
        }
    }

    async fn run_file(&self, file: &Path) {
        let sql = std::fs::read_to_string(file).unwrap();
        let result = self.admin.batch_execute(&sql).await;
        result.unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
    }
}

/// The files of `migrations/functions/`, in the order of `migrations/apply.sql`.
fn function_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let script = std::fs::read_to_string(folder.join("apply.sql")).unwrap();
    let files = script.lines().filter_map(|line| line.strip_prefix("\\ir "));
    let functions = files.filter(|file| file.starts_with("functions/"));
    functions.map(|file| folder.join(file)).collect()
}

/// The SQL files of a folder of the repository, in the byte order of their names, without
/// `apply.sql`.
pub(crate) fn sql_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.retain(|file| !file.ends_with("apply.sql"));
    files.sort();
    files
}

/// The name of the migrated database that the tests of this process copy. It stays in the server,
/// which script/test starts for one run.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

async fn create_template(server: &Config) -> String {
    let name = format!("exodrive_template_{}", random_id());
    connect(server)
        .await
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    open(server, &name).await.apply("migrations").await;
    name
}

async fn open(server: &Config, name: &str) -> Database {
    let mut config = server.clone();
    config.dbname(name);
    Database {
        admin: Arc::new(connect(&config).await),
        config,
    }
}

/// Runs a test over a database of its own.
pub(crate) async fn with_database<F, T>(test: F)
where
    F: FnOnce(Database) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let server = server_config();
    let template = TEMPLATE.get_or_init(|| create_template(&server)).await;
    let name = format!("exodrive_test_{}", random_id());
    let maintenance = connect(&server).await;
    maintenance
        .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
        .await
        .unwrap();
    let database = open(&server, &name).await;
    let outcome = tokio::spawn(async {
        test(database).await;
    })
    .await;

    maintenance
        .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .await
        .unwrap();
    if let Err(panicked) = outcome {
        std::panic::resume_unwind(panicked.into_panic());
    }
}

/// Calls a function with named arguments, as PostgREST does. A JSON null is an SQL NULL.
pub(crate) async fn call(client: &Client, function: &str, arguments: Value) -> Value {
    try_call(client, function, arguments)
        .await
        .unwrap_or_else(|error| panic!("{function}: {error:?}"))
}

/// Like [`call`], for calls that may be refused.
pub(crate) async fn try_call(
    client: &Client,
    function: &str,
    arguments: Value,
) -> Result<Value, tokio_postgres::Error> {
    let arguments: Vec<_> = arguments
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name} => {}", literal(value)))
        .collect();
    let sql = format!(
        "SELECT coalesce(to_jsonb(f), 'null') FROM public.{function}({}) AS f",
        arguments.join(", ")
    );
    Ok(client.query_one(&sql, &[]).await?.get(0))
}

fn literal(value: &Value) -> String {
    let text = match value {
        Value::Null => return "NULL".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(ToString::to_string).collect();
            format!("{{{}}}", items.join(","))
        }
        other => other.to_string(),
    };
    format!("'{}'", text.replace('\'', "''"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "script/test names the server in the environment"
)]
fn server_config() -> Config {
    let url = std::env::var("DATABASE_URL")
        .expect("DATABASE_URL must name a PostgreSQL superuser connection; script/test sets it");
    url.parse().unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "two runs at once must not meet in one database"
)]
fn random_id() -> String {
    Uuid::new_v4().simple().to_string()
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
