//! Cached responses in Redis: no older than the last write, under keys without client input.

use crate::support::{
    cache::{cache_status, read_until_cached},
    checkout,
    client::Client,
    environment::{new_number, new_uuid},
    isolation::run_alone,
    local_system::{advance_clock, eventually},
    redis::{command, keys},
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::Value;

const CACHE_KEYS: &str = "cache:*";

/// Reads a `path` that is not cached, and returns the key of its new entry.
async fn key_of(client: &Client, path: &str) -> String {
    let before = keys(CACHE_KEYS).await;
    let response = client.get(path).await;
    response.expect(200);
    eventually("the response is cached", 5, || async {
        for key in keys(CACHE_KEYS).await.difference(&before) {
            // Other responses of this test are stored meanwhile. This entry ends with this body.
            let entry = command(&["GET", key]).await;
            if entry
                .as_str()
                .is_some_and(|entry| entry.ends_with(&response.text))
            {
                return Some(key.clone());
            }
        }
        None
    })
    .await
}

#[tokio::test]
async fn stale_entry_not_served_after_booking() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let key = key_of(&client, &rental.availability_path()).await;
        let old_entry = checkout::text(&command(&["GET", &key]).await);
        checkout::create_hold(&client, &rental).await;
        // A slow reader that saw the days free writes its entry last.
        command(&["SET", &key, &old_entry]).await;
        let response = client.get(&rental.availability_path()).await;
        assert_eq!(response.expect(200)["bookable"], false);
        assert_eq!(response.header("x-cache"), "MISS");
    })
    .await;
}

#[tokio::test]
async fn booking_invalidates_days_of_own_car_only() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let other = rental.for_another_car(&client.with_new_address(), 2).await;
        let days = rental.availability_path();
        let others = [
            other.availability_path(),
            format!("/api/cars/{}", rental.car),
            "/api/cars".to_owned(),
        ];
        for path in others.iter().chain([&days]) {
            read_until_cached(path).await;
        }
        checkout::create_hold(&client, &rental).await;
        for path in &others {
            assert_eq!(cache_status(path).await, "HIT", "{path}");
        }
        assert_eq!(cache_status(&days).await, "MISS");
    })
    .await;
}

#[tokio::test]
async fn cached_days_are_stale_after_30_seconds() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let path = rental.availability_path();
        key_of(&client, &path).await;
        assert_eq!(client.get(&path).await.header("x-cache"), "HIT");
        advance_clock(SignedDuration::from_secs(31)).await;
        assert_ne!(client.get(&path).await.header("x-cache"), "HIT");
    })
    .await;
}

#[tokio::test]
async fn damaged_entry_counts_as_miss() {
    run_alone(async {
        let client = Client::new();
        // Entries with the current generation must be parsed to the end.
        for damage in [
            "",
            "x",
            "\u{0}",
            "{\"success\":true}",
            "GENERATION 0 99999999999999",
            "GENERATION 0 99999999999999\n{}",
            "GENERATION 0 99999999999999 e\n{}",
            "GENERATION 0 99999999999999 \"e\n{}",
            "GENERATION 0 99999999999999 \"e\" x\n{}",
            "GENERATION 0 x \"e\"\n{}",
        ] {
            let rental = Rental::far_ahead(&client, 2).await;
            let path = rental.availability_path();
            let key = key_of(&client, &path).await;
            let entry = command(&["GET", &key]).await;
            let generation = entry.as_str().unwrap().split(' ').next().unwrap();
            let damage = damage.replace("GENERATION", generation);
            command(&["SET", &key, &damage]).await;
            let response = client.get(&path).await;
            assert_eq!(response.expect(200)["bookable"], true, "{damage:?}");
            assert_eq!(response.header("x-cache"), "MISS", "{damage:?}");
        }
        // A value of another type than string.
        let path = Rental::far_ahead(&client, 2).await.availability_path();
        let key = key_of(&client, &path).await;
        command(&["DEL", &key]).await;
        command(&["RPUSH", &key, "x"]).await;
        assert_eq!(client.get(&path).await.expect(200)["bookable"], true);
        command(&["DEL", &key]).await;
    })
    .await;
}

#[tokio::test]
async fn evicted_generation_revives_no_old_days() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        read_until_cached(&rental.availability_path()).await;
        checkout::create_hold(&client, &rental).await;
        // Redis evicts keys with an expiry when its memory is full.
        for key in keys("generation:*").await {
            command(&["DEL", &key]).await;
        }
        let response = client.get(&rental.availability_path()).await;
        assert_eq!(response.header("x-cache"), "MISS");
        assert_eq!(response.expect(200)["bookable"], false);
    })
    .await;
}

#[tokio::test]
async fn keys_expire_and_contain_no_client_input() {
    run_alone(async {
        let client = Client::new();
        let key = key_of(
            &client,
            &format!("/api/cars?search=sesame{}", new_number(1_000_000)),
        )
        .await;
        assert!(key.len() < 60 && !key.contains("sesame"), "{key}");
        let ttl = command(&["TTL", &key]).await;
        assert!(
            ttl.as_i64()
                .is_some_and(|seconds| (1..=86_400).contains(&seconds)),
            "{ttl}"
        );
        for key in keys("limit:*").await.union(&keys("generation:*").await) {
            assert_ne!(
                command(&["TTL", key]).await,
                Value::from(-1),
                "{key} never expires"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn refusal_not_cached_absence_cached_for_seconds() {
    run_alone(async {
        let client = Client::new();
        // Lets earlier requests finish their writes.
        client.get("/api/cars").await.expect(200);
        advance_clock(SignedDuration::from_secs(1)).await;
        let before = keys(CACHE_KEYS).await;
        client
            .get("/api/cars?page=0")
            .await
            .expect_problem(422, "invalid_fields");
        let unknown = format!("/api/cars/{}", new_uuid());
        client
            .get(&unknown)
            .await
            .expect_problem(404, "car_not_found");
        let rental = Rental::far_ahead(&client, 2).await;
        checkout::create_hold(&client, &rental).await;
        let after = keys(CACHE_KEYS).await;
        let new: Vec<&String> = after
            .difference(&before)
            .filter(|key| !key.contains(":availability:") && !key.contains(":cars:"))
            .collect();
        for key in &new {
            let ttl = command(&["TTL", key]).await;
            assert!(
                ttl.as_i64().is_some_and(|seconds| seconds <= 10),
                "{key} {ttl}"
            );
        }
        assert!(new.len() <= 1, "{new:?}");
        client
            .get(&unknown)
            .await
            .expect_problem(404, "car_not_found");
    })
    .await;
}
