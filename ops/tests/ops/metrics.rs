//! `exo metrics`.

use crate::{
    deployment::{Deployment, answer, given},
    exo,
};
use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use serde_json::{Value, json};

const ADMIN: (&str, &str) = ("ADMIN_TOKEN", "token");

fn traffic(requests: u64, rate: &Value, p99: &Value) -> Value {
    json!({"requests": requests, "errorRate": rate, "hitRate": rate, "statuses": {"200": requests}, "codes": {},
           "latencyMs": {"p50": p99, "p95": p99, "p99": p99}})
}

fn deployment(available: bool) -> impl Fn(&str) -> Response<Body> {
    let mut cars = traffic(12, &json!(0.0), &json!(3));
    cars["codes"] = json!({"internal": 1, "rate_limited": 2});
    cars["advice"] = json!("Nothing to do.");
    let mut others = traffic(0, &json!(null), &json!(null));
    others["advice"] = json!(null);
    move |what| {
        let body = match what.split('?').next().unwrap() {
            "GET /api/admin/metrics" => json!({
                "success": true, "minutes": 10, "available": available, "total": traffic(12, &json!(8.3), &json!(null)),
                "routes": {"/api/cars": cars, "-": others},
            }),
            "GET /api/demo/redis" => json!({"redis": {
                "connected": available, "latency_ms": available.then_some(2), "mode": if available { "normal" } else { "degraded" }, "endpoint": "…",
            }}),
            _ => return answer(StatusCode::NOT_FOUND, json!({"code": "not_found"})),
        };
        answer(StatusCode::OK, body)
    }
}

#[tokio::test]
async fn a_report_is_a_few_tables() {
    let deployment = Deployment::answering(deployment(true)).await;
    let ended = deployment
        .exo(&["metrics", "--minutes", "10"], &[ADMIN])
        .await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(
        ended.out,
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
         ROUTE      HIT %  WHAT TO DO\n\
         /api/cars  0.0    Nothing to do.\n"
    );
    let asked = deployment.asked();
    assert_eq!(
        asked,
        [
            "GET /api/admin/metrics?minutes=10 Bearer token",
            "GET /api/demo/redis Bearer token"
        ]
    );
}

#[tokio::test]
async fn no_figures_are_exit_code_1() {
    let deployment = Deployment::answering(deployment(false)).await;
    let ended = deployment.exo(&["metrics"], &[ADMIN]).await;
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    assert!(
        ended
            .out
            .starts_with("minutes: 60\nredis: degraded\nno figures: "),
        "{ended:?}"
    );
}

#[tokio::test]
async fn the_product_answers_what_is_understood() {
    let (url, admin) = (given("BASE_URL"), given("ADMIN_TOKEN"));
    let variables = [("EXODRIVE_URL", url.as_str()), ("ADMIN_TOKEN", &admin)];
    let ended = exo::run(&["metrics", "--minutes", "1440"], &variables).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    assert!(
        ended.out.starts_with("minutes: 1440\nredis: normal, "),
        "{ended:?}"
    );
    assert!(ended.out.contains("\ntotal "), "{ended:?}");
}
