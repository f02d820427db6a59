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

    /// A payment, complete or reduced to `{id, status, links}`.
    pub(super) fn payment(status: StatusCode, body: Value, request: &ApiRequest<'_>) -> Self {
        let body = if request.prefers_representation {
            body
        } else {
            json!({ "id": body["id"], "status": body["status"], "links": body["links"] })
        };
        Self::new(status, body)
    }
}
