//! What is counted of requests: under which minute, how often, and what reading it costs others.

use crate::support::{
    client::Client,
    environment::{new_number, variable},
    instance::{Instance, Upstream, get, json, random_ip},
    isolation::run_alone,
    local_system::{idle_redis_request_count, now, redis_request_count, set_fault},
    redis::command,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Longer than an instance adds up, and than the first pause of the breaker.
const PAUSE: SignedDuration = SignedDuration::from_secs(6);

/// A moment at the beginning of a minute of which nobody else tells.
async fn forgotten_minute() -> Timestamp {
    let minutes_ago = 1_000_000 + i64::try_from(new_number(1_000_000)).unwrap();
    let minute = now().await.as_second().div_euclid(60) - minutes_ago;
    Timestamp::from_second(60 * minute).unwrap()
}

/// How many answers of `GET /api/health` were told under the minute of `moment`; null for none.
async fn told(moment: Timestamp) -> Value {
    let key = format!("metrics:{}", moment.as_second().div_euclid(60));
    let number = command(&["HGET", &key, "/api/health|s|200"]).await;
    assert!(number.is_null() || command(&["TTL", &key]).await != -1);
    number
}

async fn look(instance: &Instance) {
    json(200, &instance.serve(random_ip(), get("/api/health")).await);
}

#[tokio::test]
async fn what_is_told_late_is_told_under_the_minute_in_which_it_happened() {
    run_alone(async {
        let moment = forgotten_minute().await;
        let instance = Instance::start(moment, &[]);
        for _ in 0..3 {
            look(&instance).await;
        }
        assert_eq!(told(moment).await, "1", "the others are yet to be told");
        let idle = SignedDuration::from_mins(50);
        instance.advance_clock(idle);
        look(&instance).await;
        let later = moment.checked_add(idle).unwrap();
        assert_eq!(
            (told(moment).await, told(later).await),
            (json!("3"), json!("1"))
        );
    })
    .await;
}

/// The second of three answers is told once, whatever becomes of the telling.
async fn told_after(trouble: Value) -> Value {
    let moment = forgotten_minute().await;
    let instance = Instance::start(moment, &[]);
    look(&instance).await;
    instance.advance_clock(PAUSE);
    // Two requests let the visitor in and look whether Redis is well; the third tells.
    set_fault("redis", trouble).await;
    look(&instance).await;
    instance.advance_clock(PAUSE);
    look(&instance).await;
    told(moment).await
}

#[tokio::test]
async fn what_redis_surely_did_not_add_is_told_again() {
    for trouble in [
        json!({"kind": "answer", "status": 401, "body": "{}", "every": 3, "times": 1}),
        json!({"kind": "answer", "status": 400, "body": "{}", "every": 3, "times": 1}),
    ] {
        run_alone(async {
            assert_eq!(told_after(trouble).await, "3");
        })
        .await;
    }
}

/// Redis added it, and nobody was told: adding it again would make two of one.
#[tokio::test]
async fn what_redis_may_have_added_is_not_told_again() {
    run_alone(async {
        let lost = json!({"kind": "drop_answer", "every": 3, "times": 1});
        assert_eq!(told_after(lost).await, "3");
        // Here it was not added, which cannot be known either.
        let gateway = json!({"kind": "answer", "status": 502, "body": "", "every": 3, "times": 1});
        assert_eq!(told_after(gateway).await, "2");
    })
    .await;
}

/// The report has all the time it needs, and no visitor notices.
#[tokio::test]
async fn a_slow_report_is_waited_for_and_costs_visitors_nothing() {
    run_alone(async {
        let client = Client::new();
        client.get("/api/cars").await.expect(200);
        let asked = idle_redis_request_count().await;
        // The first request lets the operator in.
        set_fault(
            "redis",
            json!({"kind": "delay", "delayMs": 800, "every": 2, "times": 1}),
        )
        .await;
        let path = "/api/admin/metrics?minutes=60";
        let report = client.get_as(&variable("ADMIN_TOKEN"), path).await;
        assert_eq!(report.expect(200)["available"], true);
        assert!(redis_request_count().await >= asked + 2);
        let list = client.get("/api/cars").await;
        assert_ne!(list.header("x-cache"), "BYPASS");
    })
    .await;
}

/// Twelve requests that do not wait for each other, after the one that lets the operator in.
#[tokio::test]
async fn a_day_is_read_in_one_more_round_trip() {
    run_alone(async {
        let instance = Instance::start(now().await, &[]);
        let mut asked = get("/api/admin/metrics?minutes=1440");
        let token = format!("Bearer {}", variable("ADMIN_TOKEN"));
        asked
            .headers_mut()
            .insert("authorization", token.parse().unwrap());
        let report = instance.respond(random_ip(), asked).await;
        assert_eq!(json(200, &report)["available"], true);
        let calls = instance.take_calls();
        assert!(calls.iter().all(|call| call.upstream == Upstream::Redis));
        let places: Vec<usize> = calls.iter().map(|call| call.depth).collect();
        assert_eq!(places, [&[1][..], &[2; 12]].concat());
    })
    .await;
}
