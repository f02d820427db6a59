//! Failures of calls to PayPal.

use super::authorizations::null_as_default;
use crate::domain::paypal_meaning::{Meaning, is_missing_resource, refusal_meaning};
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

    /// Whether PayPal may have acted.
    #[must_use]
    pub(crate) fn leaves_doubt(&self) -> bool {
        self.meaning() == Meaning::Unknown
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
    let body: ErrorBody = serde_json::from_slice(response.body()).unwrap_or_default();
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
    let seconds = match text.trim().parse() {
        Ok(seconds) => seconds,
        Err(_) => {
            let wait = parse_http_date(text)?.duration_since(now).as_secs();
            u64::try_from(wait).unwrap_or(0)
        }
    };
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
mod tests {
    use super::*;

    const NOW: &str = "2030-01-20T00:00:00Z";

    fn error_of(operation: &'static str, status: u16, body: &'static str) -> PayPalError {
        let response = Response::builder()
            .status(status)
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap();
        refusal(operation, &response, NOW.parse().unwrap())
    }

    fn error(status: u16, body: &'static str) -> PayPalError {
        error_of("capture_authorization", status, body)
    }

    #[test]
    fn first_issue_decides() {
        let error = error(
            422,
            r#"{"name":"UNPROCESSABLE_ENTITY","debug_id":"d","details":[{"issue":"AUTHORIZATION_VOIDED","description":"x"},{"issue":"PAYER_CANNOT_PAY"}]}"#,
        );
        assert_eq!(error.issue(), Some(&Issue::AuthorizationVoided));
        assert_eq!(error.meaning(), Meaning::Ended);
    }

    /// Each answer, its code and its meaning. Only an unknown answer leaves doubt.
    #[test]
    fn only_listed_answers_are_refusals() {
        const HTML: &str = "<html><body>Access denied</body></html>";
        for (status, body, code, meaning) in [
            (
                409,
                r#"{"name":"RESOURCE_CONFLICT","details":[{"issue":"PREVIOUS_REQUEST_IN_PROGRESS"}]}"#,
                "in_progress",
                Meaning::Unknown,
            ),
            (
                409,
                r#"{"details":[{"issue":"PREVIOUS_REQUEST_IN_PROGRESS"}]}"#,
                "in_progress",
                Meaning::Unknown,
            ),
            (
                409,
                r#"{"name":"RESOURCE_CONFLICT"}"#,
                "in_progress",
                Meaning::Unknown,
            ),
            (409, r#"{"name":"OTHER"}"#, "in_progress", Meaning::Unknown),
            (409, HTML, "in_progress", Meaning::Unknown),
            (
                409,
                r#"{"details":[{"issue":"AUTHORIZATION_VOIDED"}]}"#,
                "in_progress",
                Meaning::Unknown,
            ),
            (301, "", "unknown", Meaning::Unknown),
            (400, HTML, "unknown", Meaning::Unknown),
            (
                400,
                r#"{"name":"INVALID_REQUEST","details":[{"issue":"MISSING_REQUIRED_PARAMETER"}]}"#,
                "MISSING_REQUIRED_PARAMETER",
                Meaning::Ours,
            ),
            (
                400,
                r#"{"name":"INVALID_REQUEST"}"#,
                "INVALID_REQUEST",
                Meaning::Ours,
            ),
            (401, HTML, "unauthenticated", Meaning::Ours),
            (
                402,
                r#"{"name":"PAYMENT_REQUIRED"}"#,
                "unknown",
                Meaning::Unknown,
            ),
            (403, HTML, "unknown", Meaning::Unknown),
            (403, "", "unknown", Meaning::Unknown),
            (
                403,
                r#"{"name":"NOT_AUTHORIZED","details":[{"issue":"PERMISSION_DENIED"}]}"#,
                "PERMISSION_DENIED",
                Meaning::Ours,
            ),
            (
                403,
                r#"{"name":"NOT_AUTHORIZED"}"#,
                "NOT_AUTHORIZED",
                Meaning::Ours,
            ),
            (
                403,
                r#"{"details":[{"issue":"PAYER_CANNOT_PAY"}]}"#,
                "PAYER_CANNOT_PAY",
                Meaning::Unknown,
            ),
            (404, HTML, "unknown", Meaning::Unknown),
            (
                404,
                r#"{"name":"RESOURCE_NOT_FOUND"}"#,
                "RESOURCE_NOT_FOUND",
                Meaning::Ours,
            ),
            (408, "", "unknown", Meaning::Unknown),
            (418, r#"{"name":"TEAPOT"}"#, "unknown", Meaning::Unknown),
            (422, HTML, "unknown", Meaning::Unknown),
            (
                422,
                r#"{"name":"UNPROCESSABLE_ENTITY"}"#,
                "UNPROCESSABLE_ENTITY",
                Meaning::Unknown,
            ),
            (
                422,
                r#"{"name":"UNPROCESSABLE_ENTITY","debug_id":null,"details":null}"#,
                "UNPROCESSABLE_ENTITY",
                Meaning::Unknown,
            ),
            (
                422,
                r#"{"name":null,"details":[{"issue":null},{"issue":"TRANSACTION_REFUSED"}]}"#,
                "TRANSACTION_REFUSED",
                Meaning::DeclinedByPayer,
            ),
            (
                422,
                r#"{"details":[{"issue":"NEW_ISSUE"}]}"#,
                "NEW_ISSUE",
                Meaning::Unknown,
            ),
            (
                500,
                r#"{"name":"INTERNAL_SERVER_ERROR"}"#,
                "unknown",
                Meaning::Unknown,
            ),
            (
                500,
                r#"{"details":[{"issue":"AUTHORIZATION_VOIDED"}]}"#,
                "unknown",
                Meaning::Unknown,
            ),
            (502, HTML, "unknown", Meaning::Unknown),
            (503, "", "unknown", Meaning::Unknown),
            (504, "", "unknown", Meaning::Unknown),
        ] {
            let error = error(status, body);
            assert_eq!(
                (error.code(), error.meaning()),
                (code, meaning),
                "{status} {body}"
            );
            assert_eq!(error.leaves_doubt(), meaning == Meaning::Unknown);
        }
    }

    #[test]
    fn only_paypals_404_is_missing_resource() {
        let missing =
            r#"{"name":"RESOURCE_NOT_FOUND","details":[{"issue":"INVALID_RESOURCE_ID"}]}"#;
        let seen = |status, body| {
            let error = error_of("get_order", status, body);
            (error.is_missing(), error.meaning())
        };
        assert_eq!(seen(404, missing), (true, Meaning::Unknown));
        assert_eq!(
            seen(404, r#"{"name":"RESOURCE_NOT_FOUND"}"#),
            (true, Meaning::Unknown)
        );
        assert_eq!(seen(404, r#"{"name":"OTHER"}"#), (false, Meaning::Unknown));
        assert_eq!(seen(404, "<html>"), (false, Meaning::Unknown));
        assert_eq!(seen(403, missing), (false, Meaning::Unknown));
        assert_eq!(seen(500, missing), (false, Meaning::Unknown));
    }

    #[test]
    fn other_errors_have_meanings() {
        let operation = "capture_authorization";
        for (error, meaning, wait) in [
            (PayPalError::NotSent { operation }, Meaning::NotNow, None),
            (PayPalError::Unknown { operation }, Meaning::Unknown, None),
            (PayPalError::Unbuildable { operation }, Meaning::Ours, None),
            (
                PayPalError::Denied { operation },
                Meaning::DeclinedByPayer,
                None,
            ),
        ] {
            assert_eq!((error.meaning(), error.wait()), (meaning, wait));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_date() {
        for (value, seconds) in [
            (Some("7"), 7_u64),
            (Some(" 120 "), 120),
            (Some("0"), 1),
            (Some("Sun, 20 Jan 2030 00:02:00 GMT"), 120),
            (Some("Sat, 19 Jan 2030 23:00:00 GMT"), 1),
            (Some("Fri, 01 Mar 2030 00:00:00 GMT"), 86_400),
            (Some("4294967296"), 86_400),
            (Some("soon"), 30),
            (Some("-5"), 30),
            (Some("Sun, 20 XXX 2030 00:02:00 GMT"), 30),
            (Some("Sun, 32 Jan 2030 00:02:00 GMT"), 30),
            (Some(""), 30),
            (None, 30),
        ] {
            let mut response = Response::builder().status(429);
            if let Some(value) = value {
                response = response.header(header::RETRY_AFTER, value);
            }
            let response = response.body(Bytes::new()).unwrap();
            let error = refusal("get_order", &response, NOW.parse().unwrap());
            let wait = Some(Duration::from_secs(seconds));
            assert_eq!(error.wait(), wait, "{value:?}");
            assert_eq!(error.meaning(), Meaning::NotNow);
            assert!(!error.leaves_doubt());
        }
    }
}
