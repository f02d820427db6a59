//! Request counts: their minutes, their reports to Redis, and the cost of reading them.

use crate::support::{
    environment::new_number,
    faults::{Fault, Upstream, set_fault},
    instance::{Call, Instance, as_operator, get, header, json, random_ip},
    isolation::run_alone,
    local_system::{idle_redis_request_count, now},
    redis::command,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Longer than the interval between reports, and than the breaker's first pause.
const PAUSE: SignedDuration = SignedDuration::from_secs(6);

/// The start of a minute long ago, that no other instance reports.
async fn unused_minute() -> Timestamp {
    let minutes_ago = 1_000_000 + i64::try_from(new_number(1_000_000)).unwrap();
    let minute = now().await.as_second().div_euclid(60) - minutes_ago;
    Timestamp::from_second(60 * minute).unwrap()
}

/// The reported number of `GET /api/health` in the minute of `moment`, null without any.
async fn reported_count(moment: Timestamp) -> Value {
    let key = format!("metrics:{}", moment.as_second().div_euclid(60));
    let number = command(&["HGET", &key, "/api/health|s|200"]).await;
    assert!(number.is_null() || command(&["TTL", &key]).await != -1);
    number
}

async fn get_health(instance: &Instance) {
    json(200, &instance.serve(random_ip(), get("/api/health")).await);
}

#[tokio::test]
async fn late_report_counts_under_original_minute() {
    run_alone(async {
        let moment = unused_minute().await;
        let instance = Instance::start(moment, &[]);
        for _ in 0..3 {
            get_health(&instance).await;
        }
        assert_eq!(
            reported_count(moment).await,
            "1",
            "the others are not reported yet"
        );
        let idle = SignedDuration::from_mins(50);
        instance.advance_clock(idle);
        get_health(&instance).await;
        let later = moment.checked_add(idle).unwrap();
        assert_eq!(
            (reported_count(moment).await, reported_count(later).await),
            (json!("3"), json!("1"))
        );
    })
    .await;
}

/// Serves three requests and returns the reported number. The second report meets the fault.
async fn reported_count_after(fault: Fault) -> Value {
    let moment = unused_minute().await;
    let instance = Instance::start(moment, &[]);
    get_health(&instance).await;
    instance.advance_clock(PAUSE);
    // Redis gets three requests: admission, the health check, and the report.
    set_fault(Upstream::Redis, fault).await;
    get_health(&instance).await;
    instance.advance_clock(PAUSE);
    get_health(&instance).await;
    reported_count(moment).await
}

#[tokio::test]
async fn refused_report_is_sent_again() {
    for fault in [
        Fault::respond(401, "{}").every(3).times(1),
        Fault::respond(400, "{}").every(3).times(1),
    ] {
        run_alone(async {
            assert_eq!(reported_count_after(fault).await, "3");
        })
        .await;
    }
}

/// Redis may have applied the report, and a second one would count the request twice.
#[tokio::test]
async fn doubtful_report_is_not_sent_again() {
    run_alone(async {
        let lost = Fault::drop_response().every(3).times(1);
        assert_eq!(reported_count_after(lost).await, "3");
        // Redis did not apply this report, but the instance cannot know that.
        let gateway = Fault::respond(502, "").every(3).times(1);
        assert_eq!(reported_count_after(gateway).await, "2");
    })
    .await;
}

/// Redis replies later than visitors wait, and earlier than operators do.
///
/// An instance of a test waits ten times as long: 1.5 s for visitors and 20 s for operators.
#[tokio::test]
async fn slow_metrics_are_awaited_without_affecting_visitors() {
    run_alone(async {
        let instance = Instance::start(now().await, &[("REDIS_TIMEOUT_MS", "150")]);
        let list = instance.serve(random_ip(), get("/api/cars")).await;
        json(200, &list);
        instance.take_calls();
        idle_redis_request_count().await;
        // The first request admits the operator, the second reads the counts.
        let slow = Fault::delay_millis(3000).every(2).times(1);
        set_fault(Upstream::Redis, slow).await;
        let metrics = as_operator(get("/api/admin/metrics?minutes=60"));
        let metrics = instance.serve(random_ip(), metrics).await;
        assert_eq!(json(200, &metrics)["available"], true);
        let calls = instance.take_calls().into_iter();
        let redis_calls = calls.filter(|call| call.upstream == Upstream::Redis);
        assert!(redis_calls.count() >= 2);
        let list = instance.serve(random_ip(), get("/api/cars")).await;
        json(200, &list);
        assert_ne!(header(&list, "x-cache"), "BYPASS");
    })
    .await;
}

/// Twelve concurrent requests follow the one that admits the operator.
#[tokio::test]
async fn day_is_read_in_one_round_trip() {
    run_alone(async {
        let instance = Instance::start(now().await, &[]);
        let metrics = as_operator(get("/api/admin/metrics?minutes=1440"));
        let metrics = instance.respond(random_ip(), metrics).await;
        assert_eq!(json(200, &metrics)["available"], true);
        let calls = instance.take_calls();
        let (redis, others): (Vec<&Call>, Vec<&Call>) = calls
            .iter()
            .partition(|call| call.upstream == Upstream::Redis);
        let depths: Vec<usize> = redis.iter().map(|call| call.depth).collect();
        assert_eq!(depths, [&[1][..], &[2; 12]].concat());
        // The read is recorded in the audit log.
        let others: Vec<Upstream> = others.iter().map(|call| call.upstream).collect();
        assert_eq!(others, [Upstream::Database]);
    })
    .await;
}
