//! Every error a client can meet: its code, its status, its text (RFC 9457).
//!
//! Two messages: the client gets a code and what to do; the log gets the cause chain. Neither gets
//! secrets, SQL or personal data.

mod codes;
mod refusals;

pub use codes::Code;
pub(super) use refusals::not_refunded;

use crate::{
    clients::{paypal::PayPalError, supabase::DatabaseError},
    domain::refusal::Refusal,
    web::fields::{BodyError, FieldError, FieldErrors},
};
use serde_json::{Map, Value, json};
use std::error::Error;

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
            status: http::StatusCode::BAD_REQUEST,
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
