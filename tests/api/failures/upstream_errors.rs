//! Errors, slow and malformed responses of upstreams.
//!
//! Lost responses are in `lost_responses.rs`, stopped servers in `stopped_servers.rs`.

use crate::support::{
    checkout::{self, read_booking, request_authorization, request_hold, request_order},
    client::Client,
    database::Database,
    environment::variable_or,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    paypal::exchanges_about,
    rental::Rental,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn unreachable_paypal_is_retryable_503() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        set_fault(Upstream::PayPal, Fault::refuse()).await;
        let response = request_order(&client, &hold, None).await;
        assert_eq!(
            response.expect_problem(503, "payment_provider_unavailable")["retryable"],
            true
        );
        response.retry_after();
        clear_faults(Upstream::PayPal).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;

        set_fault(Upstream::PayPal, Fault::refuse()).await;
        let response = request_authorization(&client, &order).await;
        response.expect_problem(503, "payment_provider_unavailable");
        response.retry_after();
        assert_eq!(
            read_booking(&client, &hold).await["status"],
            "pending_payment"
        );
        clear_faults(Upstream::PayPal).await;
        request_authorization(&client, &order).await.expect(200);
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
async fn paypal_errors_map_to_our_problems() {
    run_alone(async {
        let client = Client::new();
        let rate_limited = json!({"name": "RATE_LIMIT_REACHED"}).to_string();
        let invalid = json!({
            "name": "INVALID_REQUEST", "debug_id": "d",
            "details": [{"issue": "INVALID_PARAMETER_VALUE"}],
        });
        let denied = json!({"name": "NOT_AUTHORIZED"}).to_string();
        let (unavailable, refused) = ("payment_provider_unavailable", "payment_provider_refused");
        for (status, body, expected, code) in [
            (500, String::new(), 503, unavailable),
            (502, "<html>".to_owned(), 503, unavailable),
            (429, rate_limited, 503, unavailable),
            (400, invalid.to_string(), 502, refused),
            (403, denied, 502, refused),
        ] {
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let fault = Fault::respond(status, body).on_path("/v2/");
            set_fault(Upstream::PayPal, fault).await;
            let response = request_order(&client, &hold, None).await;
            response.expect_problem(expected, code);
            if expected == 503 {
                response.retry_after();
            }
            assert!(
                !response.text.contains("html") && !response.text.contains("debug_id"),
                "{response}"
            );
            clear_faults(Upstream::PayPal).await;
            checkout::create_order(&client, &hold, None).await;
        }
    })
    .await;
}

#[tokio::test]
async fn empty_paypal_success_confirms_nothing() {
    run_alone(async {
        let client = Client::new();
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "{\"id\":\"X\",\"status\":\"COMPLETED\"}",
        ] {
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = checkout::create_approved_order(&client, &hold, None).await;
            set_fault(Upstream::PayPal, Fault::respond(201, body).on_path("/v2/")).await;
            let response = request_authorization(&client, &order).await;
            response.expect_problem(503, "payment_provider_unavailable");
            assert_eq!(
                read_booking(&client, &hold).await["status"],
                "pending_payment",
                "{body:?}"
            );
            clear_faults(Upstream::PayPal).await;
            request_authorization(&client, &order).await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn busy_database_is_503_without_its_text() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let full = json!({
            "code": "53300", "message": "SELECT secret FROM internal",
            "details": "d", "hint": "h",
        });
        for (status, body) in [
            (503, full.to_string()),
            (504, json!({"code": "PGRST003"}).to_string()),
            (502, "<html>".to_owned()),
        ] {
            let fault = Fault::respond(status, body);
            set_fault(Upstream::Database, fault).await;
            let response = request_hold(&client, &rental).await;
            let problem = response.expect_problem(503, "database_unavailable");
            assert_eq!(problem["retryable"], true);
            response.retry_after();
            assert!(
                !response.text.contains("SELECT") && !response.text.contains("html"),
                "{response}"
            );
            clear_faults(Upstream::Database).await;
        }
    })
    .await;
}

#[tokio::test]
async fn deadlock_is_retryable_409() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let deadlock = json!({"code": "40P01", "message": "deadlock detected"}).to_string();
        let fault = Fault::respond(500, deadlock);
        set_fault(Upstream::Database, fault).await;
        let response = request_hold(&client, &rental).await;
        let problem = response.expect_problem(409, "booking_in_progress");
        assert_eq!(problem["retryable"], true);
        response.retry_after();
    })
    .await;
}

#[tokio::test]
async fn unexpected_database_response_is_500_without_its_text() {
    run_alone(async {
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
            set_fault(Upstream::Database, Fault::respond(status, body)).await;
            let response = request_hold(&client, &rental).await;
            response.expect_problem(500, "internal");
            assert!(
                !response.text.contains("SELECT") && !response.text.contains("create_booking"),
                "{response}"
            );
            clear_faults(Upstream::Database).await;
        }
    })
    .await;
}

/// The time that a visitor's request waits for Redis.
fn redis_timeout() -> Duration {
    Duration::from_millis(variable_or("REDIS_TIMEOUT_MS", "150").parse().unwrap())
}

#[tokio::test]
async fn slow_redis_does_not_delay_response() {
    run_alone(async {
        let client = Client::new();
        client.get("/api/cars").await.expect(200);
        set_fault(Upstream::Redis, Fault::delay_millis(5000)).await;
        let start = Instant::now();
        let response = client.get("/api/cars").await;
        let elapsed = start.elapsed();
        response.expect(200);
        assert_eq!(response.header("x-cache"), "BYPASS");
        let limit = redis_timeout() + Duration::from_millis(1850);
        assert!(elapsed < limit, "{elapsed:?}");
    })
    .await;
}

#[tokio::test]
async fn malformed_redis_reply_never_reaches_client() {
    run_alone(async {
        let client = Client::new();
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (200, "[]"),
            (200, "[{\"result\":\"x\"}]"),
            (401, "{\"error\":\"WRONGPASS\"}"),
            (500, "<html>"),
        ] {
            set_fault(Upstream::Redis, Fault::respond(status, body)).await;
            let response = client.with_new_address().get("/api/cars").await;
            assert_eq!(response.expect(200)["success"], true, "{body:?}");
            assert_eq!(response.header("x-cache"), "BYPASS", "{body:?}");
            clear_faults(Upstream::Redis).await;
        }
    })
    .await;
}

#[tokio::test]
async fn redis_errors_leave_bookings_working() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        set_fault(Upstream::Redis, Fault::respond(500, "no")).await;
        assert_eq!(
            request_hold(&client, &rental).await.expect(201)["status"],
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
