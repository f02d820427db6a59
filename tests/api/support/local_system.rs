//! The control API of the local system: time, trouble, and what was asked of the upstreams.

use super::{
    client::{Client, http_client},
    environment::local_url,
    redis,
};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde_json::{Value, json};
use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep};

async fn ask(path: &str) -> Value {
    let response = http_client()
        .get(format!("{}{path}", local_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

async fn tell(path: &str, body: &Value) -> Value {
    let response = http_client()
        .post(format!("{}{path}", local_url()))
        .json(body)
        .send()
        .await
        .unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{path} {body} was answered {text}");
    serde_json::from_str(&text).unwrap()
}

/// The system's present.
pub(crate) async fn now() -> Timestamp {
    ask("/_local/clock").await["now"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// The day it is, in UTC.
pub(crate) async fn today() -> Date {
    now().await.to_zoned(TimeZone::UTC).date()
}

/// The day in so many days.
pub(crate) async fn in_days(days: i64) -> String {
    today().await.checked_add(days.days()).unwrap().to_string()
}

/// Lets time pass; only for a test that runs alone.
pub(crate) async fn advance_clock(time: SignedDuration) {
    tell("/_local/clock", &json!({"advance": time})).await;
}

/// Lets time pass until a minute begins, and with it a window of each limit.
pub(crate) async fn advance_to_next_minute() {
    let second = now().await.as_second().rem_euclid(60);
    advance_clock(SignedDuration::from_secs(60 - second)).await;
}

/// Lets time pass until just after `moment`; nothing when that is over already.
pub(crate) async fn advance_clock_past(moment: Timestamp) {
    let left = moment.duration_since(now().await);
    if left.is_positive() {
        advance_clock(left + SignedDuration::from_secs(1)).await;
    }
}

/// Makes trouble for requests to `upstream`: `redis`, `database` or `paypal`.
pub(crate) async fn set_fault(upstream: &str, fault: Value) {
    tell(
        "/_local/faults",
        &json!({"upstream": upstream, "fault": fault}),
    )
    .await;
}

/// Ends all trouble with `upstream`.
pub(crate) async fn clear_faults(upstream: &str) {
    set_fault(upstream, json!({"kind": "none"})).await;
}

/// How many requests Redis' REST API has got so far, those that met trouble included.
pub(crate) async fn redis_request_count() -> u64 {
    ask("/_local/requests").await["redis"]["requests"]
        .as_u64()
        .unwrap()
}

/// The same once nobody tells it anything after an answer any more.
pub(crate) async fn idle_redis_request_count() -> u64 {
    eventually("Redis is left alone", 10, || async {
        let asked = redis_request_count().await;
        sleep(Duration::from_millis(50)).await;
        (redis_request_count().await == asked).then_some(asked)
    })
    .await
}

/// Stops `redis` or `postgres`.
pub(crate) async fn stop_process(process: &str) {
    tell(
        "/_local/processes",
        &json!({"process": process, "action": "stop"}),
    )
    .await;
}

/// Starts `redis` or `postgres`, and waits until it answers.
pub(crate) async fn start_process(process: &str) {
    tell(
        "/_local/processes",
        &json!({"process": process, "action": "start"}),
    )
    .await;
}

/// Signs a user of this role in at Supabase, and gives their access token.
pub(crate) async fn sign_in(role: &str) -> String {
    tell("/_local/users", &json!({"role": role})).await["token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Signs in somebody whom no other test is, and gives their id and access token.
pub(crate) async fn sign_in_new_user(role: &str) -> (String, String) {
    let id = crate::support::environment::new_uuid().to_string();
    let signed_in = tell("/_local/users", &json!({"role": role, "id": id})).await;
    (id, signed_in["token"].as_str().unwrap().to_owned())
}

/// What PayPal reports of an order, oldest first.
pub(crate) async fn paypal_events(order: &str) -> Vec<Value> {
    ask(&format!("/_local/paypal/events?order={order}"))
        .await
        .as_array()
        .unwrap()
        .clone()
}

/// PayPal delivers an event now, so often at the same moment; gives the answers' statuses.
pub(crate) async fn deliver_event(event: &str, times: usize) -> Vec<Value> {
    statuses(&json!({"event": event, "times": times})).await
}

/// Somebody else delivers an event, forged in one place: `body`, `signature`, `certUrl` or `webhookId`.
pub(crate) async fn deliver_forged_event(event: &str, tamper: &str) -> Vec<Value> {
    statuses(&json!({"event": event, "tamper": tamper})).await
}

async fn statuses(delivery: &Value) -> Vec<Value> {
    tell("/_local/paypal/deliveries", delivery).await["statuses"]
        .as_array()
        .unwrap()
        .clone()
}

/// What PayPal was asked about one of our payments, with its answers.
pub(crate) async fn paypal_exchanges(payment: &str) -> Vec<Value> {
    ask(&format!("/_local/paypal/exchanges?requestId={payment}:"))
        .await
        .as_array()
        .unwrap()
        .clone()
}

/// Looks until `found` gives something, for at most `seconds`.
pub(crate) async fn eventually<T, F>(what: &str, seconds: u64, mut found: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(Instant::now() < end, "not within {seconds} s: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Puts right what a test disturbed, and waits until the product has noticed.
pub(crate) async fn restore() {
    for upstream in ["redis", "database", "paypal"] {
        clear_faults(upstream).await;
    }
    for process in ["postgres", "redis"] {
        start_process(process).await;
    }
    redis::set_memory_limit("0").await;
    // On some hosts each route is an instance, which leaves Redis alone for a minute at most.
    advance_clock(SignedDuration::from_secs(61)).await;
    let client = Client::new();
    eventually("the product is well again", 60, || async {
        let health = client.with_new_address().get("/api/health").await;
        let list = client.with_new_address().get("/api/cars").await;
        let is_well = health.status == 200
            && health.json()["status"] == "ok"
            && list.header("x-cache") != "BYPASS";
        is_well.then_some(())
    })
    .await;
}
