//! The failures of the local system, each with a code and a remedy.

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Usage(String),
    #[error("{variable}: {problem}")]
    Variable {
        variable: &'static str,
        problem: String,
    },
    #[error("another exodrive-local runs in {}: stop it, or set EXODRIVE_STATE_DIR to another folder", .0.display())]
    StateDirLocked(PathBuf),
    #[error("{address} is in use by another program: stop it, or set PORT to another number")]
    PortInUse { address: String },
    #[error("{program} is missing: {hint}")]
    ProgramMissing {
        program: &'static str,
        hint: &'static str,
    },
    #[error("{}: PostgreSQL {version} wrote this data and is not installed: install it, or start with --fresh", .directory.display())]
    DataVersion { directory: PathBuf, version: String },
    #[error("{name} {problem}\n{}", log_excerpt(.last_lines))]
    Child {
        name: &'static str,
        problem: String,
        last_lines: String,
    },
    #[error("cannot {step}")]
    Io {
        step: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot {step}")]
    Database {
        step: String,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error(transparent)]
    Migrations(#[from] exodrive_ops::Error),
    #[error("{problem}")]
    Redis {
        problem: String,
        #[source]
        source: redis::RedisError,
    },
    #[error("vercel.json: {0}")]
    Crons(String),
    #[error("the simulated PayPal: {0}")]
    PayPal(String),
    #[error("stopped by a second signal: children that still ran were killed")]
    Interrupted,
    #[error("the system has no randomness: {0}")]
    Randomness(getrandom::Error),
}

impl Error {
    /// The word for this kind of failure on standard error, for scripts.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Variable { .. } => "variable",
            Self::StateDirLocked(_) => "already_running",
            Self::PortInUse { .. } => "port_in_use",
            Self::ProgramMissing { .. } => "program_missing",
            Self::DataVersion { .. } => "data_version",
            Self::Child { .. } => "child_failed",
            Self::Io { .. } => "io",
            Self::Database { .. } => "database",
            Self::Migrations(error) => error.code(),
            Self::Redis { .. } => "redis",
            Self::Crons(_) => "crons",
            Self::PayPal(_) => "paypal",
            Self::Interrupted => "interrupted",
            Self::Randomness(_) => "randomness",
        }
    }

    /// 2 for an invalid command line, otherwise 1.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_)) { 2 } else { 1 }
    }

    /// Names the step that the operating system refused.
    pub(crate) fn io<E: Into<io::Error>>(step: impl Into<String>) -> impl FnOnce(E) -> Self {
        let step = step.into();
        move |source| Self::Io {
            step,
            source: source.into(),
        }
    }
}

fn log_excerpt(last_lines: &str) -> String {
    if last_lines.is_empty() {
        return "  (its log is empty)".to_owned();
    }
    let mut text = "its log ends:".to_owned();
    for line in last_lines.lines() {
        text.push_str("\n  | ");
        text.push_str(line);
    }
    text
}
