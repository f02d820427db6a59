//! What is kept in Redis: never older than the last write, never anything that a client made up.

use crate::support::{
    cache::{cache_status, read_until_cached},
    checkout,
    client::Client,
    isolation::run_alone,
    local_system::{advance_clock, eventually},
    redis::{command, keys},
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::Value;

const KEPT: &str = "cache:*";

/// Reads `path`, and gives the key under which its answer is kept from then on.
async fn key_of(client: &Client, path: &str) -> String {
    let before = keys(KEPT).await;
    let response = client.get(path).await;
    response.expect(200);
    eventually("the answer is kept", 5, || async {
        for key in keys(KEPT).await.difference(&before) {
            // Other answers of this test are kept meanwhile; this one ends with this body.
            let kept = command(&["GET", key]).await;
            if kept
                .as_str()
                .is_some_and(|kept| kept.ends_with(&response.text))
            {
                return Some(key.clone());
            }
        }
        None
    })
    .await
}

#[tokio::test]
async fn what_a_slow_reader_stores_is_not_served_after_a_write() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let key = key_of(&client, &rental.availability_path()).await;
        let old = checkout::text(&command(&["GET", &key]).await);
        checkout::create_hold(&client, &rental).await;
        // The reader who saw the days free comes last.
        command(&["SET", &key, &old]).await;
        let response = client.get(&rental.availability_path()).await;
        assert_eq!(response.expect(200)["bookable"], false);
        assert_eq!(response.header("x-cache"), "MISS");
    })
    .await;
}

#[tokio::test]
async fn a_booking_gives_up_the_days_of_its_own_car_only() {
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
async fn an_answer_is_fresh_for_its_time_only() {
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
async fn a_damaged_entry_is_read_past() {
    run_alone(async {
        let client = Client::new();
        // Also where the generation is the present one.
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
            let kept = command(&["GET", &key]).await;
            let generation = kept.as_str().unwrap().split(' ').next().unwrap();
            let damage = damage.replace("GENERATION", generation);
            command(&["SET", &key, &damage]).await;
            let response = client.get(&path).await;
            assert_eq!(response.expect(200)["bookable"], true, "{damage:?}");
            assert_eq!(response.header("x-cache"), "MISS", "{damage:?}");
        }
        // Something that is no text at all.
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
async fn what_redis_let_go_of_does_not_bring_back_what_a_booking_had_ended() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        read_until_cached(&rental.availability_path()).await;
        checkout::create_hold(&client, &rental).await;
        // To make room, Redis takes what ends by itself.
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
async fn a_key_holds_nothing_that_a_client_wrote_and_ends() {
    run_alone(async {
        let client = Client::new();
        let key = key_of(
            &client,
            &format!(
                "/api/cars?search=sesame{}",
                crate::support::environment::new_number(1_000_000)
            ),
        )
        .await;
        assert!(key.len() < 60 && !key.contains("sesame"), "{key}");
        let left = command(&["TTL", &key]).await;
        assert!(
            left.as_i64()
                .is_some_and(|seconds| (1..=86_400).contains(&seconds)),
            "{left}"
        );
        for key in keys("limit:*").await.union(&keys("generation:*").await) {
            assert_ne!(
                command(&["TTL", key]).await,
                Value::from(-1),
                "{key} never ends"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_is_not_kept_and_what_is_absent_for_seconds() {
    run_alone(async {
        let client = Client::new();
        // Whatever earlier requests still write is written.
        client.get("/api/cars").await.expect(200);
        advance_clock(SignedDuration::from_secs(1)).await;
        let before = keys(KEPT).await;
        client
            .get("/api/cars?page=0")
            .await
            .expect_problem(422, "invalid_fields");
        let unknown = format!("/api/cars/{}", crate::support::environment::new_uuid());
        client
            .get(&unknown)
            .await
            .expect_problem(404, "car_not_found");
        let rental = Rental::far_ahead(&client, 2).await;
        checkout::create_hold(&client, &rental).await;
        let after = keys(KEPT).await;
        let new: Vec<&String> = after
            .difference(&before)
            .filter(|key| !key.contains(":availability:") && !key.contains(":cars:"))
            .collect();
        for key in &new {
            let left = command(&["TTL", key]).await;
            assert!(
                left.as_i64().is_some_and(|seconds| seconds <= 10),
                "{key} {left}"
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
