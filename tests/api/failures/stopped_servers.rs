//! Servers that are stopped, and start again.

use crate::support::{
    capture_cron,
    checkout::{
        self, ask_for_hold, ask_for_order, ask_to_authorize, ask_to_cancel, hold_under_key,
    },
    client::{Answer, Client},
    environment::{new_uuid, variable},
    isolation::alone,
    local_system::{eventually, fault, pass, start, stop},
    operator,
    paypal_dashboard::books_of,
    rental::Rental,
};
use futures_util::{FutureExt, future::join_all};
use jiff::SignedDuration;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn without_redis_everything_is_answered_and_bookings_stay_exclusive() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 3).await;
        stop("redis").await;
        for path in ["/api/cars", "/api/cars/123", &rental.availability()] {
            let answer = client.get(path).await;
            answer.expect(200);
            assert_eq!(answer.header("x-cache"), "BYPASS", "{path}");
        }
        let hold = checkout::hold(&client, &rental).await;
        ask_for_hold(&client, &rental)
            .await
            .problem(409, "dates_unavailable");
        assert_eq!(
            client.get(&rental.availability()).await.expect(200)["bookable"],
            false
        );
        let order = checkout::approved_order(&client, &hold, None).await;
        ask_to_authorize(&client, &order).await.expect(200);

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
async fn without_redis_limits_still_hold() {
    alone(async {
        let client = Client::new();
        stop("redis").await;
        let mut answers = Vec::new();
        for _ in 0..11 {
            answers.push(client.post("/api/bookings", &json!({})).await);
        }
        for answer in &answers[..10] {
            answer.problem(422, "invalid_fields");
        }
        answers[10].problem(429, "rate_limited");
        answers[10].retry_after();
        client
            .stranger()
            .post("/api/bookings", &json!({}))
            .await
            .problem(422, "invalid_fields");
    })
    .await;
}

#[tokio::test]
async fn when_redis_is_back_it_is_used_again() {
    alone(async {
        let client = Client::new();
        stop("redis").await;
        assert_eq!(client.get("/api/cars").await.header("x-cache"), "BYPASS");
        start("redis").await;
        eventually("the cache is used again", 30, || async {
            (client.stranger().get("/api/cars").await.header("x-cache") == "HIT").then_some(())
        })
        .await;
        let redis = client.stranger().get("/api/demo/redis").await.expect(200)["redis"].clone();
        assert_eq!(
            (&redis["connected"], &redis["mode"]),
            (&json!(true), &json!("normal"))
        );
    })
    .await;
}

#[tokio::test]
async fn without_a_database_the_answer_is_a_503_within_ten_seconds() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let hold = checkout::hold(&client, &rental.part(0, 2)).await;
        let order = checkout::order(&client, &hold, None).await;
        stop("postgres").await;

        let begun = Instant::now();
        let (nowhere, nobody) = (
            format!("/api/cars?search={}", new_uuid()),
            format!("/api/cars/{}", new_uuid()),
        );
        let (unseen, booking) = (
            rental.part(-20, 1).availability(),
            format!("/api/bookings/{}", hold.id),
        );
        let secret = variable("CRON_SECRET");
        let answers: [Answer; 9] = join_all([
            client.get(&nowhere).boxed(),
            client.get(&nobody).boxed(),
            client.get(&unseen).boxed(),
            ask_for_hold(&client, &rental).boxed(),
            ask_for_order(&client, &hold, None).boxed(),
            ask_to_authorize(&client, &order).boxed(),
            client.get_as(&hold.token, &booking).boxed(),
            client.get(capture_cron::CAPTURES).boxed(),
            client.get_as(&secret, capture_cron::CAPTURES).boxed(),
        ])
        .await
        .try_into()
        .unwrap();
        let taken = begun.elapsed();
        for answer in &answers {
            assert_eq!(
                answer.problem(503, "database_unavailable")["retryable"],
                true,
                "{answer}"
            );
            answer.retry_after();
        }
        let health = client.get("/api/health").await.expect(503);
        assert_eq!(
            (&health["status"], &health["checks"]["database"]),
            (&json!("down"), &json!("down"))
        );
        assert!(taken < Duration::from_secs(10), "nine answers in {taken:?}");
    })
    .await;
}

#[tokio::test]
async fn without_a_database_no_money_is_moved() {
    alone(async {
        let (client, secret) = (Client::new(), variable("CRON_SECRET"));
        let paid = checkout::paid(&client, None).await;
        stop("postgres").await;
        let none = json!({});
        let answers: [Answer; 9] = join_all([
            ask_to_cancel(&client, &paid.hold.token, paid.hold.id).boxed(),
            operator::ask(&client, paid.hold.id, "capture", &none).boxed(),
            operator::ask(&client, paid.hold.id, "void", &none).boxed(),
            operator::ask(&client, paid.hold.id, "refund", &none).boxed(),
            operator::ask(&client, paid.hold.id, "reauthorize", &none).boxed(),
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
        for answer in &answers {
            answer.problem(503, "database_unavailable");
            answer.retry_after();
        }
        let books = books_of(&paid.order.id).await;
        assert_eq!(books.authorizations(), ["CREATED"]);
    })
    .await;
}

#[tokio::test]
async fn when_the_database_is_back_bookings_are_made_again() {
    alone(async {
        let client = Client::new();
        let (rental, key) = (Rental::far_ahead(&client, 2).await, new_uuid().to_string());
        stop("postgres").await;
        hold_under_key(&client, &key, &rental.body())
            .await
            .problem(503, "database_unavailable");
        start("postgres").await;
        let answer = eventually("a booking is made", 30, || async {
            let answer = hold_under_key(&client, &key, &rental.body()).await;
            (answer.status != 503).then_some(answer)
        })
        .await;
        answer.expect(201);
    })
    .await;
}

#[tokio::test]
async fn without_a_database_an_old_list_is_better_than_none() {
    alone(async {
        let client = Client::new();
        let path = format!(
            "/api/cars?limit=50&search=e&maxPrice={}",
            9_000_000 + crate::support::environment::chance(900_000)
        );
        let fresh = client.get(&path).await.expect(200);
        eventually("the list is cached", 5, || async {
            (client.stranger().get(&path).await.header("x-cache") == "HIT").then_some(())
        })
        .await;
        stop("postgres").await;
        pass(SignedDuration::from_mins(5)).await;
        let answer = client.stranger().get(&path).await;
        assert_eq!(answer.expect(200), fresh);
        assert_eq!(answer.header("x-cache"), "STALE");
    })
    .await;
}

/// Longer than any route waits for it.
#[tokio::test]
async fn a_database_that_is_slow_is_a_503_and_what_is_cached_is_not_slow() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        eventually("the list is cached", 5, || async {
            (client.stranger().get("/api/cars").await.header("x-cache") == "HIT").then_some(())
        })
        .await;
        fault("database", json!({"kind": "delay", "delayMs": 30_000})).await;
        let list = client.stranger().get("/api/cars").await;
        list.expect(200);
        assert_eq!(list.header("x-cache"), "HIT");
        let (nowhere, booking) = (
            format!("/api/cars?search={}", new_uuid()),
            format!("/api/bookings/{}", hold.id),
        );
        let begun = Instant::now();
        let answers = join_all([
            client.get(&nowhere).boxed(),
            ask_for_hold(&client, &rental).boxed(),
            client.get_as(&hold.token, &booking).boxed(),
        ])
        .await;
        for answer in &answers {
            answer.problem(503, "database_unavailable");
            answer.retry_after();
        }
        assert!(
            begun.elapsed() < Duration::from_secs(25),
            "{:?}",
            begun.elapsed()
        );
    })
    .await;
}
