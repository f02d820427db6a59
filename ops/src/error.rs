//! Everything that can keep an operator's command from its end, each with a code and what to do about it.

use std::{io, path::PathBuf};
use tokio_postgres::error::SqlState;

/// Why a command failed. Nothing in it names a password or a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command line that nobody can mean.
    #[error("{0}")]
    Usage(String),
    /// A variable of the environment that is missing or makes no sense.
    #[error("{variable} {problem}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is wrong, and what it should be.
        problem: String,
    },
    /// A file or folder that cannot be read.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A folder without a single SQL file.
    #[error("there is no *.sql in {}", .0.display())]
    NoFiles(PathBuf),
    /// An SQL file that would not be applied all or nothing.
    #[error("{file}: one transaction is what a file must be: BEGIN; … COMMIT; around everything")]
    NotOneTransaction {
        /// Its name.
        file: String,
    },
    /// A file of functions that would end the transaction of all of them.
    #[error(
        "{file}: functions are applied together, in one transaction: no BEGIN; and no COMMIT; in it"
    )]
    EndsTransaction {
        /// Its name.
        file: String,
    },
    /// No connection to the database.
    #[error("cannot reach the database at {host}{}", advised(.advice.as_deref()))]
    DatabaseUnreachable {
        /// `host:port`.
        host: String,
        /// What to do about it, where that is known.
        advice: Option<String>,
        /// What went wrong.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A statement of this program's own that the database refused.
    #[error("{what}")]
    Database {
        /// What was tried.
        what: String,
        /// What PostgreSQL said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A statement of an SQL file that the database refused. The file's transaction is rolled back.
    #[error("{place}: {message}")]
    Statement {
        /// The file, with line and column where PostgreSQL points at a place.
        place: String,
        /// PostgreSQL's code.
        sqlstate: SqlState,
        /// PostgreSQL's message with severity, SQLSTATE, detail, hint and context.
        message: String,
    },
    /// A migration that did not list itself.
    #[error("{file} was applied, but does not insert its stem into public.schema_migrations")]
    NotRegistered {
        /// Its name.
        file: String,
    },
    /// The database is ahead of this program.
    #[error(
        "the database lists the migration {version}, which is newer than any here: use the version of exo it came with"
    )]
    NewerDatabase {
        /// The migration.
        version: String,
    },
    /// No answer from the deployment.
    #[error("no answer from {url}: {problem}")]
    DeploymentUnreachable {
        /// What was asked for.
        url: String,
        /// What is known about the reason.
        problem: String,
    },
    /// An answer that is a refusal.
    #[error("{url} answered {status}: {problem}")]
    Refused {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The problem's code and text.
        problem: String,
    },
    /// An answer that is not what was asked for.
    #[error("{url} answered something that is not understood: {problem}")]
    Answer {
        /// What was asked for.
        url: String,
        /// Where reading it ended.
        problem: String,
    },
}

impl Error {
    /// The word that names this kind of failure, for scripts that read standard error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Variable { .. } => "variable",
            Self::Io { .. } => "io",
            Self::NoFiles(_) => "no_files",
            Self::NotOneTransaction { .. } => "not_one_transaction",
            Self::EndsTransaction { .. } => "ends_transaction",
            Self::DatabaseUnreachable { .. } => "database_unreachable",
            Self::Database { .. } => "database",
            Self::Statement { .. } => "statement_refused",
            Self::NotRegistered { .. } => "not_registered",
            Self::NewerDatabase { .. } => "newer_database",
            Self::DeploymentUnreachable { .. } => "deployment_unreachable",
            Self::Refused { .. } => "refused",
            Self::Answer { .. } => "answer_not_understood",
        }
    }

    /// As [`run`](crate::run) documents it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Variable { .. } => 2,
            Self::DatabaseUnreachable { .. }
            | Self::DeploymentUnreachable { .. }
            | Self::Refused { .. }
            | Self::Answer { .. } => 3,
            _ => 1,
        }
    }

    /// Whether other sessions held the locks: a deadlock, or a lock that did not come in time.
    pub(crate) fn is_lock_conflict(&self) -> bool {
        let sqlstate = match self {
            Self::Statement { sqlstate, .. } => Some(sqlstate),
            Self::Database { source, .. } => source.code(),
            _ => None,
        };
        sqlstate.is_some_and(|it| {
            [
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::LOCK_NOT_AVAILABLE,
            ]
            .contains(it)
        })
    }

    /// Names the step that an operating system's refusal ended.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Names the step that the database's refusal ended.
    pub(crate) fn database(what: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let what = what.into();
        move |source| Self::Database { what, source }
    }
}

fn advised(advice: Option<&str>) -> String {
    advice.map_or_else(String::new, |advice| format!(". {advice}"))
}
