//! One response of the API.

use super::request::ApiRequest;
use http::StatusCode;
use serde_json::{Value, json};

/// What a request came to.
#[derive(Debug, PartialEq)]
pub(super) struct ApiResponse {
    pub(super) status: StatusCode,
    /// None with 204.
    pub(super) body: Option<Value>,
}

impl ApiResponse {
    pub(super) const fn new(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
        }
    }

    /// A payment: 201 or 200, with all of it or just `{id, status, links}`.
    pub(super) fn payment(first: bool, body: Value, request: &ApiRequest<'_>) -> Self {
        let status = if first {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let body = if request.representation {
            body
        } else {
            json!({ "id": body["id"], "status": body["status"], "links": body["links"] })
        };
        Self::new(status, body)
    }
}
