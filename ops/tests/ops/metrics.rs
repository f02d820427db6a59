//! `exo metrics`.

use crate::{
    deployment::{Deployment, response, variable},
    exo,
};
use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use serde_json::{Value, json};

const ADMIN: (&str, &str) = ("ADMIN_TOKEN", "token");

fn traffic(requests: u64, rate: &Value, latency: &Value) -> Value {
    json!({"requests": requests, "errorRate": rate, "hitRate": rate, "statuses": {"200": requests},
           "codes": {}, "latencyMs": {"p50": latency, "p95": latency, "p99": latency}})
}

fn metrics(is_available: bool) -> Value {
    let mut cars = traffic(12, &json!(0.0), &json!(3));
    cars["codes"] = json!({"internal": 1, "rate_limited": 2});
    cars["advice"] = json!("Nothing to do.");
    let mut others = traffic(0, &json!(null), &json!(null));
    others["advice"] = json!(null);
    json!({
        "success": true, "minutes": 10, "available": is_available,
        "total": traffic(12, &json!(8.3), &json!(null)),
        "routes": {"/api/cars": cars, "-": others},
    })
}

fn redis(is_available: bool) -> Value {
    let mode = if is_available { "normal" } else { "degraded" };
    json!({"connected": is_available, "latency_ms": is_available.then_some(2), "mode": mode,
           "endpoint": "…"})
}

fn deployment(is_available: bool) -> impl Fn(&str) -> Response<Body> {
    move |target| match target.split('?').next().unwrap() {
        "GET /api/admin/metrics" => response(StatusCode::OK, metrics(is_available)),
        "GET /api/demo/redis" => response(StatusCode::OK, json!({"redis": redis(is_available)})),
        _ => response(StatusCode::NOT_FOUND, json!({"code": "not_found"})),
    }
}

#[tokio::test]
async fn report_is_three_tables() {
    let deployment = Deployment::start(deployment(true)).await;
    let run = deployment
        .exo(&["metrics", "--minutes", "10"], &[ADMIN])
        .await;
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(
        run.out,
        "minutes: 10\n\
         redis: normal, 2 ms\n\
         \n\
         ROUTE      REQUESTS  ERROR %  HIT %  P50 MS  P95 MS  P99 MS\n\
         -          0         -        -      -       -       -\n\
         /api/cars  12        0.0      0.0    3       3       3\n\
         total      12        8.3      8.3    >5000   >5000   >5000\n\
         \n\
         ROUTE      PROBLEM       NUMBER\n\
         /api/cars  internal      1\n\
         /api/cars  rate_limited  2\n\
         \n\
         ROUTE      HIT %  ADVICE\n\
         /api/cars  0.0    Nothing to do.\n"
    );
    assert_eq!(
        deployment.requests(),
        [
            "GET /api/admin/metrics?minutes=10 Bearer token",
            "GET /api/demo/redis Bearer token"
        ]
    );
}

#[tokio::test]
async fn missing_figures_exit_with_1() {
    let deployment = Deployment::start(deployment(false)).await;
    let run = deployment.exo(&["metrics"], &[ADMIN]).await;
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    assert!(
        run.out
            .starts_with("minutes: 60\nredis: degraded\nno figures: "),
        "{run:?}"
    );
}

#[tokio::test]
async fn json_holds_both_responses() {
    for (is_available, code) in [(true, 0), (false, 1)] {
        let deployment = Deployment::start(deployment(is_available)).await;
        let run = deployment.exo(&["--json", "metrics"], &[ADMIN]).await;
        assert_eq!((run.code, run.err.as_str()), (code, ""));
        let document = json!({"metrics": metrics(is_available), "redis": redis(is_available)});
        assert_eq!(run.out, format!("{document}\n"));
    }
}

#[tokio::test]
async fn product_response_is_understood() {
    let (url, admin) = (variable("BASE_URL"), variable("ADMIN_TOKEN"));
    let variables = [("EXODRIVE_URL", url.as_str()), ("ADMIN_TOKEN", &admin)];
    let run = exo::run(&["metrics", "--minutes", "1440"], &variables).await;
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
    assert!(
        run.out.starts_with("minutes: 1440\nredis: normal, "),
        "{run:?}"
    );
    assert!(run.out.contains("\ntotal "), "{run:?}");
}
