//! The failures of a command, each with a code and an exit code.

use std::{io, path::PathBuf};
use tokio_postgres::error::SqlState;

/// The failure of a command. No message holds a password or a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A variable of the environment that is missing or cannot be used.
    #[error("{variable} {problem}")]
    Variable {
        variable: &'static str,
        /// The problem, and the value that is expected.
        problem: String,
    },
    /// A step that the operating system refused.
    #[error("cannot {step}")]
    Io {
        step: String,
        #[source]
        source: io::Error,
    },
    /// A folder without SQL files.
    #[error("{} holds no *.sql file: name a folder with migrations", .0.display())]
    NoFiles(PathBuf),
    /// An SQL file that could be applied in part.
    #[error("{file}: the file must be one transaction, with BEGIN; first and COMMIT; last")]
    NotOneTransaction { file: String },
    /// A file of functions that would end the transaction of all of them.
    #[error(
        "{file}: functions are applied together, in one transaction: remove BEGIN; and COMMIT;"
    )]
    EndsTransaction { file: String },
    /// No connection to the database.
    #[error("the database at {host} cannot be reached{}", advice_sentence(.advice.as_deref()))]
    DatabaseUnreachable {
        /// `host:port`.
        host: String,
        /// Advice, if the reason is known.
        advice: Option<String>,
        #[source]
        source: tokio_postgres::Error,
    },
    /// A statement of this program that the database refused.
    #[error("cannot {step}")]
    Database {
        step: String,
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
    /// A migration that did not insert its stem into `schema_migrations`.
    #[error(
        "{file} does not insert its stem into public.schema_migrations, and was rolled back: \
         add that INSERT and apply the file again"
    )]
    NotRegistered { file: String },
    /// The database is ahead of this program.
    #[error(
        "the database lists the migration {stem}, which is newer than all files here: \
         use the version of exo that applied it"
    )]
    NewerDatabase { stem: String },
    /// No response from the deployment.
    #[error("{url} did not respond: {problem}")]
    DeploymentUnreachable {
        url: String,
        /// The reason, as far as it is known.
        problem: String,
    },
    /// A response without success.
    #[error("{url} responded {status}: {problem}")]
    Refused {
        url: String,
        status: u16,
        /// The problem's code and text.
        problem: String,
    },
    /// A response in an unknown form.
    #[error(
        "{url} responded with an unknown document: {problem}. \
         Check EXODRIVE_URL and the version of exo"
    )]
    UnknownResponse {
        url: String,
        /// The first difference from the form that is expected.
        problem: String,
    },
}

impl Error {
    /// The name of this kind of failure, for scripts that read standard error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
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
            Self::UnknownResponse { .. } => "answer_not_understood",
        }
    }

    /// The exit code, as [`run`](crate::run) documents it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Variable { .. } => 2,
            Self::DatabaseUnreachable { .. }
            | Self::DeploymentUnreachable { .. }
            | Self::Refused { .. }
            | Self::UnknownResponse { .. } => 3,
            _ => 1,
        }
    }

    /// A variable that is not set.
    pub(crate) fn unset(variable: &'static str, advice: &str) -> Self {
        Self::Variable {
            variable,
            problem: format!("is not set: {advice}"),
        }
    }

    /// Whether other sessions held the locks: a deadlock, or a lock timeout.
    pub(crate) fn is_lock_conflict(&self) -> bool {
        let sqlstate = match self {
            Self::Statement { sqlstate, .. } => Some(sqlstate),
            Self::Database { source, .. } => source.code(),
            _ => None,
        };
        sqlstate.is_some_and(|state| {
            [
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::LOCK_NOT_AVAILABLE,
            ]
            .contains(state)
        })
    }

    /// Names the step that the operating system refused.
    pub(crate) fn io(step: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let step = step.into();
        move |source| Self::Io { step, source }
    }

    /// Names the step that the database refused.
    pub(crate) fn database(step: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let step = step.into();
        move |source| Self::Database { step, source }
    }
}

fn advice_sentence(advice: Option<&str>) -> String {
    advice.map_or_else(String::new, |advice| format!(". {advice}"))
}
