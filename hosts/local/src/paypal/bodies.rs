//! Bodies of HTTP requests and responses.

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

/// In bytes.
const MAX_BODY_SIZE: usize = 1024 * 1024;

/// None for a body that is too large or incomplete.
pub(super) async fn read_body(body: Body) -> Option<Bytes> {
    Some(
        Limited::new(body, MAX_BODY_SIZE)
            .collect()
            .await
            .ok()?
            .to_bytes(),
    )
}

pub(super) fn json_response(status: StatusCode, body: Option<Value>) -> Response {
    let mut response = status.into_response();
    if let Some(body) = body {
        *response.body_mut() = Body::from(body.to_string());
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    response
}
