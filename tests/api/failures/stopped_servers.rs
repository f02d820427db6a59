//! Redis and Postgres, stopped and started again.

use crate::support::{
    cache::{cache_status, read_until_cached},
    capture_cron,
    checkout::{
        self, request_authorization, request_cancellation, request_hold, request_hold_with_key,
        request_order,
    },
    client::{Client, Response},
    environment::{new_number, new_uuid, variable},
    faults::{Fault, Upstream, set_fault},
    isolation::run_alone,
    local_system::{
        Process, advance_clock, advance_to_next_minute, eventually, start_process, stop_process,
    },
    operator,
    paypal_dashboard::read_paypal_order,
    rental::Rental,
};
use futures_util::{FutureExt, future::join_all};
use jiff::SignedDuration;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn stopped_redis_leaves_all_routes_working() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 3).await;
        stop_process(Process::Redis).await;
        for path in ["/api/cars", "/api/cars/123", &rental.availability_path()] {
            let response = client.get(path).await;
            response.expect(200);
            assert_eq!(response.header("x-cache"), "BYPASS", "{path}");
        }
        let hold = checkout::create_hold(&client, &rental).await;
        request_hold(&client, &rental)
            .await
            .expect_problem(409, "dates_unavailable");
        assert_eq!(
            client.get(&rental.availability_path()).await.expect(200)["bookable"],
            false
        );
        let order = checkout::create_approved_order(&client, &hold, None).await;
        request_authorization(&client, &order).await.expect(200);

        let redis = client.get("/api/demo/redis").await.expect(200)["redis"].clone();
        assert_eq!(
            (&redis["connected"], &redis["mode"]),
            (&json!(false), &json!("degraded"))
        );
        let health = client.get("/api/health").await.expect(200);
        assert_eq!(
            (&health["status"], &health["checks"]["redis"]),
            (&json!("degraded"), &json!("down"))
        );
        assert_eq!(health["checks"]["database"], "up");
    })
    .await;
}

#[tokio::test]
async fn stopped_redis_leaves_limits_in_force() {
    run_alone(async {
        let client = Client::new();
        advance_to_next_minute().await;
        stop_process(Process::Redis).await;
        let mut responses = Vec::new();
        for _ in 0..11 {
            responses.push(client.post("/api/bookings", &json!({})).await);
        }
        for response in &responses[..10] {
            response.expect_problem(422, "invalid_fields");
        }
        responses[10].expect_problem(429, "rate_limited");
        responses[10].retry_after();
        client
            .with_new_address()
            .post("/api/bookings", &json!({}))
            .await
            .expect_problem(422, "invalid_fields");
    })
    .await;
}

#[tokio::test]
async fn restarted_redis_is_used_again() {
    run_alone(async {
        let client = Client::new();
        stop_process(Process::Redis).await;
        assert_eq!(client.get("/api/cars").await.header("x-cache"), "BYPASS");
        start_process(Process::Redis).await;
        eventually("the cache is used again", 30, || async {
            (cache_status("/api/cars").await == "HIT").then_some(())
        })
        .await;
        let redis = client
            .with_new_address()
            .get("/api/demo/redis")
            .await
            .expect(200)["redis"]
            .clone();
        assert_eq!(
            (&redis["connected"], &redis["mode"]),
            (&json!(true), &json!("normal"))
        );
    })
    .await;
}

#[tokio::test]
async fn stopped_database_is_503_within_ten_seconds() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let hold = checkout::create_hold(&client, &rental.part(0, 2)).await;
        let order = checkout::create_order(&client, &hold, None).await;
        stop_process(Process::Postgres).await;

        let start = Instant::now();
        let (uncached_list, unknown_car) = (
            format!("/api/cars?search={}", new_uuid()),
            format!("/api/cars/{}", new_uuid()),
        );
        let (uncached_days, booking) = (
            rental.part(-20, 1).availability_path(),
            format!("/api/bookings/{}", hold.id),
        );
        let secret = variable("CRON_SECRET");
        let responses: [Response; 9] = join_all([
            client.get(&uncached_list).boxed(),
            client.get(&unknown_car).boxed(),
            client.get(&uncached_days).boxed(),
            request_hold(&client, &rental).boxed(),
            request_order(&client, &hold, None).boxed(),
            request_authorization(&client, &order).boxed(),
            client.get_as(&hold.token, &booking).boxed(),
            client.get(capture_cron::CAPTURES_PATH).boxed(),
            client.get_as(&secret, capture_cron::CAPTURES_PATH).boxed(),
        ])
        .await
        .try_into()
        .unwrap();
        let elapsed = start.elapsed();
        for response in &responses {
            assert_eq!(
                response.expect_problem(503, "database_unavailable")["retryable"],
                true,
                "{response}"
            );
            response.retry_after();
        }
        let health = client.get("/api/health").await.expect(503);
        assert_eq!(
            (&health["status"], &health["checks"]["database"]),
            (&json!("down"), &json!("down"))
        );
        assert!(
            elapsed < Duration::from_secs(10),
            "nine responses took {elapsed:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn stopped_database_moves_no_money() {
    run_alone(async {
        let (client, secret) = (Client::new(), variable("CRON_SECRET"));
        let paid = checkout::create_paid_booking(&client, None).await;
        stop_process(Process::Postgres).await;
        let body = json!({});
        let responses: [Response; 9] = join_all([
            request_cancellation(&client, &paid.hold.token, paid.hold.id).boxed(),
            operator::post_action(&client, paid.hold.id, "capture", &body).boxed(),
            operator::post_action(&client, paid.hold.id, "void", &body).boxed(),
            operator::post_action(&client, paid.hold.id, "refund", &body).boxed(),
            operator::post_action(&client, paid.hold.id, "reauthorize", &body).boxed(),
            client.get_as(&secret, "/api/webhooks/retry").boxed(),
            client
                .get_as(&secret, "/api/admin/payments/reconcile")
                .boxed(),
            client
                .get_as(&variable("ADMIN_TOKEN"), "/api/admin/payments/drift")
                .boxed(),
            client
                .get_as(&variable("ADMIN_TOKEN"), "/api/admin/bookings")
                .boxed(),
        ])
        .await
        .try_into()
        .unwrap();
        for response in &responses {
            response.expect_problem(503, "database_unavailable");
            response.retry_after();
        }
        let paypal_order = read_paypal_order(&paid.order.id).await;
        assert_eq!(paypal_order.authorizations(), ["CREATED"]);
    })
    .await;
}

#[tokio::test]
async fn restarted_database_accepts_bookings() {
    run_alone(async {
        let client = Client::new();
        let (rental, key) = (Rental::far_ahead(&client, 2).await, new_uuid().to_string());
        stop_process(Process::Postgres).await;
        request_hold_with_key(&client, &key, &rental.body())
            .await
            .expect_problem(503, "database_unavailable");
        start_process(Process::Postgres).await;
        let response = eventually("the database is back", 30, || async {
            let response = request_hold_with_key(&client, &key, &rental.body()).await;
            (response.status != 503).then_some(response)
        })
        .await;
        response.expect(201);
    })
    .await;
}

#[tokio::test]
async fn stopped_database_serves_stale_list() {
    run_alone(async {
        let client = Client::new();
        let path = format!(
            "/api/cars?limit=50&search=e&maxPrice={}",
            9_000_000 + new_number(900_000)
        );
        let fresh = client.get(&path).await.expect(200);
        read_until_cached(&path).await;
        stop_process(Process::Postgres).await;
        advance_clock(SignedDuration::from_mins(5)).await;
        let response = client.with_new_address().get(&path).await;
        assert_eq!(response.expect(200), fresh);
        assert_eq!(response.header("x-cache"), "STALE");
    })
    .await;
}

/// The delay is longer than any route waits for the database.
#[tokio::test]
async fn slow_database_is_503_cached_list_served() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        read_until_cached("/api/cars").await;
        set_fault(Upstream::Database, Fault::delay_millis(30_000)).await;
        let list = client.with_new_address().get("/api/cars").await;
        list.expect(200);
        assert_eq!(list.header("x-cache"), "HIT");
        let (uncached_list, booking) = (
            format!("/api/cars?search={}", new_uuid()),
            format!("/api/bookings/{}", hold.id),
        );
        let start = Instant::now();
        let responses = join_all([
            client.get(&uncached_list).boxed(),
            request_hold(&client, &rental).boxed(),
            client.get_as(&hold.token, &booking).boxed(),
        ])
        .await;
        for response in &responses {
            response.expect_problem(503, "database_unavailable");
            response.retry_after();
        }
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(25), "{elapsed:?}");
    })
    .await;
}
