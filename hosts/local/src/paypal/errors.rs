//! PayPal's error bodies: `{name, message, debug_id, details[{issue, ...}], links}`.

use super::{descriptions, operation::Operation};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// One finding. Its description depends on the operation and is added when the body is made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Detail {
    pub(super) issue: &'static str,
    /// JSON pointer into the request's body.
    pub(super) field: Option<String>,
    pub(super) value: Option<String>,
    pub(super) location: Option<&'static str>,
}

impl Detail {
    const fn plain(issue: &'static str) -> Self {
        Self {
            issue,
            field: None,
            value: None,
            location: None,
        }
    }

    fn at(issue: &'static str, field: &str, value: Option<String>) -> Self {
        Self {
            issue,
            field: Some(field.to_owned()),
            value,
            location: Some("body"),
        }
    }
}

/// The API's kinds of refusal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Invalid,
    Unauthenticated,
    NotFound,
    UnsupportedMediaType,
    Unprocessable,
    Unavailable,
}

impl Kind {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID_REQUEST",
            Self::Unauthenticated => "AUTHENTICATION_FAILURE",
            Self::NotFound => "RESOURCE_NOT_FOUND",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::Unprocessable => "UNPROCESSABLE_ENTITY",
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
            Self::NotFound => "The specified resource does not exist.",
            Self::UnsupportedMediaType => {
                "The server does not support the request payload's media type."
            }
            Self::Unprocessable => {
                "The requested action could not be performed, semantically incorrect, or failed business validation."
            }
            Self::Unavailable => "Service Unavailable.",
        }
    }
}

/// A request that PayPal would not carry out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) kind: Kind,
    pub(super) details: Vec<Detail>,
}

impl Refusal {
    pub(super) const fn bare(kind: Kind) -> Self {
        Self {
            kind,
            details: Vec::new(),
        }
    }

    /// An address that names nothing.
    pub(super) fn not_found() -> Self {
        Self {
            kind: Kind::NotFound,
            details: vec![Detail::plain("INVALID_RESOURCE_ID")],
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
            .map_or(self.kind.name(), |detail| detail.issue);
        let link = format!(
            "https://developer.paypal.com/docs/api/{}/#error-{anchor}",
            operation.reference()
        );
        body.insert(
            "links".to_owned(),
            json!([{ "href": link, "rel": "information_link", "method": "GET" }]),
        );
        body.into()
    }
}

fn detail_body(detail: &Detail, operation: Operation) -> Value {
    let mut body = Map::new();
    let optional = [
        ("field", detail.field.as_deref()),
        ("value", detail.value.as_deref()),
        ("location", detail.location),
        (
            "description",
            descriptions::describe(operation, detail.issue),
        ),
    ];
    body.insert("issue".to_owned(), detail.issue.into());
    for (name, value) in optional {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.into());
        }
    }
    body.into()
}

/// What is wrong with a request: all of its syntax (400), or else all of its meaning (422).
#[derive(Debug, Default)]
pub(super) struct Findings {
    syntax: Vec<Detail>,
    semantics: Vec<Detail>,
}

impl Findings {
    /// One rule of business that the request broke.
    pub(super) fn semantic(issue: &'static str) -> Self {
        Self {
            syntax: Vec::new(),
            semantics: vec![Detail::plain(issue)],
        }
    }

    /// One fault of form without a field of the body.
    pub(super) fn syntactic(issue: &'static str) -> Self {
        Self {
            syntax: vec![Detail::plain(issue)],
            semantics: Vec::new(),
        }
    }

    pub(super) fn malformed(&mut self, issue: &'static str, field: &str, value: Option<&Value>) {
        self.syntax
            .push(Detail::at(issue, field, value.map(plain_text)));
    }

    pub(super) fn wrong(&mut self, issue: &'static str, field: &str, value: Option<&Value>) {
        self.semantics
            .push(Detail::at(issue, field, value.map(plain_text)));
    }

    /// Whether nothing was found.
    pub(super) fn verdict(self) -> Result<(), Refusal> {
        if self.syntax.is_empty() && self.semantics.is_empty() {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    pub(super) fn refusal(self) -> Refusal {
        if self.syntax.is_empty() {
            Refusal {
                kind: Kind::Unprocessable,
                details: self.semantics,
            }
        } else {
            Refusal {
                kind: Kind::Invalid,
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
