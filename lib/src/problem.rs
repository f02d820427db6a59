//! Every error a client can meet: its code, its status, its text (RFC 9457).
//!
//! Two messages: the client gets a code and what to do; the log gets the cause chain. Neither gets secrets, SQL or
//! personal data.

use crate::{
    clients::{paypal::PayPalError, supabase::DatabaseError},
    domain::refusal::Refusal,
    http::fields::{BodyError, FieldError, FieldErrors},
};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::error::Error;

macro_rules! codes {
    ($($name:ident $code:literal $status:ident $retryable:literal $title:literal,)*) => {
        /// What went wrong, for a program.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, in the order of the statuses.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// As in `code`, lower case with underscores.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }

            /// One sentence for a person.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    MalformedJson              "malformed_json"               BAD_REQUEST            false "The body is not valid JSON",
    Unauthenticated            "unauthenticated"              UNAUTHORIZED           false "A valid token is required",
    PaymentDeclined            "payment_declined"             PAYMENT_REQUIRED       false "The payment was declined",
    NotFound                   "not_found"                    NOT_FOUND              false "There is nothing here",
    CarNotFound                "car_not_found"                NOT_FOUND              false "This car is not on offer",
    BookingNotFound            "booking_not_found"            NOT_FOUND              false "There is no such booking",
    OrderNotFound              "order_not_found"              NOT_FOUND              false "There is no such order",
    EventNotFound              "event_not_found"              NOT_FOUND              false "There is no such event",
    MethodNotAllowed           "method_not_allowed"           METHOD_NOT_ALLOWED     false "This route does not support the method",
    DatesUnavailable           "dates_unavailable"            CONFLICT               false "The car is not available on some of these days",
    BookingInProgress          "booking_in_progress"          CONFLICT               true  "Another booking of this car is being made",
    BookingMismatch            "booking_mismatch"             CONFLICT               false "The booking is for another car or other days",
    BookingNotPayable          "booking_not_payable"          CONFLICT               false "The booking can no longer be paid",
    AlreadyPaid                "already_paid"                 CONFLICT               false "The booking is already paid",
    PaymentInProgress          "payment_in_progress"          CONFLICT               true  "This payment is being processed",
    OrderNotApproved           "order_not_approved"           CONFLICT               false "The payer has not approved the order",
    PaymentMismatch            "payment_mismatch"             CONFLICT               false "The authorized amount differs from the price",
    BookingNotCancellable      "booking_not_cancellable"      CONFLICT               false "The booking can no longer be canceled",
    AlreadyCaptured            "already_captured"             CONFLICT               false "The payment is already captured",
    PaymentNotCapturable       "payment_not_capturable"       CONFLICT               false "The booking has no usable authorization",
    RefundNotPossible          "refund_not_possible"          CONFLICT               false "This amount cannot be refunded",
    PayloadTooLarge            "payload_too_large"            PAYLOAD_TOO_LARGE      false "The body is larger than 64 KiB",
    UnsupportedMediaType       "unsupported_media_type"       UNSUPPORTED_MEDIA_TYPE false "The body must be application/json",
    InvalidFields              "invalid_fields"               UNPROCESSABLE_ENTITY   false "Some fields are missing or wrong",
    PriceMismatch              "price_mismatch"               UNPROCESSABLE_ENTITY   false "The price has changed",
    IdempotencyKeyReused       "idempotency_key_reused"       UNPROCESSABLE_ENTITY   false "The idempotency key was used with other content",
    RentalNotAllowed           "rental_not_allowed"           UNPROCESSABLE_ENTITY   false "The car cannot be rented for these days",
    RateLimited                "rate_limited"                 TOO_MANY_REQUESTS      true  "Too many requests",
    Internal                   "internal"                     INTERNAL_SERVER_ERROR  true  "Something went wrong on our side",
    PaymentProviderRefused     "payment_provider_refused"     BAD_GATEWAY            false "PayPal did not accept the request",
    DatabaseUnavailable        "database_unavailable"         SERVICE_UNAVAILABLE    true  "The database does not answer",
    PaymentProviderUnavailable "payment_provider_unavailable" SERVICE_UNAVAILABLE    true  "PayPal does not answer",
    NotConfigured              "not_configured"               SERVICE_UNAVAILABLE    false "The service is not configured",
}

/// An error on its way to the client and to the log.
#[derive(Debug)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    /// What the client can do about it.
    pub detail: Option<String>,
    /// Seconds until a repeat makes sense.
    pub retry_after_seconds: Option<u64>,
    /// The methods of the route, for 405.
    pub allow: Option<&'static str>,
    /// What this code adds to the body.
    pub members: Map<String, Value>,
    /// For the log.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem with nothing but its code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            retry_after_seconds: None,
            allow: None,
            members: Map::new(),
            cause: None,
        }
    }

    /// Says what the client can do.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds what the log should know.
    #[must_use]
    pub fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// A field that is well-formed and yet not possible.
    #[must_use]
    pub fn field(code: Code, pointer: &str, refusal: Refusal) -> Self {
        let error = FieldError {
            pointer: pointer.to_owned(),
            code: refusal.code,
            detail: refusal.detail,
        };
        Self::new(code).member("errors", json!([error]))
    }

    /// The body; `instance` is the request's id.
    #[must_use]
    pub fn body(&self, instance: &str) -> Value {
        let mut body = json!({
            "type": format!("urn:exodrive:problem:{}", self.code.name()),
            "title": self.code.title(),
            "status": self.code.status().as_u16(),
            "instance": instance,
            "code": self.code.name(),
            "retryable": self.code.is_retryable(),
        });
        if let Some(object) = body.as_object_mut() {
            object.insert(
                "detail".to_owned(),
                self.detail
                    .clone()
                    .unwrap_or_else(|| format!("{}.", self.code.title()))
                    .into(),
            );
            object.extend(self.members.clone());
        }
        body
    }

    /// The cause and what caused it, for one line of the log.
    #[must_use]
    pub fn cause_chain(&self) -> String {
        let mut chain = String::new();
        let mut next = self.cause.as_deref().map(|cause| cause as &dyn Error);
        while let Some(cause) = next {
            if !chain.is_empty() {
                chain.push_str(": ");
            }
            chain.push_str(&cause.to_string());
            next = cause.source();
        }
        chain
    }
}

impl From<FieldErrors> for Problem {
    fn from(errors: FieldErrors) -> Self {
        Self::new(Code::InvalidFields)
            .detail("Each entry of errors names a field and what is wrong with it.")
            .member("errors", json!(errors.0))
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed => Self::new(Code::MalformedJson)
                .detail("The body must be one JSON object that names each member once."),
            BodyError::NotAnObject => Self::field(
                Code::InvalidFields,
                "",
                Refusal::new("wrong_type", "the body must be a JSON object"),
            ),
        }
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        let (code, retry_after) = match error.reason() {
            DatabaseError::NotReached { .. } | DatabaseError::Unavailable { .. } => {
                (Code::DatabaseUnavailable, 5)
            }
            DatabaseError::Contended { .. } => (Code::BookingInProgress, 1),
            DatabaseError::Unexpected { .. }
            | DatabaseError::Undecodable { .. }
            | DatabaseError::Unaddressable { .. }
            | DatabaseError::Shared(_) => (Code::Internal, 5),
        };
        Self::new(code).retry_after(retry_after).because(error)
    }
}

impl From<PayPalError> for Problem {
    fn from(error: PayPalError) -> Self {
        let problem = match &error {
            PayPalError::NotSent { .. }
            | PayPalError::Unknown { .. }
            | PayPalError::InProgress { .. } => Self::new(Code::PaymentProviderUnavailable)
                .detail("PayPal did not answer. Repeat the same request: it cannot charge twice.")
                .retry_after(5),
            PayPalError::RateLimited {
                retry_after_seconds,
                ..
            } => Self::new(Code::PaymentProviderUnavailable)
                .retry_after(retry_after_seconds.unwrap_or(30).into()),
            PayPalError::Denied { .. } => Self::new(Code::PaymentDeclined),
            PayPalError::Refused { .. }
            | PayPalError::Unauthenticated { .. }
            | PayPalError::Unbuildable { .. } => Self::new(Code::PaymentProviderRefused),
        };
        problem.because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_of_their_own_and_stand_in_order() {
        for (at, code) in Code::ALL.iter().enumerate() {
            assert!(
                Code::ALL[..at]
                    .iter()
                    .all(|other| other.name() != code.name())
            );
        }
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| pair[0].status() <= pair[1].status())
        );
    }

    #[test]
    fn the_client_does_not_see_the_cause() {
        let problem = Problem::from(DatabaseError::Unexpected {
            function: "create_booking",
            status: StatusCode::BAD_REQUEST,
            code: "42601".into(),
            message: "syntax error at or near \"SELECT\"".into(),
        });
        let body = problem.body("r1").to_string();
        assert!(
            !body.contains("SELECT") && !body.contains("create_booking"),
            "{body}"
        );
        assert!(problem.cause_chain().contains("SELECT"));
    }
}
