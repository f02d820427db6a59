//! Failures of calls to PayPal.

use crate::domain::{
    payment::CallFailure,
    paypal_meaning::{Meaning, is_missing_resource, refusal_meaning},
};
use bytes::Bytes;
use http::{Response, StatusCode, header};
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
        /// The value of `Retry-After`.
        retry_after_seconds: Option<u32>,
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

    /// Whether PayPal may have acted.
    #[must_use]
    pub(crate) fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::InProgress { .. })
    }

    /// The meaning for the next attempt of a call that moves money.
    #[must_use]
    pub(crate) fn failure(&self) -> CallFailure {
        match self {
            Self::Unknown { .. } | Self::InProgress { .. } => CallFailure::Unknown,
            Self::NotSent { .. }
            | Self::RateLimited { .. }
            | Self::Unauthenticated { .. }
            | Self::Unbuildable { .. } => CallFailure::Retryable,
            Self::Refused { .. } | Self::Denied { .. } => CallFailure::Final,
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

    /// The wait that PayPal requests, 30 seconds if it gives no number. `None` without a rate
    /// limit.
    #[must_use]
    pub(crate) fn wait(&self) -> Option<Duration> {
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

/// The error of a response that is not a success.
pub(super) fn refusal(operation: &'static str, response: &Response<Bytes>) -> PayPalError {
    let status = response.status();
    let body: ErrorBody = serde_json::from_slice(response.body()).unwrap_or_default();
    let issue = Issue::parse(
        body.details
            .first()
            .map_or(&body.name, |detail| &detail.issue),
    );
    match status {
        StatusCode::UNAUTHORIZED => PayPalError::Unauthenticated { operation },
        StatusCode::TOO_MANY_REQUESTS => PayPalError::RateLimited {
            operation,
            retry_after_seconds: response
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

    fn error(status: u16, body: &'static str) -> PayPalError {
        let response = Response::builder()
            .status(status)
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap();
        refusal("capture", &response)
    }

    #[test]
    fn first_issue_decides() {
        let error = error(
            422,
            r#"{"name":"UNPROCESSABLE_ENTITY","debug_id":"d","details":[{"issue":"AUTHORIZATION_VOIDED","description":"x"}]}"#,
        );
        assert_eq!(error.issue(), Some(&Issue::AuthorizationVoided));
        assert!(!error.leaves_doubt());
    }

    #[test]
    fn server_errors_leave_doubt() {
        assert!(error(500, "").leaves_doubt());
        assert!(error(503, "<html>").leaves_doubt());
        let conflict =
            r#"{"name":"RESOURCE_CONFLICT","details":[{"issue":"PREVIOUS_REQUEST_IN_PROGRESS"}]}"#;
        assert!(error(409, conflict).leaves_doubt());
        assert!(!error(429, r#"{"name":"RATE_LIMIT_REACHED"}"#).leaves_doubt());
        assert!(!error(404, r#"{"name":"RESOURCE_NOT_FOUND"}"#).leaves_doubt());
    }
}
