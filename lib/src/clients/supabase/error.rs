//! Errors of the database, classified by SQLSTATE and PostgREST code.

use crate::{
    clients::{json, redaction::without_values},
    platform::TransportError,
};
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// The reason that a call has no result. `function` is the function that was called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// No response came.
    #[error("{function}: the database was not reached")]
    NotReached {
        function: &'static str,
        source: TransportError,
    },
    /// A conflict with another transaction. Nothing was written.
    #[error("{function}: another transaction was in the way ({code})")]
    Contended {
        function: &'static str,
        /// The SQLSTATE.
        code: String,
    },
    /// The database is starting, overloaded or out of connections.
    #[error("{function}: the database is unavailable ({status}, {code})")]
    Unavailable {
        function: &'static str,
        status: StatusCode,
        /// The SQLSTATE or PostgREST's code. Empty if there is none.
        code: String,
    },
    /// An error that no function is documented to raise. The message is for the log only, and has
    /// no values.
    #[error("{function}: unexpected response {status}, {code}: {message}")]
    Unexpected {
        function: &'static str,
        status: StatusCode,
        /// The SQLSTATE or PostgREST's code. Empty if there is none.
        code: String,
        message: String,
    },
    /// The result does not have the documented shape.
    #[error("{function}: the result could not be read")]
    Undecodable {
        function: &'static str,
        source: DecodeError,
    },
    /// The configured address or key is not usable in a request.
    #[error("{function}: the request could not be built")]
    Unaddressable { function: &'static str },
    /// The error of another request, whose load this request has waited for.
    #[error(transparent)]
    Shared(Arc<DatabaseError>),
}

impl DatabaseError {
    /// The error itself, whichever request got it.
    #[must_use]
    pub(crate) fn reason(&self) -> &Self {
        match self {
            Self::Shared(error) => error.reason(),
            error => error,
        }
    }

    /// Whether the database is down or unreachable. `false` for errors that it reported.
    #[must_use]
    pub(crate) fn is_outage(&self) -> bool {
        matches!(
            self.reason(),
            Self::NotReached { .. } | Self::Unavailable { .. }
        )
    }
}

/// An error of JSON, without the values that it quotes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DecodeError(String);

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self(without_values(&error.to_string()))
    }
}

impl DatabaseError {
    /// The result of `function` could not be read.
    pub(super) fn undecodable(function: &'static str, error: serde_json::Error) -> Self {
        let source = error.into();
        Self::Undecodable { function, source }
    }
}

/// PostgREST's error body. <https://docs.postgrest.org/en/stable/references/errors.html>
#[derive(Deserialize)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
}

/// Classifies an error response by its code. The status does not tell a conflict from a mistake.
pub(super) fn refusal(function: &'static str, status: StatusCode, body: &[u8]) -> DatabaseError {
    let (code, message) = json::from_slice::<ErrorBody>(body)
        .map(|error| {
            (
                error.code.unwrap_or_default(),
                without_values(&error.message.unwrap_or_default()),
            )
        })
        .unwrap_or_default();
    match code.as_str() {
        // Serialization failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => DatabaseError::Contended { function, code },
        // A statement timeout, or no connection from the pool in time.
        "57014" | "PGRST000" | "PGRST001" | "PGRST002" | "PGRST003" => DatabaseError::Unavailable {
            function,
            status,
            code,
        },
        // Classes 08 (connection), 53 (resources), 57P (shutting down).
        code_text
            if ["08", "53", "57P"]
                .iter()
                .any(|class| code_text.starts_with(class)) =>
        {
            DatabaseError::Unavailable {
                function,
                status,
                code,
            }
        }
        // A gateway's response without a code.
        "" if status.is_server_error() => DatabaseError::Unavailable {
            function,
            status,
            code,
        },
        _ => DatabaseError::Unexpected {
            function,
            status,
            code,
            message,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(status: u16, body: &str) -> DatabaseError {
        refusal("f", StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn codes_outrank_statuses() {
        for code in ["40001", "40P01", "55P03"] {
            let error = classified(500, &format!(r#"{{"code":"{code}","message":"m"}}"#));
            assert!(matches!(error, DatabaseError::Contended { .. }), "{error}");
        }
        for (status, code) in [
            (504, "PGRST003"),
            (503, "53300"),
            (503, "08006"),
            (503, "57P03"),
            (500, "57014"),
        ] {
            let error = classified(status, &format!(r#"{{"code":"{code}","message":"m"}}"#));
            assert!(
                matches!(error, DatabaseError::Unavailable { .. }),
                "{error}"
            );
        }
        assert!(matches!(
            classified(502, "<html>"),
            DatabaseError::Unavailable { .. }
        ));
        assert!(matches!(
            classified(401, r#"{"code":"42501"}"#),
            DatabaseError::Unexpected { .. }
        ));
        assert!(matches!(
            classified(404, r#"{"code":"PGRST202"}"#),
            DatabaseError::Unexpected { .. }
        ));
    }
}
