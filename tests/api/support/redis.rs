//! The product's Redis, over the REST API that the product uses.

use super::{client::http_client, environment::variable};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Runs one command and returns its result.
pub(crate) async fn command(words: &[&str]) -> Value {
    let (url, token) = (
        variable("UPSTASH_REDIS_REST_URL"),
        variable("UPSTASH_REDIS_REST_TOKEN"),
    );
    let response = http_client()
        .post(url)
        .bearer_auth(token)
        .json(&words)
        .send()
        .await
        .unwrap();
    let response: Value = response.json().await.unwrap();
    assert_eq!(response["error"], Value::Null, "{words:?}: {response}");
    response["result"].clone()
}

/// `CONFIG SET maxmemory`, where `0` is no limit. The REST API lacks this command.
pub(crate) async fn set_memory_limit(bytes: &str) {
    let server = ::redis::Client::open(variable("REDIS_URL")).unwrap();
    let mut connection = server.get_multiplexed_async_connection().await.unwrap();
    let () = ::redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", bytes])
        .query_async(&mut connection)
        .await
        .unwrap();
}

/// The keys that match a pattern.
pub(crate) async fn keys(pattern: &str) -> BTreeSet<String> {
    let (mut keys, mut cursor) = (BTreeSet::new(), "0".to_owned());
    loop {
        let page = command(&["SCAN", &cursor, "MATCH", pattern, "COUNT", "1000"]).await;
        keys.extend(
            page[1]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key.as_str().unwrap().to_owned()),
        );
        cursor = page[0]
            .as_str()
            .map_or_else(|| page[0].to_string(), str::to_owned);
        if cursor == "0" {
            return keys;
        }
    }
}

pub(crate) fn lock_key(car: &str) -> String {
    format!("lock:car:{car}")
}

/// The owner of a car's lock, null when the car is unlocked.
pub(crate) async fn lock_owner(car: &str) -> Value {
    command(&["GET", &lock_key(car)]).await
}

/// Makes `owner` the owner of a car's lock, even when it has another.
pub(crate) async fn take_lock(car: &str, owner: &str) {
    assert_eq!(
        command(&["SET", &lock_key(car), owner, "PX", "10000"]).await,
        json!("OK")
    );
}
