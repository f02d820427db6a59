//! Requests that were one too many: how many are kept, in which order, and for how long.

use crate::{
    client::Client,
    local::{begin_a_minute, eventually},
    redis::command,
    surroundings::variable,
    turns::alone,
};
use serde_json::json;

const KEY: &str = "violations";

#[tokio::test]
async fn the_last_thousand_are_kept_newest_first_for_a_week() {
    alone(async {
        let client = Client::new();
        command(&["DEL", KEY]).await;
        let now = crate::local::now().await.as_millisecond();
        // Others than ours: something that a different release wrote, and what is older.
        let mut words = vec!["ZADD".to_owned(), KEY.to_owned()];
        for number in 0..1_100 {
            words.push((now - 3_600_000 + number).to_string());
            words.push(format!("another shape {number}"));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        command(&words).await;
        begin_a_minute().await;
        for _ in 0..10 {
            let answer = client.post("/api/bookings", &json!({})).await;
            answer.problem(422, "invalid_fields");
        }
        for _ in 0..2 {
            let answer = client.post("/api/bookings", &json!({})).await;
            answer.problem(429, "rate_limited");
        }
        eventually("a thousand are left", 5, || async {
            (command(&["ZCARD", KEY]).await == 1_000).then_some(())
        })
        .await;
        let left = command(&["TTL", KEY]).await.as_i64().unwrap();
        let week = 7 * 24 * 3_600;
        assert!((week - 60..=week).contains(&left), "{left}");

        let path = "/api/admin/rate-limit-monitoring?minutes=120";
        let listed = eventually("both are kept", 5, || async {
            let listed = client
                .get_as(&variable("ADMIN_TOKEN"), path)
                .await
                .expect(200);
            (listed["total"] == 2).then_some(listed)
        })
        .await;
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
