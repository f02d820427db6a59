//! The database, reached through PostgREST function calls only.
//!
//! Each call is one transaction. A function returns what was decided as an `outcome`; an error means that nothing was
//! written. The SQL of each function is in `migrations/`, its contract in the comment above it.
//! <https://docs.postgrest.org/en/stable/references/api/functions.html>

mod authorizations;
mod bookings;
mod cancellations;
mod captures;
mod cars;
mod crons;
mod error;
mod operators;
mod orders;
mod reconciliation;
mod refunds;
mod users;
mod webhooks;

pub use authorizations::{
    AuthorizationRecord, AuthorizationStart, AuthorizeOutcome, RecordOutcome,
    UnvoidedAuthorization, VoidStart,
};
pub use bookings::{Booking, BookingRequest, CreateOutcome, CreatedBooking, PaymentSummary, Price};
pub use cancellations::{CancelOutcome, CancelRequest, Cancellation, RefundStatus, Settlement};
pub use captures::{CaptureClaim, ClaimOutcome, ClaimedCapture, ClaimedReauthorization, Renewal};
pub use cars::{CarIdentity, CarListing, TouchedCar};
pub use crons::CronRun;
pub use error::DatabaseError;
pub use operators::{AuditListing, BookingListing, BookingPage};
pub use orders::{OpenOutcome, OpenedPayment, PaymentRequest};
pub use reconciliation::{DeadLetter, Drift, OpenFinding, PaymentName};
pub use refunds::{RefundOutcome, RefundRequest, RefundState};
pub use users::User;
pub use webhooks::{InboxWork, Replay, ReplayOutcome, Stored};

use crate::{
    config::{Supabase, SupabaseKey},
    platform::{Deadline, Platform, send_within},
};
use bytes::Bytes;
use error::refusal;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
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
        if !answer.status().is_success() {
            return Err(refusal(function, answer.status(), answer.body()));
        }
        is_whole(answer.body())
            .map(|()| answer.into_body())
            .map_err(|source| DatabaseError::Undecodable { function, source })
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

/// Whether an answer is JSON from beginning to end. A gateway's page is not, and neither is half an answer: believed, the
/// one would count as something written, and both would be served to clients and kept in the cache.
fn is_whole(body: &[u8]) -> Result<(), serde_json::Error> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(body).map(drop)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_answer_is_one() {
        for whole in ["", "null", " {\"outcome\":\"recorded\"}\n", "[1]"] {
            assert!(is_whole(whole.as_bytes()).is_ok(), "{whole:?}");
        }
        for part in ["<html>", "{\"outcome\":", "{} {}"] {
            assert!(is_whole(part.as_bytes()).is_err(), "{part:?}");
        }
    }

    #[test]
    fn what_is_null_is_left_out() {
        let body = written(&serde_json::json!({ "p_a": null, "p_b": { "c": null } })).unwrap();
        assert_eq!(body, br#"{"p_b":{"c":null}}"#);
    }
}
