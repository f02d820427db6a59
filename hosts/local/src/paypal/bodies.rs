//! Bodies of HTTP requests.

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, Limited};

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
