//! A problem, and its response body.

use super::Code;
use crate::{domain::refusal::Refusal, web::fields::FieldError};
use serde_json::{Map, Value, json};
use std::error::Error;

/// An error with a message for the client and a cause for the log.
#[derive(Debug)]
pub struct Problem {
    pub code: Code,
    pub(in crate::routes) retry_after_seconds: Option<u64>,
    /// For 405.
    pub(in crate::routes) allowed_methods: Option<&'static str>,
    detail: Option<String>,
    /// Members of the body beyond those of every problem.
    members: Map<String, Value>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem with its code alone.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            code,
            retry_after_seconds: None,
            allowed_methods: None,
            detail: None,
            members: Map::new(),
            cause: None,
        }
    }

    /// A field that is well-formed and still not possible.
    pub(in crate::routes) fn field(code: Code, pointer: &str, refusal: Refusal) -> Self {
        let error = FieldError {
            pointer: pointer.to_owned(),
            code: refusal.code,
            detail: refusal.detail,
        };
        Self::new(code).member("errors", json!([error]))
    }

    /// Sets the text that says what the client can do.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sets the time after which a retry makes sense.
    #[must_use]
    pub(in crate::routes) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    #[must_use]
    pub(in crate::routes) fn allow(mut self, methods: &'static str) -> Self {
        self.allowed_methods = Some(methods);
        self
    }

    /// Adds a member to the body.
    #[must_use]
    pub(in crate::routes) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the cause, which only the log shows.
    #[must_use]
    pub(in crate::routes) fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// The response body. `instance` is the request's id.
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

    pub(in crate::routes) fn has_cause(&self) -> bool {
        self.cause.is_some()
    }

    /// The cause and its own causes, in one line for the log.
    pub(in crate::routes) fn cause_chain(&self) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::supabase::DatabaseError;

    #[test]
    fn cause_is_hidden_from_client() {
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
