//! Redis outages of every kind.
//!
//! Each public route works. One request of an instance at a time probes Redis, and the others skip
//! it. The product uses Redis again when it works.

use crate::support::{
    cache::read_until_cached,
    checkout::{self, read_booking, request_authorization, request_hold},
    client::{Client, Response},
    deployment,
    environment::{base_url, local_url},
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{
        Process, advance_clock, advance_to_next_minute, eventually, idle_redis_request_count,
        redis_request_count, start_process, stop_process,
    },
    redis::{command, set_memory_limit},
    rental::Rental,
};
use futures_util::{FutureExt, future::join_all};
use jiff::SignedDuration;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// A request to each public route without query and body, and its status.
const BARE_REQUESTS: [(&str, &str, u16); 8] = [
    ("GET", "/api/cars", 200),
    ("GET", "/api/cars/123", 200),
    ("GET", "/api/cars/availability", 422),
    ("POST", "/api/bookings", 415),
    (
        "GET",
        "/api/bookings/00000000-0000-4000-8000-000000000000",
        401,
    ),
    ("POST", "/api/bookings/create-paypal-order", 415),
    ("POST", "/api/bookings/authorize-paypal-order", 415),
    (
        "POST",
        "/api/bookings/00000000-0000-4000-8000-000000000000/cancel",
        401,
    ),
];
/// Longer than the longest pause of the breaker.
const PAUSE: SignedDuration = SignedDuration::from_secs(61);
/// The breaker's first pause, and the first pause before an invalidation is sent again.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const BYPASSED: [&str; 3] = ["BYPASS"; 3];
/// The invalidations of a tour. Hold, order, authorization and cancellation change the
/// availability.
const INVALIDATIONS: u64 = 4;

/// The most instances that serve the public routes. On other hosts each route may have its own.
fn instances() -> u64 {
    if base_url() == local_url() { 1 } else { 8 }
}

/// The number of first pauses that have passed since `start`, zero on a quick machine.
fn pauses_since(start: Instant) -> u64 {
    start.elapsed().as_secs() / FIRST_PAUSE.as_secs()
}

/// Uses every public route as a customer does, and returns `X-Cache` of the cached ones.
async fn tour(client: &Client) -> [String; 3] {
    let rental = Rental::far_ahead(client, 2).await;
    let (car, availability) = (
        format!("/api/cars/{}", rental.car),
        rental.availability_path(),
    );
    let mut outcomes = [const { String::new() }; 3];
    for (outcome, path) in outcomes.iter_mut().zip(["/api/cars", &car, &availability]) {
        let response = client.with_new_address().get(path).await;
        response.expect(200);
        response.header("x-cache").clone_into(outcome);
    }
    let hold = checkout::create_hold(client, &rental).await;
    request_hold(client, &rental)
        .await
        .expect_problem(409, "dates_unavailable");
    let response = client
        .with_new_address()
        .get(&availability)
        .await
        .expect(200);
    assert_eq!(response["bookable"], false, "{response}");
    let order = checkout::create_approved_order(client, &hold, None).await;
    request_authorization(client, &order).await.expect(200);
    assert_eq!(read_booking(client, &hold).await["status"], "upcoming");
    checkout::cancel(client, &hold).await;
    outcomes
}

/// Sends each public route a bare request, which uses Redis for its rate limit.
///
/// The requests are concurrent, because each may wait until Redis times out.
async fn send_bare_requests(client: &Client) {
    let requests = BARE_REQUESTS.map(async |(method, path, status)| {
        let method = method.parse().unwrap();
        let response = Response::to(client.with_new_address().request(method, path)).await;
        assert_eq!(response.status, status, "{response}");
    });
    join_all(requests).await;
}

/// Waits until a tour's invalidations were sent, and returns the requests to Redis since `count`.
async fn requests_since(count: u64) -> u64 {
    eventually("the invalidations are sent", 10, || async {
        let requests = redis_request_count().await - count;
        (requests >= INVALIDATIONS).then_some(requests)
    })
    .await
}

/// Asserts the product's behavior during an outage and after it.
///
/// After each pause of the breaker one request of an instance probes Redis, and none in between.
/// Invalidations ignore the breaker: each is sent after its response and then after each pause.
async fn assert_survival(begin: impl Future, end: impl Future) {
    let client = Client::new();
    assert!(!tour(&client).await.contains(&"BYPASS".to_owned()));
    let count = idle_redis_request_count().await;
    begin.await;
    let start = Instant::now();
    assert_eq!(tour(&client).await, BYPASSED);
    let requests = requests_since(count).await;
    // Each invalidation fails in its request or right after it, and is sent again after a pause.
    // A retry for an earlier test may still run, and sends these invalidations too.
    let pauses = pauses_since(start);
    let limit = instances() * (1 + pauses) + INVALIDATIONS * (2 + pauses);
    assert!(requests <= limit, "{requests} requests noticed the outage");

    // Each failure in a row lengthens the pause, until it is longer than a tour.
    for _ in 0..4 {
        advance_clock(PAUSE).await;
        send_bare_requests(&client).await;
    }
    let count = idle_redis_request_count().await;
    send_bare_requests(&client).await;
    assert_eq!(redis_request_count().await, count, "the breaker is open");
    let start = Instant::now();
    assert_eq!(tour(&client).await, BYPASSED);
    let requests = requests_since(count).await;
    // One pause may end during the tour.
    let limit = INVALIDATIONS * (2 + pauses_since(start));
    assert!(
        requests <= limit,
        "{requests} requests, but only invalidations are due"
    );
    advance_clock(PAUSE).await;
    let count = redis_request_count().await;
    let start = Instant::now();
    assert_eq!(tour(&client).await, BYPASSED);
    let requests = requests_since(count + 1).await + 1;
    let limit = instances() + INVALIDATIONS * (2 + pauses_since(start));
    assert!(
        requests <= limit,
        "{requests} requests, but only probes and invalidations are due"
    );

    end.await;
    advance_clock(PAUSE).await;
    let outcomes = tour(&client).await;
    assert!(!outcomes.contains(&"BYPASS".to_owned()), "{outcomes:?}");
}

/// As [`assert_survival`], with faults on the way to Redis.
async fn assert_survival_of(faults: impl IntoIterator<Item = Fault>) {
    let begin = async {
        for fault in faults {
            set_fault(Upstream::Redis, fault).await;
        }
    };
    run_alone(assert_survival(begin, clear_faults(Upstream::Redis))).await;
}

#[tokio::test]
async fn product_survives_redis_hanging_up() {
    assert_survival_of([Fault::refuse()]).await;
}

/// The delay is longer than any wait: 2 s for background work, `REDIS_TIMEOUT_MS` for visitors.
#[tokio::test]
async fn product_survives_slow_redis() {
    assert_survival_of([Fault::delay_millis(3000)]).await;
}

#[tokio::test]
async fn product_survives_stopped_redis() {
    run_alone(assert_survival(
        stop_process(Process::Redis),
        start_process(Process::Redis),
    ))
    .await;
}

/// Redis replies once with each malformed body, then always with `true`.
#[tokio::test]
async fn product_survives_malformed_redis_replies() {
    let once = [
        "",
        "<html>",
        "{}",
        "[]",
        r#"[{"result":1},{"result":1},{"resu"#,
        r#"[{"result":{"a":1}}]"#,
    ];
    let once = once.map(|body| Fault::respond(200, body).times(1));
    let always = Fault::respond(200, "true");
    assert_survival_of(once.into_iter().chain([always])).await;
}

/// Redis itself refuses writes for lack of memory.
#[tokio::test]
async fn product_survives_full_redis() {
    run_alone(assert_survival(
        set_memory_limit("1").boxed(),
        set_memory_limit("0").boxed(),
    ))
    .await;
}

/// <https://upstash.com/docs/redis/troubleshooting/max_requests_limit>
const OVER_QUOTA: &str = concat!(
    r#"{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500000. "#,
    "See https://upstash.com/docs/redis/troubleshooting/max_requests_limit for details\"}"
);

#[tokio::test]
async fn product_survives_refused_pipeline_over_quota() {
    assert_survival_of([Fault::respond(400, OVER_QUOTA)]).await;
}

#[tokio::test]
async fn product_survives_refused_commands_over_quota() {
    assert_survival_of([Fault::reply_each(400, OVER_QUOTA)]).await;
}

#[tokio::test]
async fn product_survives_unknown_redis_token() {
    let body = json!({"error": "WRONGPASS invalid or missing auth token"}).to_string();
    assert_survival_of([Fault::respond(401, body)]).await;
}

/// The replies have the right form, so the breaker stays closed. Their values are ignored.
#[tokio::test]
async fn meaningless_redis_values_decide_nothing() {
    run_alone(async {
        let client = Client::new();
        for value in [json!("x"), json!(-1), json!([[]])] {
            let body = json!({"result": value}).to_string();
            let fault = Fault::reply_each(503, body);
            set_fault(Upstream::Redis, fault).await;
            let count = redis_request_count().await;
            assert_eq!(tour(&client).await, BYPASSED, "{value}");
            assert!(
                redis_request_count().await > count,
                "{value} opened the breaker"
            );
            clear_faults(Upstream::Redis).await;
        }
    })
    .await;
}

#[tokio::test]
async fn empty_redis_is_filled_again() {
    run_alone(async {
        let client = Client::new();
        tour(&client).await;
        command(&["FLUSHALL"]).await;
        stop_process(Process::Redis).await;
        assert_eq!(tour(&client).await, BYPASSED);
        start_process(Process::Redis).await;
        advance_clock(PAUSE).await;
        assert_eq!(tour(&client).await, ["MISS"; 3]);
        read_until_cached("/api/cars").await;
    })
    .await;
}

#[tokio::test]
async fn disabled_redis_gets_no_requests() {
    type Changes = &'static [(&'static str, &'static str)];
    let unset = &[
        ("UPSTASH_REDIS_REST_URL", ""),
        ("UPSTASH_REDIS_REST_TOKEN", ""),
    ];
    let cases: [(Changes, &str, &str); 3] = [
        (&[("DISABLE_REDIS", "true")], "disabled", "disabled"),
        (&[("REDIS_BYPASS", "1")], "bypass", "bypassed"),
        (unset, "disabled", "disabled"),
    ];
    for (changes, mode, state) in cases {
        run_alone(async {
            // The rate limit below is exceeded within one window.
            advance_to_next_minute().await;
            let client = deployment::start_with(changes).await;
            let count = idle_redis_request_count().await;
            assert_eq!(tour(&client).await, BYPASSED);
            let demo = client.get("/api/demo/redis").await.expect(200);
            assert_eq!(demo["redis"]["mode"], mode);
            let health = client.get("/api/health").await.expect(200);
            assert_eq!(health["status"], "ok");
            assert_eq!(health["checks"]["redis"], state);
            let customer = client.with_new_address();
            for _ in 0..10 {
                let response = customer.post("/api/bookings", &json!({})).await;
                response.expect_problem(422, "invalid_fields");
            }
            let response = customer.post("/api/bookings", &json!({})).await;
            response.expect_problem(429, "rate_limited");
            assert_eq!(redis_request_count().await, count);
        })
        .await;
    }
}
