//! Cached responses, and `POST /api/admin/cache/clear`.

use super::{
    client::{Client, Response},
    environment::variable,
    local_system::eventually,
};
use reqwest::Method;
use serde_json::Value;

pub(crate) const CLEAR_PATH: &str = "/api/admin/cache/clear";

pub(crate) async fn clear_cache(body: &Value) -> Value {
    let client = Client::new();
    let request = client
        .request(Method::POST, CLEAR_PATH)
        .bearer_auth(variable("ADMIN_TOKEN"));
    Response::to(request.json(body)).await.expect(200)
}

/// Reads `path` until the response comes from the cache.
pub(crate) async fn read_until_cached(path: &str) -> Response {
    eventually("the response is cached", 5, || async {
        let response = Client::new().get(path).await;
        (response.header("x-cache") == "HIT").then_some(response)
    })
    .await
}

/// The `X-Cache` header of `path`.
pub(crate) async fn cache_status(path: &str) -> String {
    let response = Client::new().get(path).await;
    response.header("x-cache").to_owned()
}
