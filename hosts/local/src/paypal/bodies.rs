//! Bodies of HTTP messages.

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

const LARGEST_BODY: usize = 1024 * 1024;

/// A body of a size that PayPal takes.
pub(super) async fn whole(body: Body) -> Option<Bytes> {
    Some(
        Limited::new(body, LARGEST_BODY)
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
