//! How often somebody may ask who is signed in with Supabase.

use crate::support::{
    client::{Client, Response},
    environment::variable,
    isolation::{run_alone, share_system},
    local_system::{advance_to_next_minute, clear_faults, eventually, set_fault, sign_in_new_user},
};
use reqwest::Method;
use serde_json::json;
use std::cell::Cell;

fn policy(response: &Response) -> &str {
    response.header("ratelimit-policy")
}

/// Asks until the product knows whose the token is, which it learns after an answer. How often they may still ask.
async fn known(client: &Client, token: &str) -> u64 {
    eventually("the user is known", 5, || async {
        let response = client.with_new_address().get_as(token, "/api/cars").await;
        response.expect(200);
        let is_known = policy(&response) == "\"authenticated\";q=120;w=60";
        is_known.then(|| response.header("x-ratelimit-remaining").parse().unwrap())
    })
    .await
}

#[tokio::test]
async fn a_user_counts_for_themselves_at_every_address() {
    let _turn = share_system().await;
    let client = Client::new();
    let (_, token) = sign_in_new_user("customer").await;
    let first = client.get_as(&token, "/api/cars").await;
    assert_eq!(
        policy(&first),
        "\"public\";q=60;w=60",
        "nobody waits for it"
    );
    known(&client, &token).await;
    let left =
        |response: &Response| -> u64 { response.header("x-ratelimit-remaining").parse().unwrap() };
    let here = client.get_as(&token, "/api/cars").await;
    let there = client.with_new_address().get_as(&token, "/api/cars").await;
    assert_eq!(left(&there) + 1, left(&here));
    // Theirs is not their address's: one request from here was made by somebody unknown.
    assert_eq!(left(&client.get("/api/cars").await), 58);
    // Another tier stays what it is, and is theirs as well, once that instance knows them.
    let before = Cell::new(u64::MAX);
    eventually("two addresses count as one user", 5, || async {
        let request = client
            .with_new_address()
            .request(Method::POST, "/api/bookings")
            .bearer_auth(&token);
        let response = Response::to(request.json(&json!({}))).await;
        response.expect_problem(422, "invalid_fields");
        assert_eq!(policy(&response), "\"booking\";q=10;w=60");
        let left = left(&response);
        (before.replace(left) == left + 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_hundred_and_twenty_first_is_refused_wherever_it_comes_from_and_told_of_by_user() {
    run_alone(async {
        let client = Client::new();
        let (id, token) = sign_in_new_user("customer").await;
        advance_to_next_minute().await;
        for _ in 0..known(&client, &token).await {
            let response = client.with_new_address().get_as(&token, "/api/cars").await;
            response.expect(200);
        }
        let refused = client.with_new_address().get_as(&token, "/api/cars").await;
        refused.expect_problem(429, "rate_limited");
        assert_eq!(policy(&refused), "\"authenticated\";q=120;w=60");
        let path = format!("/api/admin/rate-limit-monitoring?identifier={id}");
        let listed = eventually("the violation is kept", 5, || async {
            let listed = client
                .with_new_address()
                .get_as(&variable("ADMIN_TOKEN"), &path)
                .await
                .expect(200);
            (listed["total"] != 0).then_some(listed)
        })
        .await;
        assert_eq!(listed["byTier"], json!({"authenticated": 1}));
        assert!(!listed.to_string().contains(&token), "{listed}");
    })
    .await;
}

/// Without Redis each instance counts by itself, by the same names.
#[tokio::test]
async fn without_redis_users_count_for_themselves_too() {
    run_alone(async {
        let client = Client::new();
        let (_, token) = sign_in_new_user("customer").await;
        set_fault("redis", json!({"kind": "refuse"})).await;
        known(&client, &token).await;
        let response = client.get_as(&token, "/api/cars").await;
        assert_eq!(response.header("x-cache"), "BYPASS");
        assert_eq!(policy(&response), "\"authenticated\";q=120;w=60");
        clear_faults("redis").await;
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_nobodys_counts_by_address() {
    let _turn = share_system().await;
    let (_, token) = sign_in_new_user("customer").await;
    let forged = format!("{}.c2ln", token.rsplit_once('.').unwrap().0);
    let client = Client::new();
    for left in (50..60).rev() {
        let response = client.get_as(&forged, "/api/cars").await;
        response.expect(200);
        assert_eq!(policy(&response), "\"public\";q=60;w=60");
        assert_eq!(response.header("x-ratelimit-remaining"), left.to_string());
    }
}
