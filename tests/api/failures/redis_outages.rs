//! Redis away or sick in every way it can be. Each public route works, no more than one request of an instance finds out at a
//! time, nobody else asks, and it is used again once it is well, without anybody's help.

use crate::support::{
    checkout::{self, read_booking, request_authorization, request_hold},
    client::{Client, Response},
    deployment,
    environment::{base_url, local_url},
    instance::{self, Instance, Upstream, get, header, post, random_ip},
    isolation::run_alone,
    local_system::{
        advance_clock, clear_faults, eventually, idle_redis_request_count, now,
        redis_request_count, set_fault, start_process, stop_process,
    },
    redis::{command, lock_key, lock_owner, set_memory_limit},
    rental::Rental,
    routes::ROUTES,
};
use futures_util::{FutureExt, future::join};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::Instant;

/// What each public route, the first in the table, answers to a request that has nothing but a path.
const KNOCKED: [u16; 8] = [200, 200, 422, 415, 401, 415, 415, 401];
/// Longer than the longest pause of the breaker.
const PAUSE: SignedDuration = SignedDuration::from_secs(61);
const NOT_USED: [&str; 3] = ["BYPASS"; 3];
/// What a tour does to days that others may have in the cache: a hold, an order and an authorization, which prolong it, and a
/// cancellation. Each is told after its answer.
const CHANGES: u64 = 4;

/// How many instances serve the public routes: the local host is one, elsewhere each route may be a function of its own.
fn instances() -> u64 {
    if base_url() == local_url() { 1 } else { 8 }
}

/// A customer's way through every public route, each of which must work. Gives the cached ones' `X-Cache`.
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

/// A request to each public route, which asks Redis first and then refuses.
async fn knock(client: &Client) {
    for ((path, method), status) in ROUTES.iter().zip(KNOCKED) {
        let method = method.parse().unwrap();
        let response = Response::to(client.with_new_address().request(method, path)).await;
        assert_eq!(response.status, status, "{response}");
    }
}

/// Waits until Redis was told of a tour's changes; gives how many requests there were since `asked`.
async fn told_since(asked: u64) -> u64 {
    eventually("what changed was told", 10, || async {
        let told = redis_request_count().await - asked;
        (told >= CHANGES).then_some(told)
    })
    .await
}

/// Until it is well, Redis is asked by one request of each instance after each pause, by nobody in between; and it is told what
/// was changed.
async fn survives(begin: impl Future, end: impl Future) {
    let client = Client::new();
    assert!(!tour(&client).await.contains(&"BYPASS".to_owned()));
    let asked = idle_redis_request_count().await;
    begin.await;
    let since = Instant::now();
    assert_eq!(tour(&client).await, NOT_USED);
    // On a slow machine the first pause, of five seconds, is over before the tour.
    let pauses = since.elapsed().as_secs() / 5;
    // Whoever still repeats what an earlier test changed takes along what this one changes.
    let most = instances() * (1 + pauses) + CHANGES * (2 + pauses);
    let met = told_since(asked).await;
    // Only what was told when work after an earlier response has found out.
    assert!(met <= most, "{met} requests found out");

    // Each failure in a row makes the pause longer than a tour takes.
    for _ in 0..4 {
        advance_clock(PAUSE).await;
        knock(&client).await;
    }
    let asked = idle_redis_request_count().await;
    knock(&client).await;
    assert_eq!(redis_request_count().await, asked, "it is left alone");
    assert_eq!(tour(&client).await, NOT_USED);
    // A change that was told in vain is told again after each pause of five seconds or more, one of which may be over.
    let told = told_since(asked).await;
    assert!(
        told <= 2 * CHANGES,
        "{told} requests, and nothing else to tell"
    );
    advance_clock(PAUSE).await;
    let asked = redis_request_count().await;
    assert_eq!(tour(&client).await, NOT_USED);
    let probes = told_since(asked + 1).await + 1;
    assert!(
        probes <= instances() + 2 * CHANGES,
        "{probes} requests, probes and what changed"
    );

    end.await;
    advance_clock(PAUSE).await;
    let outcomes = tour(&client).await;
    assert!(!outcomes.contains(&"BYPASS".to_owned()), "{outcomes:?}");
}

/// As [`survives`], with trouble on the way to Redis.
async fn survives_faults(faults: impl IntoIterator<Item = Value>) {
    let begin = async {
        for trouble in faults {
            set_fault("redis", trouble).await;
        }
    };
    run_alone(survives(begin, clear_faults("redis"))).await;
}

#[tokio::test]
async fn a_redis_that_hangs_up_is_left_alone_until_it_is_back() {
    survives_faults([json!({"kind": "refuse"})]).await;
}

#[tokio::test]
async fn a_redis_that_takes_two_seconds_is_left_alone_until_it_is_quick() {
    survives_faults([json!({"kind": "delay", "delayMs": 2000})]).await;
}

#[tokio::test]
async fn a_redis_that_is_stopped_is_left_alone_until_it_is_back() {
    run_alone(survives(stop_process("redis"), start_process("redis"))).await;
}

/// No JSON, other JSON, half an answer: one after the other, then for good.
#[tokio::test]
async fn a_redis_that_talks_nonsense_is_left_alone_until_it_makes_sense() {
    let once = [
        "",
        "<html>",
        "{}",
        "[]",
        r#"[{"result":1},{"result":1},{"resu"#,
        r#"[{"result":{"a":1}}]"#,
    ];
    let once = once.map(|body| json!({"kind": "answer", "status": 200, "body": body, "times": 1}));
    let always = json!({"kind": "answer", "status": 200, "body": "true"});
    survives_faults(once.into_iter().chain([always])).await;
}

/// Redis' own refusal, for lack of memory.
#[tokio::test]
async fn a_redis_that_is_full_is_left_alone_until_it_has_room() {
    run_alone(survives(
        set_memory_limit("1").boxed(),
        set_memory_limit("0").boxed(),
    ))
    .await;
}

const OVER_QUOTA: &str = r#"{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500000. See https://upstash.com/docs/redis/troubleshooting/max_requests_limit for details"}"#;

#[tokio::test]
async fn a_redis_over_its_quota_is_left_alone_whether_it_says_so_once() {
    survives_faults([json!({"kind": "answer", "status": 400, "body": OVER_QUOTA})]).await;
}

#[tokio::test]
async fn a_redis_over_its_quota_is_left_alone_whether_it_says_so_for_each_command() {
    survives_faults([json!({"kind": "answer_each", "status": 400, "body": OVER_QUOTA})]).await;
}

#[tokio::test]
async fn a_redis_that_does_not_know_our_token_is_left_alone_until_it_does() {
    let body = json!({"error": "WRONGPASS invalid or missing auth token"}).to_string();
    survives_faults([json!({"kind": "answer", "status": 401, "body": body})]).await;
}

/// In the right form and still wrong: nothing is believed that matters.
#[tokio::test]
async fn values_that_make_no_sense_decide_nothing() {
    run_alone(async {
        let client = Client::new();
        for value in [json!("x"), json!(-1), json!([[]])] {
            let body = json!({"result": value}).to_string();
            let nonsense = json!({"kind": "answer_each", "body": body});
            set_fault("redis", nonsense).await;
            let asked = redis_request_count().await;
            assert_eq!(tour(&client).await, NOT_USED, "{value}");
            assert!(
                redis_request_count().await > asked,
                "{value} opened the breaker"
            );
            clear_faults("redis").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_filled_again() {
    run_alone(async {
        let client = Client::new();
        tour(&client).await;
        command(&["FLUSHALL"]).await;
        stop_process("redis").await;
        assert_eq!(tour(&client).await, NOT_USED);
        start_process("redis").await;
        advance_clock(PAUSE).await;
        assert_eq!(tour(&client).await, ["MISS"; 3]);
        assert_eq!(client.get("/api/cars").await.header("x-cache"), "HIT");
    })
    .await;
}

/// The cache holds free days, and cannot be told that they were booked.
#[tokio::test]
async fn what_was_booked_while_redis_was_away_is_told_when_it_is_back() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let path = rental.availability_path();
        client.get(&path).await.expect(200);
        let slow = json!({"kind": "delay", "delayMs": 1500, "path": "create_booking"});
        set_fault("database", slow).await;
        let away = async {
            eventually("the booking has begun", 5, || async {
                (!lock_owner(&rental.car).await.is_null()).then_some(())
            })
            .await;
            set_fault("redis", json!({"kind": "refuse"})).await;
        };
        let (response, ()) = join(request_hold(&client, &rental), away).await;
        response.expect(201);
        clear_faults("redis").await;
        // Nor could it be told that the lock is given back.
        command(&["DEL", &lock_key(&rental.car)]).await;
        // By itself the old answer is served for half a minute.
        eventually("the cache knows", 20, || async {
            let response = client.with_new_address().get(&path).await;
            let is_taken = response.expect(200)["bookable"] == false;
            (is_taken && response.header("x-cache") != "BYPASS").then_some(())
        })
        .await;
    })
    .await;
}

/// Redis is well, and the instance on which somebody books has just given it up. No clock moves.
#[tokio::test]
async fn what_is_booked_on_an_instance_that_gave_redis_up_is_told_right_after() {
    run_alone(async {
        let moment = now().await;
        let [booking, reading] = [(); 2].map(|()| Instance::start(moment, &[]));
        let rental = Rental::far_ahead(&Client::new(), 2).await;
        let look = async || {
            reading
                .serve(random_ip(), get(&rental.availability_path()))
                .await
        };
        assert_eq!(header(&look().await, "x-cache"), "MISS");
        assert_eq!(header(&look().await, "x-cache"), "HIT");
        booking.disconnect_redis();
        let list = booking.serve(random_ip(), get("/api/cars")).await;
        assert_eq!(header(&list, "x-cache"), "BYPASS");
        booking.reconnect_redis();
        booking.take_calls();

        let asked = post("/api/bookings", &rental.body());
        let made = booking.respond(random_ip(), asked).await;
        instance::json(201, &made);
        let told = |calls: Vec<instance::Call>| {
            let redis = calls
                .into_iter()
                .filter(|call| call.upstream == Upstream::Redis);
            redis.count()
        };
        assert_eq!(
            told(booking.take_calls()),
            0,
            "the answer waits for nothing"
        );
        booking.finish().await;
        assert_eq!(told(booking.take_calls()), 1);
        let shown = look().await;
        assert_eq!(header(&shown, "x-cache"), "MISS");
        assert_eq!(instance::json(200, &shown)["bookable"], false);
        // To its own visitors it is still given up.
        let list = booking.serve(random_ip(), get("/api/cars")).await;
        assert_eq!(header(&list, "x-cache"), "BYPASS");
    })
    .await;
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_sent_again() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        for path in ["/api/cars", &rental.availability_path()] {
            command(&["SCRIPT", "FLUSH"]).await;
            let response = client.get(path).await;
            response.expect(200);
            assert_ne!(response.header("x-cache"), "BYPASS", "{path}");
        }
        command(&["SCRIPT", "FLUSH"]).await;
        checkout::create_hold(&client, &rental).await;
        assert_eq!(lock_owner(&rental.car).await, Value::Null);
    })
    .await;
}

/// Neither answer is late by itself, both together are.
#[tokio::test]
async fn sending_scripts_again_takes_no_more_time_than_there_is() {
    run_alone(async {
        let client = Client::new();
        client.get("/api/cars").await.expect(200);
        command(&["SCRIPT", "FLUSH"]).await;
        set_fault("redis", json!({"kind": "delay", "delayMs": 100})).await;
        let response = client.get("/api/cars").await;
        response.expect(200);
        assert_eq!(response.header("x-cache"), "BYPASS");
    })
    .await;
}

#[tokio::test]
async fn a_product_without_redis_never_asks_it() {
    for (changes, mode, state) in [
        (&[("DISABLE_REDIS", "true")], "disabled", "disabled"),
        (&[("REDIS_BYPASS", "1")], "bypass", "bypassed"),
    ] {
        run_alone(async {
            let client = deployment::start_with(changes).await;
            let asked = idle_redis_request_count().await;
            assert_eq!(tour(&client).await, NOT_USED);
            let demo = client.get("/api/demo/redis").await.expect(200);
            assert_eq!(demo["redis"]["mode"], mode);
            let health = client.get("/api/health").await.expect(200);
            assert_eq!(health["status"], "ok");
            assert_eq!(health["checks"]["redis"], state);
            let knocking = client.with_new_address();
            for _ in 0..10 {
                let response = knocking.post("/api/bookings", &json!({})).await;
                response.expect_problem(422, "invalid_fields");
            }
            let response = knocking.post("/api/bookings", &json!({})).await;
            response.expect_problem(429, "rate_limited");
            assert_eq!(redis_request_count().await, asked);
        })
        .await;
    }
}
