//! The responses that behaviours cause.

use super::{Call, Unkindness, change};
use crate::paypal::{
    descriptions, errors::RefusalKind, oauth::OAuthError, operation::Operation,
    times::saturating_add,
};
use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

/// A response, before it is sent and recorded.
#[derive(Debug)]
pub(in crate::paypal) struct Answer {
    pub(in crate::paypal) status: StatusCode,
    pub(in crate::paypal) body: AnswerBody,
    pub(in crate::paypal) retry_after: Option<String>,
    /// The kind of the last behaviour that shaped the response.
    pub(in crate::paypal) behaviour: Option<&'static str>,
}

#[derive(Debug)]
pub(in crate::paypal) enum AnswerBody {
    /// None for 204.
    Json(Option<Value>),
    Page(String),
}

/// The parts of a request that an error response shows.
#[derive(Clone, Copy)]
pub(in crate::paypal) struct ErrorContext<'a> {
    pub(in crate::paypal) call: Call,
    pub(in crate::paypal) debug_id: &'a str,
    pub(in crate::paypal) now: Timestamp,
}

impl Answer {
    pub(in crate::paypal) const fn json(status: StatusCode, body: Option<Value>) -> Self {
        Self {
            status,
            body: AnswerBody::Json(body),
            retry_after: None,
            behaviour: None,
        }
    }

    /// The body in the record of exchanges.
    pub(in crate::paypal) fn recorded_body(&self) -> Value {
        match &self.body {
            AnswerBody::Json(body) => body.clone().unwrap_or_default(),
            AnswerBody::Page(page) => page.as_str().into(),
        }
    }

    pub(in crate::paypal) fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let (media_type, body) = match self.body {
            AnswerBody::Json(None) => (None, Body::empty()),
            AnswerBody::Json(Some(body)) => (Some("application/json"), body.to_string().into()),
            AnswerBody::Page(page) => (Some("text/html; charset=utf-8"), page.into()),
        };
        *response.body_mut() = body;
        if let Some(media_type) = media_type {
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if let Some(value) = self
            .retry_after
            .and_then(|value| HeaderValue::try_from(value).ok())
        {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }

    /// Applies a behaviour that changes a successful response.
    pub(in crate::paypal) fn apply(&mut self, unkindness: &Unkindness, operation: Operation) {
        if !self.status.is_success() {
            return;
        }
        let AnswerBody::Json(Some(body)) = &mut self.body else {
            return;
        };
        match unkindness {
            Unkindness::Change { remove, set } => change::apply(body, remove, set),
            Unkindness::ReplaysCreated {} if self.status == StatusCode::OK => {
                self.status = StatusCode::CREATED;
            }
            Unkindness::Minimal {} if operation == Operation::Void => {
                *self = Self::json(StatusCode::NO_CONTENT, None);
            }
            Unkindness::Minimal {} => {
                *body =
                    json!({ "id": body["id"], "status": body["status"], "links": body["links"] });
            }
            _ => return,
        }
        self.behaviour = Some(unkindness.kind());
    }
}

impl Unkindness {
    /// The response with which the behaviour replaces another, before or after the effect.
    pub(in crate::paypal) fn replacement(&self, context: ErrorContext<'_>) -> Option<Answer> {
        let mut answer = match self {
            Self::Refuse {
                status,
                name,
                issue,
                ..
            } => refusal(*status, name.as_deref(), issue.as_deref(), context),
            Self::Restricted {} => refusal(None, None, Some("PAYEE_ACCOUNT_RESTRICTED"), context),
            Self::WrongApp {} => refusal(None, None, Some("INVALID_RESOURCE_ID"), context),
            Self::Revoked {} => {
                let error = OAuthError::revoked(context.call == Call::Token);
                Answer::json(error.status, Some(error.body()))
            }
            Self::Page { status, body, .. } => {
                let status = StatusCode::from_u16(*status).unwrap_or_default();
                let page = body.clone().unwrap_or_else(|| page(status));
                Answer {
                    body: AnswerBody::Page(page),
                    ..Answer::json(status, None)
                }
            }
            Self::RateLimit {
                retry_after_seconds,
                as_date,
            } => Answer {
                retry_after: retry_after_seconds.map(|seconds| {
                    if *as_date {
                        http_date(context.now, seconds)
                    } else {
                        seconds.to_string()
                    }
                }),
                ..refusal(Some(429), None, None, context)
            },
            _ => return None,
        };
        answer.behaviour = Some(self.kind());
        Some(answer)
    }

    /// Whether the behaviour replaces the response before the operation takes effect.
    pub(in crate::paypal) const fn is_before_effect(&self) -> bool {
        matches!(
            self,
            Self::Refuse {
                after_effect: false,
                ..
            } | Self::Page {
                after_effect: false,
                ..
            } | Self::Restricted {}
                | Self::WrongApp {}
                | Self::Revoked {}
                | Self::RateLimit { .. }
        )
    }

    /// Whether the behaviour replaces the response after the effect.
    pub(in crate::paypal) const fn is_after_effect(&self) -> bool {
        matches!(
            self,
            Self::Refuse {
                after_effect: true,
                ..
            } | Self::Page {
                after_effect: true,
                ..
            }
        )
    }

    /// Whether the behaviour changes a successful response.
    pub(in crate::paypal) const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Change { .. } | Self::Minimal {} | Self::ReplaysCreated {}
        )
    }
}

fn refusal(
    status: Option<u16>,
    name: Option<&str>,
    issue: Option<&str>,
    context: ErrorContext<'_>,
) -> Answer {
    let status = status.unwrap_or_else(|| issue.map_or(422, usual_status));
    let kind = RefusalKind::with_status(status);
    let name = name
        .or_else(|| kind.map(RefusalKind::name))
        .filter(|name| !name.is_empty());
    let mut body = Map::new();
    if let Some(name) = name {
        body.insert("name".to_owned(), name.into());
    }
    let message = kind.map_or("An error occurred.", RefusalKind::message);
    body.insert("message".to_owned(), message.into());
    body.insert("debug_id".to_owned(), context.debug_id.into());
    if let Some(issue) = issue {
        let mut detail = json!({ "issue": issue });
        if let Some(description) = context
            .call
            .operation()
            .and_then(|operation| descriptions::describe(operation, issue))
        {
            detail["description"] = description.into();
        }
        body.insert("details".to_owned(), json!([detail]));
    }
    let anchor = issue.or(name).unwrap_or_default();
    let links = context
        .call
        .operation()
        .map(|operation| operation.error_link(anchor));
    body.insert("links".to_owned(), links.into_iter().collect());
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, Some(body.into()))
}

fn usual_status(issue: &str) -> u16 {
    match issue {
        "INVALID_ACCOUNT_STATUS" => 401,
        "PERMISSION_DENIED" => 403,
        "INVALID_RESOURCE_ID" => 404,
        "PREVIOUS_REQUEST_IN_PROGRESS" => 409,
        _ => 422,
    }
}

fn page(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    format!(
        "<!doctype html>\n<html><head><title>{} {reason}</title></head><body><h1>{reason}</h1></body></html>\n",
        status.as_u16()
    )
}

/// Such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(now: Timestamp, seconds: u32) -> String {
    saturating_add(now, SignedDuration::from_secs(i64::from(seconds)))
        .to_zoned(TimeZone::UTC)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}
