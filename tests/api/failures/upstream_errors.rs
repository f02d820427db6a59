//! Upstreams that answer, but not as they should. Lost answers are in `failures/lost_responses.rs`, stopped servers in `failures/stopped_servers.rs`.

use crate::support::{
    checkout::{self, ask_for_hold, ask_for_order, ask_to_authorize, read_back},
    client::Client,
    database::Database,
    isolation::alone,
    local_system::{fault, no_faults},
    paypal::exchanges_about,
    rental::Rental,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn paypal_out_of_reach_is_a_503_that_can_be_repeated() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        fault("paypal", json!({"kind": "refuse"})).await;
        let answer = ask_for_order(&client, &hold, None).await;
        assert_eq!(
            answer.problem(503, "payment_provider_unavailable")["retryable"],
            true
        );
        answer.retry_after();
        no_faults("paypal").await;
        let order = checkout::approved_order(&client, &hold, None).await;

        fault("paypal", json!({"kind": "refuse"})).await;
        let answer = ask_to_authorize(&client, &order).await;
        answer.problem(503, "payment_provider_unavailable");
        answer.retry_after();
        assert_eq!(read_back(&client, &hold).await["status"], "pending_payment");
        no_faults("paypal").await;
        ask_to_authorize(&client, &order).await.expect(200);
        assert_eq!(
            exchanges_about(&database, hold.id)
                .await
                .effects("orders.authorize"),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn what_paypal_says_is_passed_on_by_its_meaning() {
    alone(async {
        let client = Client::new();
        let refused = json!({"name": "INVALID_REQUEST", "debug_id": "d", "details": [{"issue": "INVALID_PARAMETER_VALUE"}]});
        for (status, body, expected, code) in [
            (500, String::new(), 503, "payment_provider_unavailable"),
            (502, "<html>".to_owned(), 503, "payment_provider_unavailable"),
            (429, json!({"name": "RATE_LIMIT_REACHED"}).to_string(), 503, "payment_provider_unavailable"),
            (400, refused.to_string(), 502, "payment_provider_refused"),
            (403, json!({"name": "NOT_AUTHORIZED"}).to_string(), 502, "payment_provider_refused"),
        ] {
            let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
            fault("paypal", json!({"kind": "answer", "status": status, "body": body, "path": "/v2/"})).await;
            let answer = ask_for_order(&client, &hold, None).await;
            answer.problem(expected, code);
            if expected == 503 {
                answer.retry_after();
            }
            assert!(!answer.text.contains("html") && !answer.text.contains("debug_id"), "{answer}");
            no_faults("paypal").await;
            checkout::order(&client, &hold, None).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_success_without_content_from_paypal_confirms_nothing() {
    alone(async {
        let client = Client::new();
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "{\"id\":\"X\",\"status\":\"COMPLETED\"}",
        ] {
            let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = checkout::approved_order(&client, &hold, None).await;
            fault(
                "paypal",
                json!({"kind": "answer", "status": 201, "body": body, "path": "/v2/"}),
            )
            .await;
            let answer = ask_to_authorize(&client, &order).await;
            answer.problem(503, "payment_provider_unavailable");
            assert_eq!(
                read_back(&client, &hold).await["status"],
                "pending_payment",
                "{body:?}"
            );
            no_faults("paypal").await;
            ask_to_authorize(&client, &order).await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_busy_is_a_503_and_nothing_is_told() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let secret = json!({"code": "53300", "message": "SELECT secret FROM internal", "details": "d", "hint": "h"});
        for (status, body) in [(503, secret.to_string()), (504, json!({"code": "PGRST003"}).to_string()), (502, "<html>".to_owned())] {
            fault("database", json!({"kind": "answer", "status": status, "body": body})).await;
            let answer = ask_for_hold(&client, &rental).await;
            assert_eq!(answer.problem(503, "database_unavailable")["retryable"], true);
            answer.retry_after();
            assert!(!answer.text.contains("SELECT") && !answer.text.contains("html"), "{answer}");
            no_faults("database").await;
        }
        let contended = json!({"code": "40P01", "message": "deadlock detected"}).to_string();
        fault("database", json!({"kind": "answer", "status": 500, "body": contended})).await;
        let answer = ask_for_hold(&client, &rental).await;
        assert_eq!(answer.problem(409, "booking_in_progress")["retryable"], true);
        answer.retry_after();
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_the_database_that_nobody_expects_is_a_500_without_a_word_of_it() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let syntax =
            json!({"code": "42601", "message": "syntax error at or near \"SELECT\""}).to_string();
        for (status, body) in [
            (400, syntax),
            (200, "{}".to_owned()),
            (200, "nonsense".to_owned()),
            (401, "{}".to_owned()),
        ] {
            fault(
                "database",
                json!({"kind": "answer", "status": status, "body": body}),
            )
            .await;
            let answer = ask_for_hold(&client, &rental).await;
            answer.problem(500, "internal");
            assert!(
                !answer.text.contains("SELECT") && !answer.text.contains("create_booking"),
                "{answer}"
            );
            no_faults("database").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_redis_is_not_waited_for() {
    alone(async {
        let client = Client::new();
        client.get("/api/cars").await.expect(200);
        fault("redis", json!({"kind": "delay", "delayMs": 5000})).await;
        let begun = Instant::now();
        let answer = client.get("/api/cars").await;
        answer.expect(200);
        assert_eq!(answer.header("x-cache"), "BYPASS");
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
    })
    .await;
}

#[tokio::test]
async fn nonsense_from_redis_does_not_reach_a_client() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (200, "[]"),
            (200, "[{\"result\":\"x\"}]"),
            (401, "{\"error\":\"WRONGPASS\"}"),
            (500, "<html>"),
        ] {
            fault(
                "redis",
                json!({"kind": "answer", "status": status, "body": body}),
            )
            .await;
            let answer = client.stranger().get("/api/cars").await;
            assert_eq!(answer.expect(200)["success"], true, "{body:?}");
            assert_eq!(answer.header("x-cache"), "BYPASS", "{body:?}");
            no_faults("redis").await;
        }
        fault(
            "redis",
            json!({"kind": "answer", "status": 500, "body": "no"}),
        )
        .await;
        assert_eq!(
            ask_for_hold(&client, &rental).await.expect(201)["status"],
            json!("pending_payment")
        );
        let demo = client.get("/api/demo/redis").await.expect(200);
        assert_eq!(
            (&demo["redis"]["connected"], &demo["redis"]["mode"]),
            (&json!(false), &json!("degraded"))
        );
        assert_eq!(demo["redis"]["latency_ms"], Value::Null);
    })
    .await;
}
