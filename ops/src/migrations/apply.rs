//! Brings a database up to date, one operator at a time.

use super::{
    Migrations, SqlFile,
    plan::{Reason, Step},
    registry,
};
use crate::error::Error;
use std::time::Duration;
use tokio_postgres::{Client, types::Type};

/// The advisory lock of a run: `exo_migr` in ASCII. It belongs to the session.
const LOCK: i64 = 0x6578_6f5f_6d69_6772;

/// A request for a table's lock makes everybody behind it wait, so it is a short one. A statement
/// itself may take long.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = '5s'; \
                       SET idle_in_transaction_session_timeout = 0";

/// Makes the server notice during a statement that this program has gone. Otherwise the advisory
/// lock stays until the statement ends. Not every platform supports it.
const NOTICE_DISCONNECT: &str = "SET client_connection_check_interval = '1s'";

/// A function may call one of a later file. `functions/validation.sql` checks the bodies.
const BEGIN_FUNCTIONS: &str = "BEGIN; SET LOCAL check_function_bodies = off";

/// The pauses before a transaction that lost a conflict about locks is tried again.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Something that happens on the way.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Another run works on this database; this one waits.
    Waiting,
    /// A file is about to be applied.
    Applying {
        /// The file's stem.
        version: &'a str,
        /// Why it is applied.
        reason: Reason,
    },
    /// The transaction that began with this file deadlocked or waited too long for a lock. It is
    /// tried again.
    Retrying {
        /// The file's stem.
        version: &'a str,
    },
    /// The text of a dated file changed after it was applied. It is not applied again.
    Edited {
        /// The file's stem.
        version: &'a str,
    },
}

type Report<'a> = &'a (dyn Fn(Event<'_>) + Sync);

/// Files that are applied in one transaction.
enum Unit<'a> {
    Dated(&'a SqlFile),
    Functions(&'a [SqlFile]),
}

impl Migrations {
    /// Applies the files that the database lacks and returns their number. A dated file is one
    /// transaction, and all functions are one.
    ///
    /// The first error ends it: earlier transactions stay, the failed one leaves nothing, and the
    /// next call resumes there. The session keeps its settings; use one of its own.
    pub async fn apply(&self, client: &Client, report: Report<'_>) -> Result<usize, Error> {
        lock(client, report).await?;
        let applied = self.apply_locked(client, report).await;
        // A session that is gone has released the lock.
        let _ = client
            .query_typed(
                "SELECT pg_catalog.pg_advisory_unlock($1)",
                &[(&LOCK, Type::INT8)],
            )
            .await;
        applied
    }

    /// The steps that [`Migrations::apply`] would take. Writes nothing and waits for nobody.
    pub(crate) async fn pending(&self, client: &Client) -> Result<Vec<Step<'_>>, Error> {
        client
            .batch_execute("SET default_transaction_read_only = on")
            .await
            .map_err(Error::database("begin to read"))?;
        self.plan(&registry::read(client).await?)
    }

    async fn apply_locked(&self, client: &Client, report: Report<'_>) -> Result<usize, Error> {
        client
            .batch_execute(SESSION)
            .await
            .map_err(Error::database("prepare the session"))?;
        let _ = client.batch_execute(NOTICE_DISCONNECT).await;
        let registry = registry::read(client).await?;
        let steps = self.plan(&registry)?;
        for step in steps.iter().filter(|step| step.is_edited) {
            let version = step.file.stem();
            report(Event::Edited { version });
        }
        let due = || steps.iter().filter(|step| step.reason.is_some());
        for unit in self.units(&steps) {
            unit.apply(client, &steps, report).await?;
        }
        if registry.functions.checksums.is_empty() {
            registry::adopt(client, &self.dated).await?;
        }
        if due().next().is_some() {
            // PostgREST reads the functions' signatures once.
            // https://docs.postgrest.org/en/stable/references/schema_cache.html
            client
                .batch_execute("NOTIFY pgrst, 'reload schema'")
                .await
                .map_err(Error::database("notify PostgREST"))?;
        }
        Ok(due().count())
    }

    /// The transactions that the steps need, in order.
    fn units<'a>(&'a self, steps: &[Step<'a>]) -> Vec<Unit<'a>> {
        let (dated, functions) = steps.split_at(self.dated.len());
        let mut units: Vec<_> = dated
            .iter()
            .filter(|step| step.reason.is_some())
            .map(|step| Unit::Dated(step.file))
            .collect();
        if functions.iter().any(|step| step.reason.is_some()) {
            units.push(Unit::Functions(&self.functions));
        }
        units
    }
}

impl Unit<'_> {
    fn files(&self) -> &[SqlFile] {
        match self {
            Self::Dated(file) => std::slice::from_ref(file),
            Self::Functions(files) => files,
        }
    }

    /// Applies the files, a few times if others hold the locks.
    async fn apply(
        &self,
        client: &Client,
        steps: &[Step<'_>],
        report: Report<'_>,
    ) -> Result<(), Error> {
        let files = self.files();
        for file in files {
            let version = file.stem();
            let step = steps.iter().find(|step| step.file.stem() == version);
            if let Some(reason) = step.and_then(|step| step.reason) {
                report(Event::Applying { version, reason });
            }
        }
        let mut pauses = PAUSES.iter();
        loop {
            let Err(error) = self.attempt(client).await else {
                return Ok(());
            };
            let Some(pause) = pauses.next().filter(|_| error.is_lock_conflict()) else {
                return Err(error);
            };
            let version = files.first().map_or("", SqlFile::stem);
            report(Event::Retrying { version });
            tokio::time::sleep(*pause).await;
        }
    }

    async fn attempt(&self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Dated(file) => {
                file.run(client).await?;
                registry::record(client, file).await
            }
            Self::Functions(files) => {
                let attempt = apply_functions(client, files).await;
                if attempt.is_err() {
                    // The server itself ends the transaction of a session that is gone.
                    let _ = client.batch_execute("ROLLBACK").await;
                }
                attempt
            }
        }
    }
}

async fn apply_functions(client: &Client, files: &[SqlFile]) -> Result<(), Error> {
    let failed = || Error::database("apply the functions");
    client
        .batch_execute(BEGIN_FUNCTIONS)
        .await
        .map_err(failed())?;
    for file in files {
        file.send(client).await?;
    }
    registry::record_functions(client, files).await?;
    client.batch_execute("COMMIT").await.map_err(failed())
}

async fn lock(client: &Client, report: Report<'_>) -> Result<(), Error> {
    let failed = || Error::database("lock the database against other runs");
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
