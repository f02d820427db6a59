//! The database, reached through PostgREST function calls only.
//!
//! Each call is one transaction. A function returns what was decided as an `outcome`; an error means that nothing was
//! written. The SQL of each function is in `migrations/`, its contract in the comment above it.
//! <https://docs.postgrest.org/en/stable/references/api/functions.html>

mod bookings;
mod cars;
mod crons;
mod payments;
mod users;

pub use bookings::{Booking, BookingRequest, CreateOutcome, CreatedBooking, PaymentSummary, Price};
pub use cars::{CarIdentity, CarListing};
pub use crons::CronRun;
pub use payments::{
    Authorization, AuthorizationRecord, AuthorizationStart, AuthorizeOutcome, CaptureClaim,
    OpenOutcome, OpenedPayment, PaymentRequest, RecordOutcome, TouchedCar, UnvoidedAuthorization,
    VoidStart,
};

use crate::{
    config::{Supabase, SupabaseKey},
    platform::{Deadline, Platform, TransportError, send_within},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::time::Duration;

/// No single statement may take longer: the functions' own statement timeout is 8 seconds.
const TIMEOUT: Duration = Duration::from_secs(9);

/// The database as one request sees it.
#[derive(Clone, Copy)]
pub struct Database<'a> {
    platform: &'a dyn Platform,
    config: &'a Supabase,
    deadline: Deadline,
}

impl<'a> Database<'a> {
    /// A database whose calls end by `deadline`.
    #[must_use]
    pub fn new(platform: &'a dyn Platform, config: &'a Supabase, deadline: Deadline) -> Self {
        Self {
            platform,
            config,
            deadline,
        }
    }

    /// Calls `function` with `arguments` and reads its result.
    async fn call<R: DeserializeOwned>(
        &self,
        function: &'static str,
        arguments: &impl Serialize,
    ) -> Result<R, DatabaseError> {
        let body = self.call_raw(function, arguments).await?;
        serde_json::from_slice(&body)
            .map_err(|source| DatabaseError::Undecodable { function, source })
    }

    /// Calls `function` and gives the result's bytes, for answers that pass through unread.
    async fn call_raw(
        &self,
        function: &'static str,
        arguments: &impl Serialize,
    ) -> Result<Bytes, DatabaseError> {
        let request = self.request(function, arguments)?;
        let answer = self.exchange(function, request).await?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        Err(refusal(function, answer.status(), answer.body()))
    }

    async fn exchange(
        &self,
        function: &'static str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, DatabaseError> {
        let timeout = self.deadline.allow(self.platform.now(), TIMEOUT);
        send_within(self.platform, request, timeout)
            .await
            .map_err(|source| DatabaseError::NotReached { function, source })
    }

    fn request(
        &self,
        function: &'static str,
        arguments: &impl Serialize,
    ) -> Result<Request<Bytes>, DatabaseError> {
        let body =
            written(arguments).map_err(|source| DatabaseError::Undecodable { function, source })?;
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = format!("{}/rest/v1/rpc/{function}", self.config.url)
            .parse()
            .map_err(|_| DatabaseError::Unaddressable { function })?;
        let headers = request.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.identify(headers, function)?;
        Ok(request)
    }

    /// Adds our key: `sb_secret_…` is refused as a bearer token, a legacy key is needed as both.
    fn identify(
        &self,
        headers: &mut HeaderMap,
        function: &'static str,
    ) -> Result<(), DatabaseError> {
        let key = self.config.key.secret().expose();
        let sensitive = |text: &str| {
            let mut value = HeaderValue::from_str(text)
                .map_err(|_| DatabaseError::Unaddressable { function })?;
            value.set_sensitive(true);
            Ok(value)
        };
        headers.insert(HeaderName::from_static("apikey"), sensitive(key)?);
        if let SupabaseKey::LegacyJwt(_) = self.config.key {
            headers.insert(header::AUTHORIZATION, sensitive(&format!("Bearer {key}"))?);
        }
        Ok(())
    }

    /// Whether the database answers.
    pub async fn health_check(&self) -> Result<(), DatabaseError> {
        self.call_raw("health_check", &serde_json::json!({}))
            .await
            .map(drop)
    }
}

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
}

/// The named arguments as JSON. What is null is left out and takes the function's default, which is NULL: so nothing
/// depends on how a server turns a JSON null into an argument.
fn written(arguments: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut arguments = serde_json::to_value(arguments)?;
    if let Some(members) = arguments.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    serde_json::to_vec(&arguments)
}

/// PostgREST's error body. <https://docs.postgrest.org/en/stable/references/errors.html>
#[derive(Deserialize)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
}

/// Names an error answer by its code: PostgREST's status alone does not tell a conflict from a mistake.
fn refusal(function: &'static str, status: StatusCode, body: &[u8]) -> DatabaseError {
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
    fn what_is_null_is_left_out() {
        let body = written(&serde_json::json!({ "p_a": null, "p_b": { "c": null } })).unwrap();
        assert_eq!(body, br#"{"p_b":{"c":null}}"#);
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
