//! Brings a database up to date, one operator at a time.

use super::{
    Migrations,
    plan::{Reason, Step},
    registry,
};
use crate::error::Error;
use tokio_postgres::{Client, types::Type};

/// The advisory lock of whoever applies migrations: `exo_migr` in ASCII. It belongs to the session.
const LOCK: i64 = 0x6578_6f5f_6d69_6772;

/// How the session behaves: a wait for a table's lock keeps everybody behind it waiting, so it is a short one; a
/// statement may take long all the same.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = 0";

/// Tells the server to notice that this program has gone while it works for it; otherwise the advisory lock would stay
/// until the statement ends. Not every platform can.
const NOTICE_THE_END: &str = "SET client_connection_check_interval = '1s'";

/// Something that happens on the way.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Somebody else applies migrations to this database; this one waits.
    Waiting,
    /// A file is about to be applied.
    Applying {
        /// The stem of its name.
        version: &'a str,
        /// Why.
        reason: Reason,
    },
}

impl Migrations {
    /// Applies what the database lacks, in order, each file in its own transaction, and gives the number of files.
    ///
    /// The first error ends it: the files before it stay applied, the one it is in leaves nothing, and the next call
    /// goes on there. The session keeps its settings; use one of its own.
    pub async fn apply(
        &self,
        client: &Client,
        report: &(dyn Fn(Event<'_>) + Sync),
    ) -> Result<usize, Error> {
        lock(client, report).await?;
        let applied = self.apply_locked(client, report).await;
        // A session that is gone has given the lock back.
        let _ = client
            .query_typed(
                "SELECT pg_catalog.pg_advisory_unlock($1)",
                &[(&LOCK, Type::INT8)],
            )
            .await;
        applied
    }

    /// What [`Migrations::apply`] would do. Writes nothing and waits for nobody.
    pub(crate) async fn pending(&self, client: &Client) -> Result<Vec<Step<'_>>, Error> {
        client
            .batch_execute("SET default_transaction_read_only = on")
            .await
            .map_err(Error::database("begin to read"))?;
        self.plan(&registry::read(client).await?)
    }

    async fn apply_locked(
        &self,
        client: &Client,
        report: &(dyn Fn(Event<'_>) + Sync),
    ) -> Result<usize, Error> {
        client
            .batch_execute(SESSION)
            .await
            .map_err(Error::database("set the session up"))?;
        let _ = client.batch_execute(NOTICE_THE_END).await;
        let listed = registry::read(client).await?;
        let steps = self.plan(&listed)?;
        let is_known = |step: &&Step<'_>| {
            step.reason.is_some() && listed.get(step.file.stem()).is_some_and(Option::is_some)
        };
        let known: Vec<&str> = steps
            .iter()
            .filter(is_known)
            .map(|step| step.file.stem())
            .collect();
        if !known.is_empty() {
            registry::forget(client, &known).await?;
        }
        let mut applied = 0;
        for Step { file, reason } in steps {
            if let Some(reason) = reason {
                report(Event::Applying {
                    version: file.stem(),
                    reason,
                });
                file.run(client).await?;
                registry::record(client, file).await?;
                applied += 1;
            }
        }
        if applied > 0 {
            // PostgREST reads the functions' signatures once. https://docs.postgrest.org/en/stable/references/schema_cache.html
            client
                .batch_execute("NOTIFY pgrst, 'reload schema'")
                .await
                .map_err(Error::database("tell PostgREST"))?;
        }
        Ok(applied)
    }
}

async fn lock(client: &Client, report: &(dyn Fn(Event<'_>) + Sync)) -> Result<(), Error> {
    let failed = || Error::database("take the lock of whoever applies migrations");
    let row = client
        .query_typed_one(
            "SELECT pg_catalog.pg_try_advisory_lock($1)",
            &[(&LOCK, Type::INT8)],
        )
        .await
        .map_err(failed())?;
    if row.get(0) {
        return Ok(());
    }
    report(Event::Waiting);
    client
        .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")
        .await
        .map_err(failed())?;
    client
        .query_typed(
            "SELECT pg_catalog.pg_advisory_lock($1)",
            &[(&LOCK, Type::INT8)],
        )
        .await
        .map_err(failed())?;
    Ok(())
}
