//! What PayPal refuses, and what it leaves in doubt.

use crate::domain::payment::CallFailure;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde::Deserialize;
use std::time::Duration;

/// Why a call to PayPal has no result. `operation` says which call.
#[derive(Debug, thiserror::Error)]
pub enum PayPalError {
    /// PayPal cannot have seen it.
    #[error("{operation}: PayPal was not reached")]
    NotSent {
        /// The call.
        operation: &'static str,
    },
    /// PayPal may have done it: ask for the state before anything else.
    #[error("{operation}: PayPal's answer is unknown")]
    Unknown {
        /// The call.
        operation: &'static str,
    },
    /// Too many requests; nothing was done.
    #[error("{operation}: PayPal asks to slow down")]
    RateLimited {
        /// The call.
        operation: &'static str,
        /// Seconds to wait, if PayPal said.
        retry_after_seconds: Option<u32>,
    },
    /// An earlier request with the same id is still being worked on.
    #[error("{operation}: PayPal is still at it")]
    InProgress {
        /// The call.
        operation: &'static str,
    },
    /// PayPal decided against it. `debug_id` is what PayPal's support asks for.
    #[error("{operation}: PayPal refused with {status}: {} (debug id {debug_id})", .issue.code())]
    Refused {
        /// The call.
        operation: &'static str,
        /// The HTTP status.
        status: StatusCode,
        /// The first issue.
        issue: Issue,
        /// PayPal's correlation id.
        debug_id: String,
    },
    /// The payer's bank refused, said in an answer that is otherwise a success.
    #[error("{operation}: the payer's bank refused")]
    Denied {
        /// The call.
        operation: &'static str,
    },
    /// Our credentials are not accepted.
    #[error("{operation}: PayPal does not accept the credentials")]
    Unauthenticated {
        /// The call.
        operation: &'static str,
    },
    /// The configured address or our data cannot be put into a request.
    #[error("{operation}: the request could not be built")]
    Unbuildable {
        /// The call.
        operation: &'static str,
    },
}

impl PayPalError {
    /// A stable code for the database and the log.
    #[must_use]
    pub fn code(&self) -> &str {
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

    /// Whether the effect may have happened.
    #[must_use]
    pub fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::InProgress { .. })
    }

    /// What it means for the next attempt of a call that moves money.
    #[must_use]
    pub fn failure(&self) -> CallFailure {
        match self {
            Self::Unknown { .. } | Self::InProgress { .. } => CallFailure::Unknown,
            Self::NotSent { .. }
            | Self::RateLimited { .. }
            | Self::Unauthenticated { .. }
            | Self::Unbuildable { .. } => CallFailure::Retryable,
            Self::Refused { .. } | Self::Denied { .. } => CallFailure::Final,
        }
    }

    /// How long PayPal wants to be left alone, when it said so; half a minute when it did not say how long.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited {
                retry_after_seconds,
                ..
            } => Some(Duration::from_secs(
                retry_after_seconds.unwrap_or(30).into(),
            )),
            _ => None,
        }
    }

    /// The issue, when PayPal refused.
    #[must_use]
    pub fn issue(&self) -> Option<&Issue> {
        match self {
            Self::Refused { issue, .. } => Some(issue),
            _ => None,
        }
    }
}

macro_rules! issues {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// The `details[].issue` codes that we act on.
        /// <https://developer.paypal.com/api/rest/reference/orders/v2/errors/>
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Issue {
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
            pub fn code(&self) -> &str {
                match self {
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }
        }
    };
}

issues! {
    /// The payer has not approved yet.
    OrderNotApproved = "ORDER_NOT_APPROVED",
    /// The payer must do something first.
    PayerActionRequired = "PAYER_ACTION_REQUIRED",
    /// There is an authorization already.
    OrderAlreadyAuthorized = "ORDER_ALREADY_AUTHORIZED",
    /// The order is over.
    OrderExpired = "ORDER_EXPIRED",
    /// The order is over.
    OrderCompletedOrVoided = "ORDER_COMPLETED_OR_VOIDED",
    /// No more authorizations for this order.
    MaxAuthorizationCountExceeded = "MAX_AUTHORIZATION_COUNT_EXCEEDED",
    /// The bank said no.
    InstrumentDeclined = "INSTRUMENT_DECLINED",
    /// The payer cannot pay.
    PayerCannotPay = "PAYER_CANNOT_PAY",
    /// PayPal said no.
    TransactionRefused = "TRANSACTION_REFUSED",
    /// It was captured before.
    AuthorizationAlreadyCaptured = "AUTHORIZATION_ALREADY_CAPTURED",
    /// It was voided.
    AuthorizationVoided = "AUTHORIZATION_VOIDED",
    /// It lapsed.
    AuthorizationExpired = "AUTHORIZATION_EXPIRED",
    /// The bank said no to the authorization after all.
    AuthorizationDenied = "AUTHORIZATION_DENIED",
    /// It was captured as often as it may be.
    MaxCaptureCountExceeded = "MAX_CAPTURE_COUNT_EXCEEDED",
    /// It was voided before.
    PreviouslyVoided = "PREVIOUSLY_VOIDED",
    /// It was captured, so it cannot be voided.
    PreviouslyCaptured = "PREVIOUSLY_CAPTURED",
    /// It was refunded before, all of it.
    CaptureFullyRefunded = "CAPTURE_FULLY_REFUNDED",
    /// Our PayPal account has not enough.
    RefundFailedInsufficientFunds = "REFUND_FAILED_INSUFFICIENT_FUNDS",
    /// The capture is still being looked at.
    PendingCapture = "PENDING_CAPTURE",
    /// This kind of payment cannot be reauthorized.
    ReauthorizationNotSupported = "REAUTHORIZATION_NOT_SUPPORTED",
    /// An earlier request with the same id is not done.
    PreviousRequestInProgress = "PREVIOUS_REQUEST_IN_PROGRESS",
    /// PayPal does not know the resource.
    InvalidResourceId = "INVALID_RESOURCE_ID",
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    name: String,
    debug_id: String,
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    issue: String,
}

/// Names an answer that is not a success.
pub(super) fn refusal(operation: &'static str, answer: &Response<Bytes>) -> PayPalError {
    let status = answer.status();
    let body: ErrorBody = serde_json::from_slice(answer.body()).unwrap_or_default();
    let issue = Issue::parse(
        body.details
            .first()
            .map_or(&body.name, |detail| &detail.issue),
    );
    match status {
        StatusCode::UNAUTHORIZED => PayPalError::Unauthenticated { operation },
        StatusCode::TOO_MANY_REQUESTS => PayPalError::RateLimited {
            operation,
            retry_after_seconds: answer
                .headers()
                .get(header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|text| text.parse().ok()),
        },
        StatusCode::CONFLICT
            if issue == Issue::PreviousRequestInProgress || body.name == "RESOURCE_CONFLICT" =>
        {
            PayPalError::InProgress { operation }
        }
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            PayPalError::Unknown { operation }
        }
        status => PayPalError::Refused {
            operation,
            status,
            issue,
            debug_id: body.debug_id,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(status: u16, body: &'static str) -> PayPalError {
        let answer = Response::builder()
            .status(status)
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap();
        refusal("capture", &answer)
    }

    #[test]
    fn the_issue_is_what_counts() {
        let error = named(
            422,
            r#"{"name":"UNPROCESSABLE_ENTITY","debug_id":"d","details":[{"issue":"AUTHORIZATION_VOIDED","description":"x"}]}"#,
        );
        assert_eq!(error.issue(), Some(&Issue::AuthorizationVoided));
        assert!(!error.leaves_doubt());
    }

    #[test]
    fn server_errors_and_unfinished_requests_leave_doubt() {
        assert!(named(500, "").leaves_doubt());
        assert!(named(503, "<html>").leaves_doubt());
        assert!(named(409, r#"{"name":"RESOURCE_CONFLICT","details":[{"issue":"PREVIOUS_REQUEST_IN_PROGRESS"}]}"#).leaves_doubt());
        assert!(!named(429, r#"{"name":"RATE_LIMIT_REACHED"}"#).leaves_doubt());
        assert!(!named(404, r#"{"name":"RESOURCE_NOT_FOUND"}"#).leaves_doubt());
    }
}
