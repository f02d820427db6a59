//! Rate limits of clients without a token, by address.
//!
//! A limit that is reached is tested at the start of a window. A burst across two windows counts
//! as less when the machine is slow.

use crate::support::{
    client::{Client, Response},
    database::Database,
    environment::{new_number, variable},
    isolation::{run_alone, share_system},
    local_system::{advance_clock, advance_to_next_minute},
    redis::{command, keys},
    rental::Rental,
    routes::all_routes,
};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

/// Sends an empty body. The limit is checked before the body.
async fn post_empty(client: &Client, path: &str) -> Response {
    client.post(path, &json!({})).await
}

#[tokio::test]
async fn eleventh_booking_request_per_minute_is_rejected() {
    run_alone(async {
        let client = Client::new();
        advance_to_next_minute().await;
        for left in (0..10).rev() {
            let response = post_empty(&client, "/api/bookings").await;
            response.expect_problem(422, "invalid_fields");
            assert_eq!(response.header("x-ratelimit-limit"), "10");
            assert_eq!(response.header("x-ratelimit-remaining"), left.to_string());
            assert_eq!(response.header("ratelimit-policy"), "\"booking\";q=10;w=60");
        }
        let response = post_empty(&client, "/api/bookings").await;
        assert_eq!(
            response.expect_problem(429, "rate_limited")["retryable"],
            true
        );
        let wait = response.retry_after();
        assert!(wait <= 120, "{wait}");
        assert_eq!(response.header("x-ratelimit-remaining"), "0");
        assert!(
            response
                .header("ratelimit")
                .starts_with("\"booking\";r=0;t="),
            "{}",
            response.header("ratelimit")
        );
        post_empty(&client.with_new_address(), "/api/bookings")
            .await
            .expect_problem(422, "invalid_fields");
    })
    .await;
}

#[tokio::test]
async fn rejected_request_books_nothing() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::far_ahead(&client.with_new_address(), 2).await;
        advance_to_next_minute().await;
        for _ in 0..10 {
            post_empty(&client, "/api/bookings").await;
        }
        client
            .post("/api/bookings", &rental.body())
            .await
            .expect_problem(429, "rate_limited");
        assert_eq!(database.live_bookings(&rental).await, 0);
    })
    .await;
}

fn tier(method: &str, path: &str) -> &'static str {
    match path {
        "/api/webhooks/paypal" => "webhook",
        "/api/bookings" => "booking",
        "/api/webhooks/retry" => "admin",
        _ if path.starts_with("/api/admin/") => "admin",
        _ if path.starts_with("/api/bookings/") && method == "POST" => "payment",
        _ => "public",
    }
}

#[tokio::test]
async fn every_route_has_its_limit() {
    let _guard = share_system().await;
    let client = Client::new();
    for (path, methods) in all_routes() {
        for method in methods.split(", ") {
            let request = client
                .with_new_address()
                .request(method.parse().unwrap(), &path);
            let response = Response::to(request).await;
            let tier = tier(method, &path);
            let limit: u64 = match tier {
                "booking" | "payment" => 10,
                "webhook" => 100,
                "admin" => 300,
                _ => 60,
            };
            assert_eq!(
                response.header("ratelimit-policy"),
                format!("\"{tier}\";q={limit};w=60"),
                "{method} {path}"
            );
            assert_eq!(response.header("x-ratelimit-limit"), limit.to_string());
            let reset: u64 = response.header("x-ratelimit-reset").parse().unwrap();
            assert!((1..=60).contains(&reset), "{path}: {reset}");
            let left: u64 = response.header("x-ratelimit-remaining").parse().unwrap();
            assert_eq!(left + 1, limit, "{path}");
            assert_eq!(
                response.header("ratelimit"),
                format!("\"{tier}\";r={left};t={reset}"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn list_is_limited_to_sixty_per_minute() {
    run_alone(async {
        let client = Client::new();
        advance_to_next_minute().await;
        let mut statuses = Vec::new();
        for _ in 0..61 {
            statuses.push(client.get("/api/cars").await.status);
        }
        assert_eq!(statuses[..60], [200; 60]);
        assert_eq!(statuses[60], 429);
    })
    .await;
}

#[tokio::test]
async fn orders_and_authorizations_share_one_limit() {
    run_alone(async {
        let client = Client::new();
        advance_to_next_minute().await;
        for _ in 0..5 {
            post_empty(&client, "/api/bookings/create-paypal-order")
                .await
                .expect_problem(422, "invalid_fields");
            post_empty(&client, "/api/bookings/authorize-paypal-order")
                .await
                .expect_problem(422, "invalid_fields");
        }
        post_empty(&client, "/api/bookings/create-paypal-order")
            .await
            .expect_problem(429, "rate_limited");
        post_empty(&client, "/api/bookings/authorize-paypal-order")
            .await
            .expect_problem(429, "rate_limited");
        // Other tiers have their own counts.
        post_empty(&client, "/api/bookings")
            .await
            .expect_problem(422, "invalid_fields");
        client.get("/api/cars").await.expect(200);
    })
    .await;
}

/// A client that ignores rejections is admitted when `Retry-After` has passed.
#[tokio::test]
async fn rejected_requests_do_not_count() {
    run_alone(async {
        let client = Client::new();
        advance_to_next_minute().await;
        for _ in 0..10 {
            post_empty(&client, "/api/bookings")
                .await
                .expect_problem(422, "invalid_fields");
        }
        let mut wait = 0;
        for _ in 0..30 {
            let response = post_empty(&client, "/api/bookings").await;
            response.expect_problem(429, "rate_limited");
            wait = response.retry_after();
        }
        advance_clock(SignedDuration::from_secs(i64::try_from(wait).unwrap())).await;
        post_empty(&client, "/api/bookings")
            .await
            .expect_problem(422, "invalid_fields");
    })
    .await;
}

#[tokio::test]
async fn limit_resets_after_window() {
    run_alone(async {
        let client = Client::new();
        advance_to_next_minute().await;
        for _ in 0..10 {
            post_empty(&client, "/api/bookings")
                .await
                .expect_problem(422, "invalid_fields");
        }
        post_empty(&client, "/api/bookings")
            .await
            .expect_problem(429, "rate_limited");
        advance_clock(SignedDuration::from_mins(2)).await;
        for _ in 0..10 {
            post_empty(&client, "/api/bookings")
                .await
                .expect_problem(422, "invalid_fields");
        }
        post_empty(&client, "/api/bookings")
            .await
            .expect_problem(429, "rate_limited");
    })
    .await;
}

/// One customer has a /64 network, with 2^64 addresses.
#[tokio::test]
async fn ipv6_network_is_one_client() {
    run_alone(async {
        advance_to_next_minute().await;
        let network = format!("2001:db8:{:x}:{:x}", new_number(65_536), new_number(65_536));
        let client = Client::new();
        for n in 0..10 {
            post_empty(
                &client.with_address(&format!("{network}::{n:x}")),
                "/api/bookings",
            )
            .await
            .expect_problem(422, "invalid_fields");
        }
        post_empty(
            &client.with_address(&format!("{network}:ffff:1:2:3")),
            "/api/bookings",
        )
        .await
        .expect_problem(429, "rate_limited");
    })
    .await;
}

/// A platform may write an IPv4 address as IPv6.
#[tokio::test]
async fn ipv4_mapped_address_is_same_client() {
    run_alone(async {
        advance_to_next_minute().await;
        let address = format!("192.0.{}.{}", new_number(256), new_number(256));
        let client = Client::new();
        for _ in 0..5 {
            for written in [address.clone(), format!("::ffff:{address}")] {
                post_empty(&client.with_address(&written), "/api/bookings")
                    .await
                    .expect_problem(422, "invalid_fields");
            }
        }
        post_empty(&client.with_address(&address), "/api/bookings")
            .await
            .expect_problem(429, "rate_limited");
    })
    .await;
}

#[tokio::test]
async fn forged_address_headers_change_nothing() {
    run_alone(async {
        let client = Client::new();
        advance_to_next_minute().await;
        for n in 0..10 {
            let request = client
                .request(Method::POST, "/api/bookings")
                .json(&json!({}));
            let request = request
                .header("forwarded", format!("for=192.0.2.{n}"))
                .header("x-real-ip", format!("192.0.2.{n}"));
            Response::to(request.header("cf-connecting-ip", format!("192.0.2.{n}")))
                .await
                .expect_problem(422, "invalid_fields");
        }
        let request = client
            .request(Method::POST, "/api/bookings")
            .json(&json!({}));
        Response::to(request.header("x-real-ip", "192.0.2.99"))
            .await
            .expect_problem(429, "rate_limited");
    })
    .await;
}

#[tokio::test]
async fn operators_are_limited_too() {
    let _guard = share_system().await;
    let client = Client::new();
    let response = client
        .get_as(
            &variable("ADMIN_TOKEN"),
            "/api/admin/cache-warm?popularCarsLimit=51",
        )
        .await;
    response.expect_invalid_fields(&[("/popularCarsLimit", "out_of_range")]);
    assert_eq!(response.header("x-ratelimit-limit"), "300");
}

/// A counter may lose its expiry, for example by a `PERSIST`. The next request sets it again.
#[tokio::test]
async fn counter_without_expiry_blocks_nobody_forever() {
    run_alone(async {
        let network = format!("2001:db8:{:x}:{:x}", new_number(65_536), new_number(65_536));
        let client = Client::new().with_address(&format!("{network}::1"));
        advance_to_next_minute().await;
        post_empty(&client, "/api/bookings").await;
        let counters = keys(&format!("limit:booking:{network}::/64:*")).await;
        let [counter] = &counters.into_iter().collect::<Vec<_>>()[..] else {
            panic!("one counter");
        };
        assert_eq!(command(&["PERSIST", counter]).await, 1);
        assert_eq!(command(&["TTL", counter]).await, -1);
        post_empty(&client, "/api/bookings").await;
        let left = command(&["TTL", counter]).await.as_i64().unwrap();
        assert!((1..=120).contains(&left), "{left} s");

        // A counter counts in its own window only, even if it never expires.
        command(&["SET", counter, "1000"]).await;
        let response = post_empty(&client, "/api/bookings").await;
        response.expect_problem(429, "rate_limited");
        advance_clock(SignedDuration::from_mins(2)).await;
        post_empty(&client, "/api/bookings")
            .await
            .expect_problem(422, "invalid_fields");
        command(&["DEL", counter]).await;
    })
    .await;
}
