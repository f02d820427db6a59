//! How often a client may ask.

use crate::support::{
    client::{Answer, Client},
    environment::{chance, variable},
    isolation::{alone, together},
    local_system::{begin_a_minute, eventually, pass},
    redis::{command, keys},
    routes::ROUTES,
};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

/// Asks for nothing in particular: the limit is looked at before the body.
async fn knock(client: &Client, path: &str) -> Answer {
    client.post(path, &json!({})).await
}

#[tokio::test]
async fn the_eleventh_booking_in_a_minute_is_refused_and_told_when_to_come_back() {
    let _turn = together().await;
    let client = Client::new();
    for left in (0..10).rev() {
        let answer = knock(&client, "/api/bookings").await;
        answer.problem(422, "invalid_fields");
        assert_eq!(answer.header("x-ratelimit-limit"), "10");
        assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
        assert_eq!(answer.header("ratelimit-policy"), "\"booking\";q=10;w=60");
    }
    let answer = knock(&client, "/api/bookings").await;
    assert_eq!(answer.problem(429, "rate_limited")["retryable"], true);
    let wait = answer.retry_after();
    assert!(wait <= 120, "{wait}");
    assert_eq!(answer.header("x-ratelimit-remaining"), "0");
    assert!(
        answer.header("ratelimit").starts_with("\"booking\";r=0;t="),
        "{}",
        answer.header("ratelimit")
    );
    knock(&client.stranger(), "/api/bookings")
        .await
        .problem(422, "invalid_fields");
}

#[tokio::test]
async fn a_refused_booking_is_not_made() {
    let _turn = together().await;
    let client = Client::new();
    for _ in 0..10 {
        knock(&client, "/api/bookings").await;
    }
    let rental = crate::support::rental::Rental::far_ahead(&client.stranger(), 2).await;
    client
        .post("/api/bookings", &rental.body())
        .await
        .problem(429, "rate_limited");
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
    let _turn = together().await;
    let client = Client::new();
    for (path, methods) in ROUTES {
        for method in methods.split(", ") {
            let request = client.stranger().request(method.parse().unwrap(), path);
            let answer = Answer::of(request).await;
            let tier = tier(method, path);
            let limit: u64 = match tier {
                "booking" | "payment" => 10,
                "webhook" => 100,
                "admin" => 300,
                _ => 60,
            };
            assert_eq!(
                answer.header("ratelimit-policy"),
                format!("\"{tier}\";q={limit};w=60"),
                "{method} {path}"
            );
            assert_eq!(answer.header("x-ratelimit-limit"), limit.to_string());
            let reset: u64 = answer.header("x-ratelimit-reset").parse().unwrap();
            assert!((1..=60).contains(&reset), "{path}: {reset}");
            let left: u64 = answer.header("x-ratelimit-remaining").parse().unwrap();
            assert_eq!(left + 1, limit, "{path}");
            assert_eq!(
                answer.header("ratelimit"),
                format!("\"{tier}\";r={left};t={reset}"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn the_list_is_limited_to_sixty_a_minute() {
    let _turn = together().await;
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
    let _turn = together().await;
    let client = Client::new();
    for _ in 0..5 {
        knock(&client, "/api/bookings/create-paypal-order")
            .await
            .problem(422, "invalid_fields");
        knock(&client, "/api/bookings/authorize-paypal-order")
            .await
            .problem(422, "invalid_fields");
    }
    knock(&client, "/api/bookings/create-paypal-order")
        .await
        .problem(429, "rate_limited");
    knock(&client, "/api/bookings/authorize-paypal-order")
        .await
        .problem(429, "rate_limited");
    // Other tiers count for themselves.
    knock(&client, "/api/bookings")
        .await
        .problem(422, "invalid_fields");
    client.get("/api/cars").await.expect(200);
}

/// A client that keeps knocking while it is refused is let in at the time it was told.
#[tokio::test]
async fn refused_requests_do_not_count() {
    alone(async {
        let client = Client::new();
        for _ in 0..10 {
            knock(&client, "/api/bookings")
                .await
                .problem(422, "invalid_fields");
        }
        let mut wait = 0;
        for _ in 0..30 {
            let answer = knock(&client, "/api/bookings").await;
            answer.problem(429, "rate_limited");
            wait = answer.retry_after();
        }
        pass(SignedDuration::from_secs(i64::try_from(wait).unwrap())).await;
        // What the last refusal took is given back after its answer.
        eventually("the client is let in", 2, || async {
            let answer = knock(&client, "/api/bookings").await;
            (answer.status == 422).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_minute_later_the_limit_slides_on() {
    alone(async {
        let client = Client::new();
        for _ in 0..10 {
            knock(&client, "/api/bookings")
                .await
                .problem(422, "invalid_fields");
        }
        knock(&client, "/api/bookings")
            .await
            .problem(429, "rate_limited");
        pass(SignedDuration::from_mins(2)).await;
        for _ in 0..10 {
            knock(&client, "/api/bookings")
                .await
                .problem(422, "invalid_fields");
        }
        knock(&client, "/api/bookings")
            .await
            .problem(429, "rate_limited");
    })
    .await;
}

/// One customer has 2^64 addresses.
#[tokio::test]
async fn an_ipv6_network_is_one_client() {
    let _turn = together().await;
    let network = format!("2001:db8:{:x}:{:x}", chance(65_536), chance(65_536));
    let client = Client::new();
    for n in 0..10 {
        knock(&client.at(&format!("{network}::{n:x}")), "/api/bookings")
            .await
            .problem(422, "invalid_fields");
    }
    knock(
        &client.at(&format!("{network}:ffff:1:2:3")),
        "/api/bookings",
    )
    .await
    .problem(429, "rate_limited");
}

/// The same client, whichever way the platform writes its address.
#[tokio::test]
async fn an_ipv4_address_written_as_ipv6_is_the_same_client() {
    let _turn = together().await;
    let address = format!("192.0.{}.{}", chance(256), chance(256));
    let client = Client::new();
    for _ in 0..5 {
        for written in [address.clone(), format!("::ffff:{address}")] {
            knock(&client.at(&written), "/api/bookings")
                .await
                .problem(422, "invalid_fields");
        }
    }
    knock(&client.at(&address), "/api/bookings")
        .await
        .problem(429, "rate_limited");
}

#[tokio::test]
async fn what_a_client_adds_to_its_address_changes_nothing() {
    let _turn = together().await;
    let client = Client::new();
    for n in 0..10 {
        let request = client
            .request(Method::POST, "/api/bookings")
            .json(&json!({}));
        let request = request
            .header("forwarded", format!("for=192.0.2.{n}"))
            .header("x-real-ip", format!("192.0.2.{n}"));
        Answer::of(request.header("cf-connecting-ip", format!("192.0.2.{n}")))
            .await
            .problem(422, "invalid_fields");
    }
    let request = client
        .request(Method::POST, "/api/bookings")
        .json(&json!({}));
    Answer::of(request.header("x-real-ip", "192.0.2.99"))
        .await
        .problem(429, "rate_limited");
}

#[tokio::test]
async fn an_operator_is_limited_too() {
    let _turn = together().await;
    let client = Client::new();
    let answer = client
        .get_as(
            &variable("ADMIN_TOKEN"),
            "/api/admin/cache-warm?popularCarsLimit=51",
        )
        .await;
    answer.refuses(&[("/popularCarsLimit", "out_of_range")]);
    assert_eq!(answer.header("x-ratelimit-limit"), "300");
}

/// A pipeline is not atomic: it may end between counting and saying for how long.
#[tokio::test]
async fn a_counter_whose_end_was_lost_gets_one_and_blocks_nobody_for_ever() {
    alone(async {
        let network = format!("2001:db8:{:x}:{:x}", chance(65_536), chance(65_536));
        let client = Client::new().at(&format!("{network}::1"));
        // The test stays within one window.
        begin_a_minute().await;
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
        let answer = knock(&client, "/api/bookings").await;
        answer.problem(429, "rate_limited");
        pass(SignedDuration::from_mins(2)).await;
        knock(&client, "/api/bookings")
            .await
            .problem(422, "invalid_fields");
        command(&["DEL", counter]).await;
    })
    .await;
}
