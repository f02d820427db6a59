//! Requests that were one too many: how many are kept, in which order, and for how long.

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

/// What operators see of the last `minutes`.
async fn listed(minutes: u32) -> Value {
    let path = format!("/api/admin/rate-limit-monitoring?minutes={minutes}");
    let response = Client::new().get_as(&variable("ADMIN_TOKEN"), &path).await;
    response.expect(200)
}

/// Asks for bookings until so many were one too many.
async fn refused(client: &Client, times: usize) {
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
async fn the_last_thousand_are_kept_newest_first_for_a_day() {
    run_alone(async {
        let client = Client::new();
        command(&["DEL", KEY]).await;
        let now = crate::support::local_system::now().await.as_millisecond();
        // Others than ours: something that a different release wrote, and what is older.
        let mut words = vec!["ZADD".to_owned(), KEY.to_owned()];
        for number in 0..1_100 {
            words.push((now - 3_600_000 + number).to_string());
            words.push(format!("another shape {number}"));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        command(&words).await;
        advance_to_next_minute().await;
        refused(&client, 2).await;
        eventually("a thousand are left", 5, || async {
            (command(&["ZCARD", KEY]).await == 1_000).then_some(())
        })
        .await;
        let left = command(&["TTL", KEY]).await.as_i64().unwrap();
        assert!((DAY - 60..=DAY).contains(&left), "{left}");

        let listed = eventually("both are kept", 5, || async {
            let listed = listed(120).await;
            (listed["total"] == 2).then_some(listed)
        })
        .await;
        assert_eq!(listed["truncated"], true, "all that is kept is that new");
        assert_eq!(self::listed(1).await["truncated"], false);
        let times: Vec<&str> = listed["violations"]
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
        assert_eq!(oldest, json!(["another shape 102"]));
        command(&["DEL", KEY]).await;
    })
    .await;
}

/// Whoever asks too often every day must not keep alive what was noted of others the day before.
#[tokio::test]
async fn each_violation_takes_along_what_is_older_than_a_day() {
    run_alone(async {
        command(&["DEL", KEY]).await;
        advance_to_next_minute().await;
        let now = crate::support::local_system::now().await.as_millisecond();
        for (age, member) in [(DAY + 1, "older than a day"), (DAY - 60, "not yet")] {
            let score = (now - 1_000 * age).to_string();
            command(&["ZADD", KEY, &score, member]).await;
        }
        refused(&Client::new(), 1).await;
        eventually("the violation is kept", 5, || async {
            let kept = command(&["ZRANGE", KEY, "0", "-1"]).await;
            (kept[0] == "not yet" && kept.as_array()?.len() == 2).then_some(())
        })
        .await;
        command(&["DEL", KEY]).await;
    })
    .await;
}
