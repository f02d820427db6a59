//! Rate limits of users who are signed in with Supabase.

use crate::support::{
    client::{Client, Response},
    environment::variable,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{Role, advance_to_next_minute, eventually, sign_in_new_user},
};
use reqwest::Method;
use serde_json::json;
use std::cell::Cell;

fn policy(response: &Response) -> &str {
    response.header("ratelimit-policy")
}

/// Sends requests until the user's own limit applies, and returns the remaining requests.
///
/// An instance verifies a token after the first response.
async fn wait_until_known(client: &Client, token: &str) -> u64 {
    eventually("the user is known", 5, || async {
        let response = client.with_new_address().get_as(token, "/api/cars").await;
        response.expect(200);
        let is_known = policy(&response) == "\"authenticated\";q=120;w=60";
        is_known.then(|| response.header("x-ratelimit-remaining").parse().unwrap())
    })
    .await
}

#[tokio::test]
async fn user_is_counted_across_addresses() {
    run_alone(async {
        let client = Client::new();
        advance_to_next_minute().await;
        let (_, token) = sign_in_new_user(Role::Customer).await;
        let first = client.get_as(&token, "/api/cars").await;
        assert_eq!(
            policy(&first),
            "\"public\";q=60;w=60",
            "the response does not wait for the token"
        );
        wait_until_known(&client, &token).await;
        let left = |response: &Response| -> u64 {
            response.header("x-ratelimit-remaining").parse().unwrap()
        };
        let here = client.get_as(&token, "/api/cars").await;
        let there = client.with_new_address().get_as(&token, "/api/cars").await;
        assert_eq!(left(&there) + 1, left(&here));
        // The user's requests do not count for the address, except the first one.
        assert_eq!(left(&client.get("/api/cars").await), 58);
        // Other tiers keep their limits, but count by user too. Each instance verifies the token.
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
    })
    .await;
}

#[tokio::test]
async fn user_limit_spans_addresses_and_names_user() {
    run_alone(async {
        let client = Client::new();
        let (id, token) = sign_in_new_user(Role::Customer).await;
        advance_to_next_minute().await;
        for _ in 0..wait_until_known(&client, &token).await {
            let response = client.with_new_address().get_as(&token, "/api/cars").await;
            response.expect(200);
        }
        let refused = client.with_new_address().get_as(&token, "/api/cars").await;
        refused.expect_problem(429, "rate_limited");
        assert_eq!(policy(&refused), "\"authenticated\";q=120;w=60");
        let path = format!("/api/admin/rate-limit-monitoring?identifier={id}");
        let list = eventually("the violation is stored", 5, || async {
            let list = client
                .with_new_address()
                .get_as(&variable("ADMIN_TOKEN"), &path)
                .await
                .expect(200);
            (list["total"] != 0).then_some(list)
        })
        .await;
        assert_eq!(list["byTier"], json!({"authenticated": 1}));
        assert!(!list.to_string().contains(&token), "{list}");
    })
    .await;
}

/// Without Redis each instance counts alone, but also by user.
#[tokio::test]
async fn users_are_counted_without_redis() {
    run_alone(async {
        let client = Client::new();
        let (_, token) = sign_in_new_user(Role::Customer).await;
        set_fault(Upstream::Redis, Fault::refuse()).await;
        wait_until_known(&client, &token).await;
        let response = client.get_as(&token, "/api/cars").await;
        assert_eq!(response.header("x-cache"), "BYPASS");
        assert_eq!(policy(&response), "\"authenticated\";q=120;w=60");
        clear_faults(Upstream::Redis).await;
    })
    .await;
}

#[tokio::test]
async fn forged_token_is_counted_by_address() {
    run_alone(async {
        advance_to_next_minute().await;
        let (_, token) = sign_in_new_user(Role::Customer).await;
        let forged = format!("{}.c2ln", token.rsplit_once('.').unwrap().0);
        let client = Client::new();
        for left in (50..60).rev() {
            let response = client.get_as(&forged, "/api/cars").await;
            response.expect(200);
            assert_eq!(policy(&response), "\"public\";q=60;w=60");
            assert_eq!(response.header("x-ratelimit-remaining"), left.to_string());
        }
    })
    .await;
}
