//! A successful response of the API.

use super::request::ApiRequest;
use http::StatusCode;
use serde_json::{Value, json};

#[derive(Debug, PartialEq)]
pub(super) struct ApiResponse {
    pub(super) status: StatusCode,
    /// None for 204.
    pub(super) body: Option<Value>,
}

impl ApiResponse {
    pub(super) const fn new(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
        }
    }

    /// A payment, complete or reduced to `{id, status, links}`. The status is 201 for a new
    /// payment, and 200 for a retry.
    pub(super) fn payment(is_new: bool, body: Value, request: &ApiRequest<'_>) -> Self {
        let status = if is_new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let body = if request.prefers_representation {
            body
        } else {
            json!({ "id": body["id"], "status": body["status"], "links": body["links"] })
        };
        Self::new(status, body)
    }
}
