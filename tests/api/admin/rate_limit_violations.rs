//! Storage of rate limit violations: their number, order and lifetime.

use crate::support::{
    client::Client,
    environment::variable,
    isolation::run_alone,
    local_system::{advance_to_next_minute, eventually},
    redis::command,
};
use serde_json::{Value, json};

const KEY: &str = "violations";
/// Seconds.
const DAY: i64 = 24 * 3_600;

/// The list of the last `minutes`, as operators read it.
async fn list_violations(minutes: u32) -> Value {
    let path = format!("/api/admin/rate-limit-monitoring?minutes={minutes}");
    let response = Client::new().get_as(&variable("ADMIN_TOKEN"), &path).await;
    response.expect(200)
}

/// Exceeds the booking limit `times` times.
async fn exceed_limit(client: &Client, times: usize) {
    for _ in 0..10 {
        let response = client.post("/api/bookings", &json!({})).await;
        response.expect_problem(422, "invalid_fields");
    }
    for _ in 0..times {
        let response = client.post("/api/bookings", &json!({})).await;
        response.expect_problem(429, "rate_limited");
    }
}

#[tokio::test]
async fn newest_thousand_kept_for_one_day() {
    run_alone(async {
        let client = Client::new();
        command(&["DEL", KEY]).await;
        let now = crate::support::local_system::now().await.as_millisecond();
        // Older entries, in a form that another release may have written.
        let mut words = vec!["ZADD".to_owned(), KEY.to_owned()];
        for number in 0..1_100 {
            words.push((now - 3_600_000 + number).to_string());
            words.push(format!("another form {number}"));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        command(&words).await;
        advance_to_next_minute().await;
        exceed_limit(&client, 2).await;
        eventually("a thousand violations are left", 5, || async {
            (command(&["ZCARD", KEY]).await == 1_000).then_some(())
        })
        .await;
        let left = command(&["TTL", KEY]).await.as_i64().unwrap();
        assert!((DAY - 60..=DAY).contains(&left), "{left}");

        let list = eventually("both violations are stored", 5, || async {
            let list = list_violations(120).await;
            (list["total"] == 2).then_some(list)
        })
        .await;
        assert_eq!(list["truncated"], true, "the window may have more");
        assert_eq!(list_violations(1).await["truncated"], false);
        let times: Vec<&str> = list["violations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|violation| violation["at"].as_str().unwrap())
            .collect();
        assert!(
            times.is_sorted_by(|newer, older| newer >= older),
            "{times:?}"
        );
        let oldest = command(&["ZRANGE", KEY, "0", "0"]).await;
        assert_eq!(oldest, json!(["another form 102"]));
        command(&["DEL", KEY]).await;
    })
    .await;
}

/// A daily violation renews the key's lifetime, but must not keep older violations.
#[tokio::test]
async fn new_violation_removes_those_over_day_old() {
    run_alone(async {
        command(&["DEL", KEY]).await;
        advance_to_next_minute().await;
        let now = crate::support::local_system::now().await.as_millisecond();
        for (age, member) in [(DAY + 1, "older than a day"), (DAY - 60, "a minute less")] {
            let score = (now - 1_000 * age).to_string();
            command(&["ZADD", KEY, &score, member]).await;
        }
        exceed_limit(&Client::new(), 1).await;
        eventually("the old violation is removed", 5, || async {
            let stored = command(&["ZRANGE", KEY, "0", "-1"]).await;
            (stored[0] == "a minute less" && stored.as_array()?.len() == 2).then_some(())
        })
        .await;
        command(&["DEL", KEY]).await;
    })
    .await;
}
