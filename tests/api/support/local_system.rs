//! The control API of the local system: clock, processes and records of requests.
//!
//! Its faults are in [`super::faults`].

use super::{
    client::{Client, http_client},
    environment::{local_url, new_uuid},
    faults::{Upstream, clear_faults},
    paypal_behaviour::reset_behaviours,
    redis,
};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::Serialize;
use serde_json::{Value, json};
use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep};

async fn get(path: &str) -> Value {
    let response = http_client()
        .get(format!("{}{path}", local_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

pub(super) async fn post(path: &str, body: &Value) -> Value {
    let response = http_client()
        .post(format!("{}{path}", local_url()))
        .json(body)
        .send()
        .await
        .unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "POST {path} {body} returned {text}");
    serde_json::from_str(&text).unwrap()
}

/// The time on the system's clock.
pub(crate) async fn now() -> Timestamp {
    get("/_local/clock").await["now"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// The system's date in UTC.
pub(crate) async fn today() -> Date {
    now().await.to_zoned(TimeZone::UTC).date()
}

/// The date `days` after today.
pub(crate) async fn in_days(days: i64) -> String {
    today().await.checked_add(days.days()).unwrap().to_string()
}

/// Advances the clock. Call it only inside [`run_alone`](super::isolation::run_alone).
pub(crate) async fn advance_clock(time: SignedDuration) {
    post("/_local/clock", &json!({"advance": time})).await;
}

/// Advances the clock to the next minute, where each per-minute limit starts again.
pub(crate) async fn advance_to_next_minute() {
    let second = now().await.as_second().rem_euclid(60);
    advance_clock(SignedDuration::from_secs(60 - second)).await;
}

/// Advances the clock to one or two seconds after `moment`, or does nothing if `moment` is past.
///
/// The step is whole seconds because the functions' clock on Vercel has an offset in seconds.
pub(crate) async fn advance_clock_past(moment: Timestamp) {
    let left = moment.duration_since(now().await);
    if left.is_positive() {
        advance_clock(SignedDuration::from_secs(left.as_secs() + 2)).await;
    }
}

/// Requests to Redis' REST API since the system started, including those that met a fault.
pub(crate) async fn redis_request_count() -> u64 {
    get("/_local/requests").await["redis"]["requests"]
        .as_u64()
        .unwrap()
}

/// The count once background requests have stopped.
pub(crate) async fn idle_redis_request_count() -> u64 {
    settled_count("Redis is idle", redis_request_count).await
}

/// Polls a count until it has stayed the same for a fifth of a second, and returns it.
pub(crate) async fn settled_count<F>(expectation: &str, count: impl Fn() -> F) -> u64
where
    F: Future<Output = u64>,
{
    const POLLS: usize = 4;
    eventually(expectation, 10, || async {
        let first = count().await;
        for _ in 0..POLLS {
            sleep(Duration::from_millis(50)).await;
            if count().await != first {
                return None;
            }
        }
        Some(first)
    })
    .await
}

/// A server that a test may stop.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Process {
    Redis,
    Postgres,
}

pub(crate) async fn stop_process(process: Process) {
    let body = json!({"process": process, "action": "stop"});
    post("/_local/processes", &body).await;
}

/// Starts a server and waits until it responds.
pub(crate) async fn start_process(process: Process) {
    let body = json!({"process": process, "action": "start"});
    post("/_local/processes", &body).await;
}

/// The role in a user's access token.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Admin,
    Customer,
    /// A role that the product does not know.
    #[serde(untagged)]
    Unknown(&'static str),
}

/// Signs in a user of this role at Supabase and returns the access token.
pub(crate) async fn sign_in(role: Role) -> String {
    post("/_local/users", &json!({"role": role})).await["token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Signs in a user that no other test has, and returns the id and access token.
pub(crate) async fn sign_in_new_user(role: Role) -> (String, String) {
    let id = new_uuid().to_string();
    let user = post("/_local/users", &json!({"role": role, "id": id})).await;
    (id, user["token"].as_str().unwrap().to_owned())
}

/// PayPal's events about an order, oldest first.
pub(crate) async fn paypal_events(order: &str) -> Vec<Value> {
    get(&format!("/_local/paypal/events?order={order}"))
        .await
        .as_array()
        .unwrap()
        .clone()
}

/// Makes PayPal deliver an event `times` times at once, and returns the response statuses.
pub(crate) async fn deliver_event(event: &str, times: usize) -> Vec<Value> {
    deliver(&json!({"event": event, "times": times})).await
}

/// The forged part of a delivery.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Forgery {
    Body,
    Signature,
    CertUrl,
    WebhookId,
}

pub(crate) async fn deliver_forged_event(event: &str, forgery: Forgery) -> Vec<Value> {
    deliver(&json!({"event": event, "tamper": forgery})).await
}

/// Delivers an event and returns the response statuses.
async fn deliver(delivery: &Value) -> Vec<Value> {
    post("/_local/paypal/deliveries", delivery).await["statuses"]
        .as_array()
        .unwrap()
        .clone()
}

/// The requests to PayPal about one payment, with their responses.
pub(crate) async fn paypal_exchanges(payment: &str) -> Vec<Value> {
    get(&format!("/_local/paypal/exchanges?requestId={payment}:"))
        .await
        .as_array()
        .unwrap()
        .clone()
}

/// Polls until `probe` returns a value, for at most `seconds`. A failure names the `expectation`.
pub(crate) async fn eventually<T, F>(
    expectation: &str,
    seconds: u64,
    mut probe: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(
            Instant::now() < end,
            "not within {seconds} s: {expectation}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Clears faults, starts all processes, and waits until the product is healthy.
pub(crate) async fn restore() {
    for upstream in [Upstream::Redis, Upstream::Database, Upstream::PayPal] {
        clear_faults(upstream).await;
    }
    reset_behaviours().await;
    for process in [Process::Postgres, Process::Redis] {
        start_process(process).await;
    }
    redis::set_memory_limit("0").await;
    // Each instance has its own breaker, open for a minute at most. On some hosts each route is
    // an instance, so the checks below cannot see all breakers.
    advance_clock(SignedDuration::from_secs(61)).await;
    let client = Client::new();
    eventually("the product is healthy", 60, || async {
        let health = client.with_new_address().get("/api/health").await;
        let list = client.with_new_address().get("/api/cars").await;
        let is_healthy = health.status == 200
            && health.json()["status"] == "ok"
            && list.header("x-cache") != "BYPASS";
        is_healthy.then_some(())
    })
    .await;
}
