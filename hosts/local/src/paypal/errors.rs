//! PayPal's error bodies: `{name, message, debug_id, details[{issue, ...}], links}`.

use super::{descriptions, operation::Operation};
use http::StatusCode;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// One issue of a refused request. The body adds the description, which depends on the operation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Detail {
    pub(super) issue: Cow<'static, str>,
    /// JSON pointer into the request body.
    pub(super) field: Option<String>,
    pub(super) value: Option<String>,
    pub(super) location: Option<&'static str>,
}

impl Detail {
    fn without_field(issue: impl Into<Cow<'static, str>>) -> Self {
        Self {
            issue: issue.into(),
            field: None,
            value: None,
            location: None,
        }
    }

    fn in_body(issue: &'static str, field: &str, value: Option<String>) -> Self {
        Self {
            issue: issue.into(),
            field: Some(field.to_owned()),
            value,
            location: Some("body"),
        }
    }
}

/// The API's kinds of error, each with its own status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RefusalKind {
    Invalid,
    Unauthenticated,
    NotAuthorized,
    NotFound,
    Conflict,
    UnsupportedMediaType,
    Unprocessable,
    RateLimited,
    Internal,
    Unavailable,
}

impl RefusalKind {
    const ALL: [Self; 10] = [
        Self::Invalid,
        Self::Unauthenticated,
        Self::NotAuthorized,
        Self::NotFound,
        Self::Conflict,
        Self::UnsupportedMediaType,
        Self::Unprocessable,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
    ];

    /// None for a status that PayPal's API does not use for errors.
    pub(super) fn with_status(status: u16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.status().as_u16() == status)
    }

    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::NotAuthorized => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID_REQUEST",
            Self::Unauthenticated => "AUTHENTICATION_FAILURE",
            Self::NotAuthorized => "NOT_AUTHORIZED",
            Self::NotFound => "RESOURCE_NOT_FOUND",
            Self::Conflict => "RESOURCE_CONFLICT",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::Unprocessable => "UNPROCESSABLE_ENTITY",
            Self::RateLimited => "RATE_LIMIT_REACHED",
            Self::Internal => "INTERNAL_SERVER_ERROR",
            Self::Unavailable => "SERVICE_UNAVAILABLE",
        }
    }

    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Invalid => {
                "Request is not well-formed, syntactically incorrect, or violates schema."
            }
            Self::Unauthenticated => {
                "Authentication failed due to missing authorization header, or invalid authentication credentials."
            }
            Self::NotAuthorized => "Authorization failed due to insufficient permissions.",
            Self::NotFound => "The specified resource does not exist.",
            Self::Conflict => "The server has detected a conflict while processing this request.",
            Self::UnsupportedMediaType => {
                "The server does not support the request payload's media type."
            }
            Self::Unprocessable => {
                "The requested action could not be performed, semantically incorrect, or failed business validation."
            }
            Self::RateLimited => "Too many requests. Blocked due to rate limiting.",
            Self::Internal => "An internal server error occurred.",
            Self::Unavailable => "Service Unavailable.",
        }
    }
}

/// The error response to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) kind: RefusalKind,
    pub(super) details: Vec<Detail>,
}

impl Refusal {
    pub(super) const fn without_details(kind: RefusalKind) -> Self {
        Self {
            kind,
            details: Vec::new(),
        }
    }

    pub(super) fn not_found() -> Self {
        Self {
            kind: RefusalKind::NotFound,
            details: vec![Detail::without_field("INVALID_RESOURCE_ID")],
        }
    }

    pub(super) fn body(&self, operation: Operation, debug_id: &str) -> Value {
        let mut body = Map::new();
        body.insert("name".to_owned(), self.kind.name().into());
        body.insert("message".to_owned(), self.kind.message().into());
        body.insert("debug_id".to_owned(), debug_id.into());
        if !self.details.is_empty() {
            let details = self
                .details
                .iter()
                .map(|detail| detail_body(detail, operation))
                .collect();
            body.insert("details".to_owned(), details);
        }
        let anchor = self
            .details
            .first()
            .map_or(self.kind.name(), |detail| &*detail.issue);
        let links = Value::Array(vec![operation.error_link(anchor)]);
        body.insert("links".to_owned(), links);
        body.into()
    }
}

fn detail_body(detail: &Detail, operation: Operation) -> Value {
    let mut body = Map::new();
    let optional_members = [
        ("field", detail.field.as_deref()),
        ("value", detail.value.as_deref()),
        ("location", detail.location),
        (
            "description",
            descriptions::describe(operation, &detail.issue),
        ),
    ];
    body.insert("issue".to_owned(), (*detail.issue).into());
    for (name, value) in optional_members {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.into());
        }
    }
    body.into()
}

/// The issues of a request. Syntax issues are reported as 400. Without any, semantic issues are
/// reported as 422.
#[derive(Debug, Default)]
pub(super) struct Findings {
    syntax: Vec<Detail>,
    semantics: Vec<Detail>,
}

impl Findings {
    /// One broken business rule.
    pub(super) fn semantic(issue: impl Into<Cow<'static, str>>) -> Self {
        Self {
            syntax: Vec::new(),
            semantics: vec![Detail::without_field(issue)],
        }
    }

    /// One syntax issue outside the fields of the body.
    pub(super) fn syntactic(issue: &'static str) -> Self {
        Self {
            syntax: vec![Detail::without_field(issue)],
            semantics: Vec::new(),
        }
    }

    pub(super) fn add_syntax(&mut self, issue: &'static str, field: &str, value: Option<&Value>) {
        self.syntax
            .push(Detail::in_body(issue, field, value.map(plain_text)));
    }

    pub(super) fn add_semantic(&mut self, issue: &'static str, field: &str, value: Option<&Value>) {
        self.semantics
            .push(Detail::in_body(issue, field, value.map(plain_text)));
    }

    /// Ok if there are no findings.
    pub(super) fn into_result(self) -> Result<(), Refusal> {
        if self.syntax.is_empty() && self.semantics.is_empty() {
            Ok(())
        } else {
            Err(self.into_refusal())
        }
    }

    pub(super) fn into_refusal(self) -> Refusal {
        if self.syntax.is_empty() {
            Refusal {
                kind: RefusalKind::Unprocessable,
                details: self.semantics,
            }
        } else {
            Refusal {
                kind: RefusalKind::Invalid,
                details: self.syntax,
            }
        }
    }
}

fn plain_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
