//! Applies the missing migrations to a database. An advisory lock keeps concurrent runs apart.

use super::{
    Migrations, SqlFile,
    plan::{Reason, Step},
    registry::{self, Registry},
};
use crate::error::Error;
use std::{slice, time::Duration};
use tokio_postgres::{Client, types::Type};

/// The advisory lock of a run: `exo_migr` in ASCII. It belongs to the session.
const LOCK: i64 = 0x6578_6f5f_6d69_6772;

/// While a statement waits for a table's lock, all later requests for that table wait behind it. So
/// a statement waits 5 s at most. Once it has its locks, it may take long.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = '5s'; \
                       SET idle_in_transaction_session_timeout = 0";

/// Makes the server check during a statement whether this program is still connected. Otherwise the
/// advisory lock of a killed program stays until the statement ends. Some platforms do not support
/// this setting.
const NOTICE_DISCONNECT: &str = "SET client_connection_check_interval = '1s'";

/// A function may call one of a later file, so its body is not checked at once.
/// `functions/validation.sql` checks all bodies.
const BEGIN_FUNCTIONS: &str = "BEGIN; SET LOCAL check_function_bodies = off";

/// The pauses before the retries of a transaction that deadlocked or did not get a lock.
const RETRY_PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// An event of a run, for the operator.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Another run holds the advisory lock, so this run waits.
    Waiting,
    /// A file is about to be applied.
    Applying { stem: &'a str, reason: Reason },
    /// A retry of the transaction whose first file this is.
    Retrying { stem: &'a str },
    /// The text of a dated file changed after it was applied. It is not applied again.
    Edited { stem: &'a str },
}

type Report<'a> = &'a (dyn Fn(Event<'_>) + Sync);

/// The steps of one transaction.
enum Transaction<'a> {
    Dated(&'a Step<'a>),
    Functions {
        first: &'a Step<'a>,
        /// All steps, with the first.
        steps: &'a [Step<'a>],
        /// The listed dated files whose checksums are replaced.
        replaced: &'a [SqlFile],
    },
}

impl Migrations {
    /// Applies the files that the database lacks and returns their number. Each dated file is one
    /// transaction. All functions together are one transaction.
    ///
    /// The first error ends the run. Earlier transactions stay, the failed one is rolled back, and
    /// the next run resumes there. The run changes settings of the session, so it needs a
    /// connection of its own.
    pub async fn apply(&self, client: &Client, report: Report<'_>) -> Result<usize, Error> {
        lock(client, report).await?;
        let applied = self.apply_locked(client, report).await;
        // If the session is gone, the server has released its lock.
        let _ = client
            .query_typed(
                "SELECT pg_catalog.pg_advisory_unlock($1)",
                &[(&LOCK, Type::INT8)],
            )
            .await;
        applied
    }

    /// Every file, with the reason why [`Migrations::apply`] would apply it. Writes nothing and
    /// does not wait for other runs.
    pub(crate) async fn steps(&self, client: &Client) -> Result<Vec<Step<'_>>, Error> {
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
            let stem = step.file.stem();
            report(Event::Edited { stem });
        }
        for transaction in self.transactions(&steps, &registry) {
            transaction.apply(client, report).await?;
        }
        let applied = steps.iter().filter(|step| step.reason.is_some()).count();
        if applied > 0 {
            // PostgREST caches the functions' signatures.
            // https://docs.postgrest.org/en/stable/references/schema_cache.html
            client
                .batch_execute("NOTIFY pgrst, 'reload schema'")
                .await
                .map_err(Error::database("notify PostgREST"))?;
        }
        Ok(applied)
    }

    /// The transactions that the steps need, in order.
    fn transactions<'a>(
        &'a self,
        steps: &'a [Step<'a>],
        registry: &Registry,
    ) -> Vec<Transaction<'a>> {
        let (dated, functions) = steps.split_at(self.dated.len());
        let mut transactions: Vec<_> = dated
            .iter()
            .filter(|step| step.reason.is_some())
            .map(Transaction::Dated)
            .collect();
        // All functions have a reason, or none has.
        if let Some(first) = functions.first().filter(|step| step.reason.is_some()) {
            transactions.push(Transaction::Functions {
                first,
                steps: functions,
                // Recorded functions make the texts of dated files comparable. So the first record
                // of functions replaces the checksums of version 0.1.0.
                replaced: if registry.has_comparable_texts() {
                    &[]
                } else {
                    &self.dated
                },
            });
        }
        transactions
    }
}

impl Transaction<'_> {
    fn first(&self) -> &Step<'_> {
        match self {
            Self::Dated(step) => step,
            Self::Functions { first, .. } => first,
        }
    }

    fn steps(&self) -> &[Step<'_>] {
        match self {
            Self::Dated(step) => slice::from_ref(step),
            Self::Functions { steps, .. } => steps,
        }
    }

    /// Applies the files, and retries them while other sessions hold the locks.
    async fn apply(&self, client: &Client, report: Report<'_>) -> Result<(), Error> {
        for step in self.steps() {
            let stem = step.file.stem();
            if let Some(reason) = step.reason {
                report(Event::Applying { stem, reason });
            }
        }
        let mut pauses = RETRY_PAUSES.iter();
        loop {
            let Err(error) = self.attempt(client).await else {
                return Ok(());
            };
            let Some(pause) = pauses.next().filter(|_| error.is_lock_conflict()) else {
                return Err(error);
            };
            let stem = self.first().file.stem();
            report(Event::Retrying { stem });
            tokio::time::sleep(*pause).await;
        }
    }

    async fn attempt(&self, client: &Client) -> Result<(), Error> {
        let attempt = match self {
            Self::Dated(step) => apply_dated(client, step.file).await,
            Self::Functions {
                steps, replaced, ..
            } => apply_functions(client, steps, replaced).await,
        };
        if attempt.is_err() {
            // If the session is gone, the server has rolled back.
            let _ = client.batch_execute("ROLLBACK").await;
        }
        attempt
    }
}

/// Applies a dated file and records its checksum in the same transaction. Otherwise a crash between
/// the two would leave a file whose later edits are not noticed.
async fn apply_dated(client: &Client, file: &SqlFile) -> Result<(), Error> {
    file.send_until_commit(client).await?;
    registry::record_dated(client, file).await?;
    file.send_commit(client).await
}

async fn apply_functions(
    client: &Client,
    steps: &[Step<'_>],
    replaced: &[SqlFile],
) -> Result<(), Error> {
    let failed = || Error::database("apply the functions");
    client
        .batch_execute(BEGIN_FUNCTIONS)
        .await
        .map_err(failed())?;
    for step in steps {
        step.file.send_statements(client).await?;
    }
    registry::record_functions(client, steps.iter().map(|step| step.file)).await?;
    if !replaced.is_empty() {
        registry::update_checksums(client, replaced).await?;
    }
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
