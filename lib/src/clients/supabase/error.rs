//! What the database refuses, told by its codes.

use crate::platform::TransportError;
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// Why the database gave no result.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No answer came.
    #[error("{function}: the database was not reached")]
    NotReached {
        /// The function called.
        function: &'static str,
        /// How the transport failed.
        source: TransportError,
    },
    /// Another transaction was in the way; nothing was written.
    #[error("{function}: another transaction was in the way ({code})")]
    Contended {
        /// The function called.
        function: &'static str,
        /// The SQLSTATE.
        code: String,
    },
    /// The database answers, but not now: starting, full, or out of connections.
    #[error("{function}: the database is unavailable ({status}, {code})")]
    Unavailable {
        /// The function called.
        function: &'static str,
        /// What PostgREST answered with.
        status: StatusCode,
        /// The SQLSTATE or PostgREST code, if any.
        code: String,
    },
    /// An answer that the contract does not know. The text is for the log only.
    #[error("{function}: unexpected answer {status}, {code}: {message}")]
    Unexpected {
        /// The function called.
        function: &'static str,
        /// What PostgREST answered with.
        status: StatusCode,
        /// The SQLSTATE or PostgREST code, if any.
        code: String,
        /// What the database said.
        message: String,
    },
    /// The result is not what the function promises.
    #[error("{function}: the result could not be read")]
    Undecodable {
        /// The function called.
        function: &'static str,
        /// What was wrong.
        source: serde_json::Error,
    },
    /// The configured address or key cannot be used in a request.
    #[error("{function}: the request could not be built")]
    Unaddressable {
        /// The function called.
        function: &'static str,
    },
    /// What another request was told, for which this one waited.
    #[error(transparent)]
    Shared(Arc<DatabaseError>),
}

impl DatabaseError {
    /// Why, whoever was told first.
    #[must_use]
    pub fn reason(&self) -> &Self {
        match self {
            Self::Shared(error) => error.reason(),
            error => error,
        }
    }

    /// Whether the database gave no answer or is unable to, as opposed to one that says no.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self.reason(),
            Self::NotReached { .. } | Self::Unavailable { .. }
        )
    }
}

/// PostgREST's error body. <https://docs.postgrest.org/en/stable/references/errors.html>
#[derive(Deserialize)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
}

/// Names an error answer by its code: PostgREST's status alone does not tell a conflict from a mistake.
pub(super) fn refusal(function: &'static str, status: StatusCode, body: &[u8]) -> DatabaseError {
    let (code, message) = serde_json::from_slice::<ErrorBody>(body)
        .map(|error| {
            (
                error.code.unwrap_or_default(),
                error.message.unwrap_or_default(),
            )
        })
        .unwrap_or_default();
    match code.as_str() {
        // Serialization failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => DatabaseError::Contended { function, code },
        // No connection from the pool in time; a statement that ran into its timeout.
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
        // A gateway's answer without a code.
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

    fn named(status: u16, body: &str) -> DatabaseError {
        refusal("f", StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn codes_decide_not_statuses() {
        for code in ["40001", "40P01", "55P03"] {
            let error = named(500, &format!(r#"{{"code":"{code}","message":"m"}}"#));
            assert!(matches!(error, DatabaseError::Contended { .. }), "{error}");
        }
        for (status, code) in [
            (504, "PGRST003"),
            (503, "53300"),
            (503, "08006"),
            (503, "57P03"),
            (500, "57014"),
        ] {
            let error = named(status, &format!(r#"{{"code":"{code}","message":"m"}}"#));
            assert!(
                matches!(error, DatabaseError::Unavailable { .. }),
                "{error}"
            );
        }
        assert!(matches!(
            named(502, "<html>"),
            DatabaseError::Unavailable { .. }
        ));
        assert!(matches!(
            named(401, r#"{"code":"42501"}"#),
            DatabaseError::Unexpected { .. }
        ));
        assert!(matches!(
            named(404, r#"{"code":"PGRST202"}"#),
            DatabaseError::Unexpected { .. }
        ));
    }
}
