//! Cached responses, and `POST /api/admin/cache/clear`.

use super::{
    client::{Answer, Client},
    environment::variable,
    local_system::eventually,
};
use reqwest::Method;
use serde_json::Value;

pub(crate) const PATH: &str = "/api/admin/cache/clear";

pub(crate) async fn clear(body: &Value) -> Value {
    let client = Client::new();
    let request = client
        .request(Method::POST, PATH)
        .bearer_auth(variable("ADMIN_TOKEN"));
    Answer::of(request.json(body)).await.expect(200)
}

/// Reads `path` until it comes from the cache.
pub(crate) async fn cached(path: &str) -> Answer {
    eventually("the answer is cached", 5, || async {
        let answer = Client::new().get(path).await;
        (answer.header("x-cache") == "HIT").then_some(answer)
    })
    .await
}

/// Where the answer of `path` comes from.
pub(crate) async fn cache_of(path: &str) -> String {
    let answer = Client::new().get(path).await;
    answer.header("x-cache").to_owned()
}
