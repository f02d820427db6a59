//! How often a client may ask.

use crate::support::{
    client::{Client, Response},
    environment::{new_number, variable},
    isolation::{run_alone, share_system},
    local_system::{advance_clock, advance_to_next_minute, eventually},
    redis::{command, keys},
    routes::ROUTES,
};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

/// Asks for nothing in particular: the limit is looked at before the body.
async fn knock(client: &Client, path: &str) -> Response {
    client.post(path, &json!({})).await
}

#[tokio::test]
async fn the_eleventh_booking_in_a_minute_is_refused_and_told_when_to_come_back() {
    let _turn = share_system().await;
    let client = Client::new();
    for left in (0..10).rev() {
        let response = knock(&client, "/api/bookings").await;
        response.expect_problem(422, "invalid_fields");
        assert_eq!(response.header("x-ratelimit-limit"), "10");
        assert_eq!(response.header("x-ratelimit-remaining"), left.to_string());
        assert_eq!(response.header("ratelimit-policy"), "\"booking\";q=10;w=60");
    }
    let response = knock(&client, "/api/bookings").await;
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
    knock(&client.with_new_address(), "/api/bookings")
        .await
        .expect_problem(422, "invalid_fields");
}

#[tokio::test]
async fn a_refused_booking_is_not_made() {
    let _turn = share_system().await;
    let client = Client::new();
    for _ in 0..10 {
        knock(&client, "/api/bookings").await;
    }
    let rental = crate::support::rental::Rental::far_ahead(&client.with_new_address(), 2).await;
    client
        .post("/api/bookings", &rental.body())
        .await
        .expect_problem(429, "rate_limited");
    assert_eq!(
        crate::support::database::Database::open()
            .await
            .live_bookings(&rental)
            .await,
        0
    );
}

/// The tier of a route.
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
    let _turn = share_system().await;
    let client = Client::new();
    for (path, methods) in ROUTES {
        for method in methods.split(", ") {
            let request = client
                .with_new_address()
                .request(method.parse().unwrap(), path);
            let response = Response::to(request).await;
            let tier = tier(method, path);
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
async fn the_list_is_limited_to_sixty_a_minute() {
    let _turn = share_system().await;
    let client = Client::new();
    let mut statuses = Vec::new();
    for _ in 0..61 {
        statuses.push(client.get("/api/cars").await.status);
    }
    assert_eq!(statuses[..60], [200; 60]);
    assert_eq!(statuses[60], 429);
}

#[tokio::test]
async fn making_and_authorizing_orders_share_one_limit() {
    let _turn = share_system().await;
    let client = Client::new();
    for _ in 0..5 {
        knock(&client, "/api/bookings/create-paypal-order")
            .await
            .expect_problem(422, "invalid_fields");
        knock(&client, "/api/bookings/authorize-paypal-order")
            .await
            .expect_problem(422, "invalid_fields");
    }
    knock(&client, "/api/bookings/create-paypal-order")
        .await
        .expect_problem(429, "rate_limited");
    knock(&client, "/api/bookings/authorize-paypal-order")
        .await
        .expect_problem(429, "rate_limited");
    // Other tiers count for themselves.
    knock(&client, "/api/bookings")
        .await
        .expect_problem(422, "invalid_fields");
    client.get("/api/cars").await.expect(200);
}

/// A client that keeps knocking while it is refused is let in at the time it was told.
#[tokio::test]
async fn refused_requests_do_not_count() {
    run_alone(async {
        let client = Client::new();
        for _ in 0..10 {
            knock(&client, "/api/bookings")
                .await
                .expect_problem(422, "invalid_fields");
        }
        let mut wait = 0;
        for _ in 0..30 {
            let response = knock(&client, "/api/bookings").await;
            response.expect_problem(429, "rate_limited");
            wait = response.retry_after();
        }
        advance_clock(SignedDuration::from_secs(i64::try_from(wait).unwrap())).await;
        // What the last refusal took is given back after its answer.
        eventually("the client is let in", 2, || async {
            let response = knock(&client, "/api/bookings").await;
            (response.status == 422).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_minute_later_the_limit_slides_on() {
    run_alone(async {
        let client = Client::new();
        for _ in 0..10 {
            knock(&client, "/api/bookings")
                .await
                .expect_problem(422, "invalid_fields");
        }
        knock(&client, "/api/bookings")
            .await
            .expect_problem(429, "rate_limited");
        advance_clock(SignedDuration::from_mins(2)).await;
        for _ in 0..10 {
            knock(&client, "/api/bookings")
                .await
                .expect_problem(422, "invalid_fields");
        }
        knock(&client, "/api/bookings")
            .await
            .expect_problem(429, "rate_limited");
    })
    .await;
}

/// One customer has 2^64 addresses.
#[tokio::test]
async fn an_ipv6_network_is_one_client() {
    let _turn = share_system().await;
    let network = format!("2001:db8:{:x}:{:x}", new_number(65_536), new_number(65_536));
    let client = Client::new();
    for n in 0..10 {
        knock(
            &client.with_address(&format!("{network}::{n:x}")),
            "/api/bookings",
        )
        .await
        .expect_problem(422, "invalid_fields");
    }
    knock(
        &client.with_address(&format!("{network}:ffff:1:2:3")),
        "/api/bookings",
    )
    .await
    .expect_problem(429, "rate_limited");
}

/// The same client, whichever way the platform writes its address.
#[tokio::test]
async fn an_ipv4_address_written_as_ipv6_is_the_same_client() {
    let _turn = share_system().await;
    let address = format!("192.0.{}.{}", new_number(256), new_number(256));
    let client = Client::new();
    for _ in 0..5 {
        for written in [address.clone(), format!("::ffff:{address}")] {
            knock(&client.with_address(&written), "/api/bookings")
                .await
                .expect_problem(422, "invalid_fields");
        }
    }
    knock(&client.with_address(&address), "/api/bookings")
        .await
        .expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn what_a_client_adds_to_its_address_changes_nothing() {
    let _turn = share_system().await;
    let client = Client::new();
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
}

#[tokio::test]
async fn an_operator_is_limited_too() {
    let _turn = share_system().await;
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

/// A pipeline is not atomic: it may end between counting and saying for how long.
#[tokio::test]
async fn a_counter_whose_end_was_lost_gets_one_and_blocks_nobody_for_ever() {
    run_alone(async {
        let network = format!("2001:db8:{:x}:{:x}", new_number(65_536), new_number(65_536));
        let client = Client::new().with_address(&format!("{network}::1"));
        // The test stays within one window.
        advance_to_next_minute().await;
        knock(&client, "/api/bookings").await;
        let counters = keys(&format!("limit:booking:{network}::/64:*")).await;
        let [counter] = &counters.into_iter().collect::<Vec<_>>()[..] else {
            panic!("one counter");
        };
        assert_eq!(command(&["PERSIST", counter]).await, 1);
        assert_eq!(command(&["TTL", counter]).await, -1);
        knock(&client, "/api/bookings").await;
        let left = command(&["TTL", counter]).await.as_i64().unwrap();
        assert!((1..=120).contains(&left), "{left} s");

        // Nor does it matter when it never gets one: it counts for its window.
        command(&["SET", counter, "1000"]).await;
        let response = knock(&client, "/api/bookings").await;
        response.expect_problem(429, "rate_limited");
        advance_clock(SignedDuration::from_mins(2)).await;
        knock(&client, "/api/bookings")
            .await
            .expect_problem(422, "invalid_fields");
        command(&["DEL", counter]).await;
    })
    .await;
}
