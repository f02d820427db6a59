//! The database, reached through PostgREST function calls only.
//!
//! Each call is one transaction. A function returns its decision as an `outcome`. An error means
//! that nothing was written. `migrations/` has the SQL of each function and a comment with its
//! contract.
//! <https://docs.postgrest.org/en/stable/references/api/functions.html>

mod authorizations;
mod bookings;
mod cancellations;
mod captures;
mod cars;
mod crons;
mod error;
mod observations;
mod operator_audit;
mod operators;
mod orders;
mod outcome;
mod reconciliation;
mod refunds;
mod retention;
mod users;
mod voids;
mod webhooks;

pub(crate) use authorizations::{
    AuthorizationClaim, AuthorizationRecord, AuthorizationRefusal, AuthorizationStart,
    ConfirmedBooking, DoubtfulAttempt, OrderSight, PendingBooking, ReviewedAuthorization,
    VoidReason,
};
pub(crate) use bookings::{Booking, BookingCreation, BookingRefusal, BookingRequest};
pub(crate) use cancellations::{
    CancelRefusal, CancelRequest, CancelResult, Cancellation, Settlement,
};
pub(crate) use captures::{
    CaptureClaim, CaptureStart, ClaimRefusal, ReauthorizationClaim, ReauthorizationFailure,
    ReauthorizationRecord, ReauthorizationStart,
};
pub(crate) use cars::{CarIdentity, CarListing};
pub(crate) use error::DatabaseError;
pub(crate) use operator_audit::{OperatorAction, OperatorRequest};
pub(crate) use operators::{AuditEntry, AuditListing, BookingListing, BookingPosition};
pub(crate) use orders::{
    ExistingOrder, LostOrder, NewPayment, PaymentOpening, PaymentRefusal, PaymentRequest,
};
pub(crate) use reconciliation::{
    Acknowledgement, ComparisonFailure, DeadLetter, DisputeRecord, DisputeReport, DriftListing,
    DueComparison, OpenFinding, PaymentName,
};
pub(crate) use refunds::{
    Refund, RefundClaim, RefundOrder, RefundRefusal, RefundRequest, RefundStart, RefundState,
};
pub(crate) use users::User;
pub(crate) use voids::{UnvoidedAuthorization, VoidStart};
pub(crate) use webhooks::{EventClaim, EventReplay};

use crate::{
    clients::json,
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
use serde_json::{Map, Value};
use std::time::Duration;

/// The timeout of a call. The functions end their statements after 8 seconds.
const TIMEOUT: Duration = Duration::from_secs(9);

/// The client of one request.
#[derive(Clone, Copy)]
pub(crate) struct Database<'a> {
    platform: &'a dyn Platform,
    config: &'a Supabase,
    deadline: Deadline,
}

/// Names and values. References to the values are less code than `serde_json::json!` in each call.
type Arguments<'a> = &'a [(&'static str, &'a dyn Argument)];

trait Argument: Sync {
    fn to_json(&self) -> serde_json::Result<Value>;
}

impl<T: Serialize + Sync> Argument for T {
    fn to_json(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

impl<'a> Database<'a> {
    /// A client whose calls end by `deadline`.
    #[must_use]
    pub(crate) fn new(
        platform: &'a dyn Platform,
        config: &'a Supabase,
        deadline: Deadline,
    ) -> Self {
        Self {
            platform,
            config,
            deadline,
        }
    }

    /// Calls `function` and decodes its result.
    async fn call<R: DeserializeOwned>(
        &self,
        function: &'static str,
        arguments: Arguments<'_>,
    ) -> Result<R, DatabaseError> {
        let body = self.call_raw(function, arguments).await?;
        json::from_slice(&body).map_err(|error| DatabaseError::undecodable(function, error))
    }

    /// Calls `function` and returns its result as JSON text.
    async fn call_raw(
        &self,
        function: &'static str,
        arguments: Arguments<'_>,
    ) -> Result<Bytes, DatabaseError> {
        let request = self.request(function, arguments)?;
        let response = self.exchange(function, request).await?;
        if !response.status().is_success() {
            return Err(refusal(function, response.status(), response.body()));
        }
        check_json(response.body())
            .map(|()| response.into_body())
            .map_err(|error| DatabaseError::undecodable(function, error))
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
        arguments: Arguments<'_>,
    ) -> Result<Request<Bytes>, DatabaseError> {
        let body = encode_arguments(arguments)
            .map_err(|error| DatabaseError::undecodable(function, error))?;
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

    /// Adds the API key. Supabase refuses `sb_secret_…` as a bearer token and requires a legacy key
    /// as one.
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

    /// Calls the database and discards the result.
    pub(crate) async fn health_check(&self) -> Result<(), DatabaseError> {
        self.call_raw("health_check", &[]).await.map(drop)
    }
}

/// Checks that a response is complete JSON.
///
/// A gateway's page or a truncated response would otherwise count as a successful write, or would
/// be cached and served to clients.
fn check_json(body: &[u8]) -> Result<(), serde_json::Error> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(body).map(drop)
}

/// The named arguments as JSON, without those that are null.
///
/// The default of every argument is NULL. Nothing depends on the way in which PostgREST converts a
/// JSON null.
fn encode_arguments(arguments: Arguments<'_>) -> serde_json::Result<Vec<u8>> {
    let mut members = Map::new();
    for (name, argument) in arguments {
        let value = argument.to_json()?;
        if !value.is_null() {
            members.insert((*name).to_owned(), value);
        }
    }
    serde_json::to_vec(&members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scripted::config as read_config, stepped::SteppedPlatform};
    use serde_json::json;

    #[test]
    fn incomplete_json_is_an_error() {
        for whole in ["", "null", " {\"outcome\":\"recorded\"}\n", "[1]"] {
            assert!(check_json(whole.as_bytes()).is_ok(), "{whole:?}");
        }
        for part in ["<html>", "{\"outcome\":", "{} {}"] {
            assert!(check_json(part.as_bytes()).is_err(), "{part:?}");
        }
    }

    /// The result of a call to a database that replies after `latency`, and the time that it took.
    fn call_slow_database(latency: u64, deadline: u64) -> (Result<Bytes, DatabaseError>, i64) {
        let platform = SteppedPlatform::new(["{}"]);
        platform.set_latency(Duration::from_millis(latency));
        let config = read_config(&[], &[]).unwrap();
        let deadline = Deadline::after(platform.now(), Duration::from_secs(deadline));
        let database = Database::new(&platform, &config.supabase, deadline);
        let call = database.call_raw("f", &[]);
        let result = platform.run(vec![Box::pin(call)]).remove(0);
        (result, platform.elapsed())
    }

    #[test]
    fn slow_database_is_awaited_for_nine_seconds() {
        let (result, elapsed) = call_slow_database(8_999, 60);
        assert_eq!((result.unwrap(), elapsed), (Bytes::from("{}"), 8_999));
        for (deadline, expected) in [(60, 9_000), (9, 9_000), (4, 4_000)] {
            let (result, elapsed) = call_slow_database(30_000, deadline);
            assert!(result.unwrap_err().is_outage());
            assert_eq!(elapsed, expected);
        }
    }

    #[test]
    fn null_arguments_are_left_out() {
        let body =
            encode_arguments(&[("p_a", &None::<u8>), ("p_b", &json!({ "c": null }))]).unwrap();
        assert_eq!(body, br#"{"p_b":{"c":null}}"#);
    }
}
