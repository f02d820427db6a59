//! Failures of calls to PayPal.

use super::authorizations::null_as_default;
use crate::{
    clients::json,
    domain::paypal_meaning::{Meaning, is_missing_resource, refusal_meaning},
};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use std::time::Duration;

/// A failed call to PayPal. `operation` is the name of the call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayPalError {
    /// PayPal cannot have received the request.
    #[error("{operation}: PayPal was not reached")]
    NotSent { operation: &'static str },
    /// PayPal may have acted. The next step is to fetch the state.
    #[error("{operation}: the result at PayPal is unknown")]
    Unknown { operation: &'static str },
    /// Too many requests. PayPal has not acted.
    #[error("{operation}: PayPal limits the rate of requests")]
    RateLimited {
        operation: &'static str,
        /// The wait that `Retry-After` requests.
        wait: Option<Duration>,
    },
    /// An earlier request with the same id is in progress.
    #[error("{operation}: PayPal is processing an earlier request with the same id")]
    InProgress { operation: &'static str },
    /// PayPal refused the request. PayPal's support needs the `debug_id`.
    #[error("{operation}: PayPal refused with {status}: {} (debug id {debug_id})", .issue.code())]
    Refused {
        operation: &'static str,
        status: StatusCode,
        /// The first issue.
        issue: Issue,
        debug_id: String,
    },
    /// The payer's bank refused. PayPal reports this in a successful response.
    #[error("{operation}: the payer's bank refused")]
    Denied { operation: &'static str },
    #[error("{operation}: PayPal does not accept the credentials")]
    Unauthenticated { operation: &'static str },
    /// The configured address or the data cannot be part of a request.
    #[error("{operation}: the request could not be built")]
    Unbuildable { operation: &'static str },
}

impl PayPalError {
    /// A stable code for the database and the log.
    #[must_use]
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::NotSent { .. } => "not_sent",
            Self::Unknown { .. } => "unknown",
            Self::RateLimited { .. } => "rate_limited",
            Self::InProgress { .. } => "in_progress",
            Self::Refused { issue, .. } => issue.code(),
            Self::Denied { .. } => "denied",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::Unbuildable { .. } => "unbuildable",
        }
    }

    /// The meaning for the next step.
    #[must_use]
    pub(crate) fn meaning(&self) -> Meaning {
        match self {
            Self::Unknown { .. } | Self::InProgress { .. } => Meaning::Unknown,
            Self::NotSent { .. } | Self::RateLimited { .. } => Meaning::NotNow,
            Self::Unauthenticated { .. } | Self::Unbuildable { .. } => Meaning::Ours,
            Self::Denied { .. } => Meaning::DeclinedByPayer,
            Self::Refused {
                operation,
                status,
                issue,
                ..
            } => refusal_meaning(operation, status.as_u16(), issue.code()),
        }
    }

    /// The wait that PayPal requests, 30 seconds if it requests none. `None` without a rate limit.
    #[must_use]
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } => Some(wait.unwrap_or(Duration::from_secs(30))),
            _ => None,
        }
    }

    /// Whether PayPal does not know the resource.
    #[must_use]
    pub(crate) fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Refused { status: StatusCode::NOT_FOUND, issue, .. }
                if is_missing_resource(issue.code())
        )
    }

    /// The issue of a refusal.
    #[must_use]
    pub(crate) fn issue(&self) -> Option<&Issue> {
        match self {
            Self::Refused { issue, .. } => Some(issue),
            _ => None,
        }
    }
}

macro_rules! issues {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// The `details[].issue` codes on which the product acts.
        /// <https://developer.paypal.com/api/rest/reference/orders/v2/errors/>
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Issue {
            $($(#[$doc])* $name,)*
            /// Any other.
            Other(String),
        }

        impl Issue {
            fn parse(code: &str) -> Self {
                match code {
                    $($code => Self::$name,)*
                    other => Self::Other(other.to_owned()),
                }
            }

            /// PayPal's own code.
            #[must_use]
            pub(crate) fn code(&self) -> &str {
                match self {
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }
        }
    };
}

issues! {
    OrderNotApproved = "ORDER_NOT_APPROVED",
    /// The payer must act first.
    PayerActionRequired = "PAYER_ACTION_REQUIRED",
    OrderAlreadyAuthorized = "ORDER_ALREADY_AUTHORIZED",
    OrderExpired = "ORDER_EXPIRED",
    OrderCompletedOrVoided = "ORDER_COMPLETED_OR_VOIDED",
    /// The order has as many authorizations as PayPal allows.
    MaxAuthorizationCountExceeded = "MAX_AUTHORIZATION_COUNT_EXCEEDED",
    /// The payer's bank refused.
    InstrumentDeclined = "INSTRUMENT_DECLINED",
    PayerCannotPay = "PAYER_CANNOT_PAY",
    /// PayPal refused.
    TransactionRefused = "TRANSACTION_REFUSED",
    AuthorizationAlreadyCaptured = "AUTHORIZATION_ALREADY_CAPTURED",
    AuthorizationVoided = "AUTHORIZATION_VOIDED",
    AuthorizationExpired = "AUTHORIZATION_EXPIRED",
    /// The payer's bank refused after the authorization.
    AuthorizationDenied = "AUTHORIZATION_DENIED",
    /// The authorization has as many captures as PayPal allows.
    MaxCaptureCountExceeded = "MAX_CAPTURE_COUNT_EXCEEDED",
    PreviouslyVoided = "PREVIOUSLY_VOIDED",
    /// A captured authorization cannot be voided.
    PreviouslyCaptured = "PREVIOUSLY_CAPTURED",
    CaptureFullyRefunded = "CAPTURE_FULLY_REFUNDED",
    /// Our PayPal account lacks the money.
    RefundFailedInsufficientFunds = "REFUND_FAILED_INSUFFICIENT_FUNDS",
    /// PayPal is reviewing the capture.
    PendingCapture = "PENDING_CAPTURE",
    ReauthorizationNotSupported = "REAUTHORIZATION_NOT_SUPPORTED",
    PreviousRequestInProgress = "PREVIOUS_REQUEST_IN_PROGRESS",
    /// The resource is unknown to PayPal.
    InvalidResourceId = "INVALID_RESOURCE_ID",
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default, deserialize_with = "null_as_default")]
    name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    debug_id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default, deserialize_with = "null_as_default")]
    issue: String,
}

/// The error of a response that is not a success.
pub(super) fn refusal(
    operation: &'static str,
    response: &Response<Bytes>,
    now: Timestamp,
) -> PayPalError {
    let status = response.status();
    let body: ErrorBody = json::from_slice(response.body()).unwrap_or_default();
    let issues = body.details.iter().map(|detail| detail.issue.as_str());
    let issue = Issue::parse(
        issues
            .chain([body.name.as_str()])
            .find(|issue| !issue.is_empty())
            .unwrap_or_default(),
    );
    match status {
        StatusCode::UNAUTHORIZED => PayPalError::Unauthenticated { operation },
        StatusCode::TOO_MANY_REQUESTS => PayPalError::RateLimited {
            operation,
            wait: retry_after(response, now),
        },
        // PREVIOUS_REQUEST_IN_PROGRESS or RESOURCE_CONFLICT. No 409 is a refusal.
        StatusCode::CONFLICT => PayPalError::InProgress { operation },
        StatusCode::BAD_REQUEST
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::UNPROCESSABLE_ENTITY
            if !issue.code().is_empty() =>
        {
            PayPalError::Refused {
                operation,
                status,
                issue,
                debug_id: body.debug_id,
            }
        }
        // An error of PayPal, a gateway's page, or a status that PayPal does not document.
        _ => PayPalError::Unknown { operation },
    }
}

/// The longest wait that is honored.
const MAX_WAIT: u64 = 24 * 60 * 60;

/// The wait of `Retry-After`: seconds, or the time until an HTTP date.
/// <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>
fn retry_after(response: &Response<Bytes>, now: Timestamp) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds = text.trim().parse().ok().or_else(|| {
        let wait = parse_http_date(text)?.duration_since(now).as_secs();
        Some(u64::try_from(wait).unwrap_or(0))
    })?;
    Some(Duration::from_secs(seconds.clamp(1, MAX_WAIT)))
}

/// Parses an HTTP date, for example `Sun, 06 Nov 1994 08:49:37 GMT`.
fn parse_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut parts = text.split_ascii_whitespace().skip(1);
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS
        .find(month)
        .filter(|at| month.len() == 3 && at % 3 == 0)?
        / 3
        + 1;
    format!("{year}-{month:02}-{day}T{time}Z").parse().ok()
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
