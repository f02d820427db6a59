//! An empty database for one test, dropped when the test is over, however it ends.

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
    /// `exo migrate` with some words.
    pub(crate) async fn migrate(&self, words: &[&str]) -> RunOutput {
        let words = [&["migrate"], words].concat();
        exo::run(&words, &[("DATABASE_URL", self.url.as_str())]).await
    }

    /// `exo migrate` that must end well, and how many files it applied.
    pub(crate) async fn migrated(&self, words: &[&str]) -> usize {
        applied(&self.migrate(words).await)
    }

    /// Runs statements as superuser.
    pub(crate) async fn run(&self, sql: &str) {
        let done = self.admin.batch_execute(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The first column of a query as text, NULL as `-`.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.admin.query(sql, &[]).await;
        rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .iter()
            .map(|row| row.get::<_, Option<String>>(0).unwrap_or("-".to_owned()))
            .collect()
    }

    /// What is listed, with the beginning of the checksum.
    pub(crate) async fn listed(&self) -> Vec<String> {
        self.texts(
            "SELECT version || ' ' || coalesce(left(checksum, 8), '-') FROM public.schema_migrations \
             ORDER BY version COLLATE \"C\"",
        )
        .await
    }

    /// Every object and row that a migration could touch, with the transaction that wrote it last.
    pub(crate) async fn written(&self) -> Vec<String> {
        let mut written = Vec::new();
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
            written.extend(self.texts(&rows).await);
        }
        for table in self
            .texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .await
        {
            let rows = format!(
                "SELECT xmin::text || ' ' || t::text FROM public.{table} AS t ORDER BY t::text"
            );
            written.extend(self.texts(&rows).await);
        }
        written
    }

    /// Waits until a session of this database does something that `condition` describes, over `pg_stat_activity`.
    pub(crate) async fn until_some_session(&self, condition: &str) {
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

/// How many files a run applied that ended well.
pub(crate) fn applied(ended: &RunOutput) -> usize {
    assert_eq!(ended.code, 0, "{ended:?}");
    let last = ended.out.lines().last().unwrap();
    let applied = last.strip_prefix("applied: ").unwrap().parse().unwrap();
    let named = ended.out.lines().filter(|line| line.starts_with("apply "));
    assert_eq!(named.count(), applied, "{ended:?}");
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

async fn connect(url: &Url) -> Client {
    let config: Config = url.as_str().parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
