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

/// What went wrong, for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// No such route.
    NotFound,
    /// The route has other methods.
    MethodNotAllowed,
    /// The body is over 64 KiB.
    PayloadTooLarge,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body cannot be read.
    MalformedJson,
    /// Fields are missing or wrong; all are named.
    InvalidFields,
    /// A token is missing or wrong.
    Unauthenticated,
    /// Too many requests.
    RateLimited,
    /// No such car is offered.
    CarNotFound,
    /// No such booking.
    BookingNotFound,
    /// No such order.
    OrderNotFound,
    /// Somebody has some of the days.
    DatesUnavailable,
    /// Another booking of this car is being made.
    BookingInProgress,
    /// The price given is not ours.
    PriceMismatch,
    /// The idempotency key came before with other content.
    IdempotencyKeyReused,
    /// The booking is for another car or other days.
    BookingMismatch,
    /// The booking is over.
    BookingNotPayable,
    /// The booking is paid.
    AlreadyPaid,
    /// Another request is paying for this booking.
    PaymentInProgress,
    /// The payer has not approved the order.
    OrderNotApproved,
    /// The payer's bank or PayPal said no.
    PaymentDeclined,
    /// PayPal authorized something else than the price.
    PaymentMismatch,
    /// The car is not rented like that.
    RentalNotAllowed,
    /// The database does not answer.
    DatabaseUnavailable,
    /// PayPal does not answer.
    PaymentProviderUnavailable,
    /// PayPal refused for a reason that is ours.
    PaymentProviderRefused,
    /// This deployment lacks a setting.
    NotConfigured,
    /// A mistake of ours.
    Internal,
}

/// Code, name, status, title, whether repeating the same request later can help.
type Row = (Code, &'static str, StatusCode, &'static str, bool);

/// All codes, in the order of their statuses.
pub const TABLE: [Row; 28] = [
    (
        Code::MalformedJson,
        "malformed_json",
        StatusCode::BAD_REQUEST,
        "The body is not readable JSON",
        false,
    ),
    (
        Code::Unauthenticated,
        "unauthenticated",
        StatusCode::UNAUTHORIZED,
        "A valid token is needed",
        false,
    ),
    (
        Code::PaymentDeclined,
        "payment_declined",
        StatusCode::PAYMENT_REQUIRED,
        "The payment was declined",
        false,
    ),
    (
        Code::NotFound,
        "not_found",
        StatusCode::NOT_FOUND,
        "There is nothing here",
        false,
    ),
    (
        Code::CarNotFound,
        "car_not_found",
        StatusCode::NOT_FOUND,
        "This car is not offered",
        false,
    ),
    (
        Code::BookingNotFound,
        "booking_not_found",
        StatusCode::NOT_FOUND,
        "There is no such booking",
        false,
    ),
    (
        Code::OrderNotFound,
        "order_not_found",
        StatusCode::NOT_FOUND,
        "There is no such order",
        false,
    ),
    (
        Code::MethodNotAllowed,
        "method_not_allowed",
        StatusCode::METHOD_NOT_ALLOWED,
        "This method is not offered here",
        false,
    ),
    (
        Code::DatesUnavailable,
        "dates_unavailable",
        StatusCode::CONFLICT,
        "The car is taken on some of these days",
        false,
    ),
    (
        Code::BookingInProgress,
        "booking_in_progress",
        StatusCode::CONFLICT,
        "Another booking of this car is being made",
        true,
    ),
    (
        Code::BookingMismatch,
        "booking_mismatch",
        StatusCode::CONFLICT,
        "The booking is for another car or other days",
        false,
    ),
    (
        Code::BookingNotPayable,
        "booking_not_payable",
        StatusCode::CONFLICT,
        "The booking can no longer be paid",
        false,
    ),
    (
        Code::AlreadyPaid,
        "already_paid",
        StatusCode::CONFLICT,
        "The booking is paid",
        false,
    ),
    (
        Code::PaymentInProgress,
        "payment_in_progress",
        StatusCode::CONFLICT,
        "This payment is being worked on",
        true,
    ),
    (
        Code::OrderNotApproved,
        "order_not_approved",
        StatusCode::CONFLICT,
        "The payer has not approved the order",
        false,
    ),
    (
        Code::PaymentMismatch,
        "payment_mismatch",
        StatusCode::CONFLICT,
        "The amount authorized is not the price",
        false,
    ),
    (
        Code::PayloadTooLarge,
        "payload_too_large",
        StatusCode::PAYLOAD_TOO_LARGE,
        "The body is larger than 64 KiB",
        false,
    ),
    (
        Code::UnsupportedMediaType,
        "unsupported_media_type",
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The body must be application/json",
        false,
    ),
    (
        Code::InvalidFields,
        "invalid_fields",
        StatusCode::UNPROCESSABLE_ENTITY,
        "Some fields are missing or wrong",
        false,
    ),
    (
        Code::PriceMismatch,
        "price_mismatch",
        StatusCode::UNPROCESSABLE_ENTITY,
        "The price has changed",
        false,
    ),
    (
        Code::IdempotencyKeyReused,
        "idempotency_key_reused",
        StatusCode::UNPROCESSABLE_ENTITY,
        "The idempotency key came with other content before",
        false,
    ),
    (
        Code::RentalNotAllowed,
        "rental_not_allowed",
        StatusCode::UNPROCESSABLE_ENTITY,
        "The car is not rented for these days",
        false,
    ),
    (
        Code::RateLimited,
        "rate_limited",
        StatusCode::TOO_MANY_REQUESTS,
        "Too many requests",
        true,
    ),
    (
        Code::Internal,
        "internal",
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong on our side",
        true,
    ),
    (
        Code::PaymentProviderRefused,
        "payment_provider_refused",
        StatusCode::BAD_GATEWAY,
        "PayPal did not accept the request",
        false,
    ),
    (
        Code::DatabaseUnavailable,
        "database_unavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "The database does not answer",
        true,
    ),
    (
        Code::PaymentProviderUnavailable,
        "payment_provider_unavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "PayPal does not answer",
        true,
    ),
    (
        Code::NotConfigured,
        "not_configured",
        StatusCode::SERVICE_UNAVAILABLE,
        "The service is not configured",
        false,
    ),
];

impl Code {
    fn row(self) -> &'static Row {
        // A test holds that every code has its row; the last row is never reached for want of one.
        TABLE.iter().find(|row| row.0 == self).unwrap_or(&TABLE[23])
    }

    /// As in `code`, lower case with underscores.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row().2
    }

    /// One sentence for a person.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.row().3
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        self.row().4
    }
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
        let (code, retry_after) = match &error {
            DatabaseError::NotReached { .. } | DatabaseError::Unavailable { .. } => {
                (Code::DatabaseUnavailable, 5)
            }
            DatabaseError::Contended { .. } => (Code::BookingInProgress, 1),
            DatabaseError::Unexpected { .. }
            | DatabaseError::Undecodable { .. }
            | DatabaseError::Unaddressable { .. } => (Code::Internal, 5),
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
    fn every_code_has_one_row_and_one_name() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0.row().1, row.1);
            assert!(
                TABLE[..at]
                    .iter()
                    .all(|other| other.0 != row.0 && other.1 != row.1)
            );
        }
        assert_eq!(Code::Internal.name(), "internal");
        assert!(TABLE.windows(2).all(|pair| pair[0].2 <= pair[1].2));
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
