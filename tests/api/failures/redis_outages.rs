//! Redis away or sick in every way it can be. Each public route works, no more than one request of an instance finds out at a
//! time, nobody else asks, and it is used again once it is well, without anybody's help.

use crate::support::{
    checkout::{self, ask_for_hold, ask_to_authorize, read_back},
    client::{Answer, Client},
    deployment,
    environment::{base_url, local_url},
    instance::{self, Instance, Upstream, get, header, post, somebody},
    isolation::alone,
    local_system::{
        eventually, fault, no_faults, now, pass, redis_requests, redis_requests_at_rest, start,
        stop,
    },
    redis::{command, holder_of, lock_of, set_memory},
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
    let (car, availability) = (format!("/api/cars/{}", rental.car), rental.availability());
    let mut outcomes = [const { String::new() }; 3];
    for (outcome, path) in outcomes.iter_mut().zip(["/api/cars", &car, &availability]) {
        let answer = client.stranger().get(path).await;
        answer.expect(200);
        answer.header("x-cache").clone_into(outcome);
    }
    let hold = checkout::hold(client, &rental).await;
    ask_for_hold(client, &rental)
        .await
        .problem(409, "dates_unavailable");
    let answer = client.stranger().get(&availability).await.expect(200);
    assert_eq!(answer["bookable"], false, "{answer}");
    let order = checkout::approved_order(client, &hold, None).await;
    ask_to_authorize(client, &order).await.expect(200);
    assert_eq!(read_back(client, &hold).await["status"], "upcoming");
    checkout::cancel(client, &hold).await;
    outcomes
}

/// A request to each public route, which asks Redis first and then refuses.
async fn knock(client: &Client) {
    for ((path, method), status) in ROUTES.iter().zip(KNOCKED) {
        let method = method.parse().unwrap();
        let answer = Answer::of(client.stranger().request(method, path)).await;
        assert_eq!(answer.status, status, "{answer}");
    }
}

/// Waits until Redis was told of a tour's changes; gives how many requests there were since `asked`.
async fn told_since(asked: u64) -> u64 {
    eventually("what changed was told", 10, || async {
        let told = redis_requests().await - asked;
        (told >= CHANGES).then_some(told)
    })
    .await
}

/// Until it is well, Redis is asked by one request of each instance after each pause, by nobody in between; and it is told what
/// was changed.
async fn survives(begin: impl Future, end: impl Future) {
    let client = Client::new();
    assert!(!tour(&client).await.contains(&"BYPASS".to_owned()));
    let asked = redis_requests_at_rest().await;
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
        pass(PAUSE).await;
        knock(&client).await;
    }
    let asked = redis_requests_at_rest().await;
    knock(&client).await;
    assert_eq!(redis_requests().await, asked, "it is left alone");
    assert_eq!(tour(&client).await, NOT_USED);
    // A change that was told in vain is told again after each pause of five seconds or more, one of which may be over.
    let told = told_since(asked).await;
    assert!(
        told <= 2 * CHANGES,
        "{told} requests, and nothing else to tell"
    );
    pass(PAUSE).await;
    let asked = redis_requests().await;
    assert_eq!(tour(&client).await, NOT_USED);
    let probes = told_since(asked + 1).await + 1;
    assert!(
        probes <= instances() + 2 * CHANGES,
        "{probes} requests, probes and what changed"
    );

    end.await;
    pass(PAUSE).await;
    let outcomes = tour(&client).await;
    assert!(!outcomes.contains(&"BYPASS".to_owned()), "{outcomes:?}");
}

/// As [`survives`], with trouble on the way to Redis.
async fn survives_faults(faults: impl IntoIterator<Item = Value>) {
    let begin = async {
        for trouble in faults {
            fault("redis", trouble).await;
        }
    };
    alone(survives(begin, no_faults("redis"))).await;
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
    alone(survives(stop("redis"), start("redis"))).await;
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
    alone(survives(set_memory("1").boxed(), set_memory("0").boxed())).await;
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
    alone(async {
        let client = Client::new();
        for value in [json!("x"), json!(-1), json!([[]])] {
            let body = json!({"result": value}).to_string();
            let nonsense = json!({"kind": "answer_each", "body": body});
            fault("redis", nonsense).await;
            let asked = redis_requests().await;
            assert_eq!(tour(&client).await, NOT_USED, "{value}");
            assert!(redis_requests().await > asked, "{value} opened the breaker");
            no_faults("redis").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_filled_again() {
    alone(async {
        let client = Client::new();
        tour(&client).await;
        command(&["FLUSHALL"]).await;
        stop("redis").await;
        assert_eq!(tour(&client).await, NOT_USED);
        start("redis").await;
        pass(PAUSE).await;
        assert_eq!(tour(&client).await, ["MISS"; 3]);
        assert_eq!(client.get("/api/cars").await.header("x-cache"), "HIT");
    })
    .await;
}

/// The cache holds free days, and cannot be told that they were booked.
#[tokio::test]
async fn what_was_booked_while_redis_was_away_is_told_when_it_is_back() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let path = rental.availability();
        client.get(&path).await.expect(200);
        let slow = json!({"kind": "delay", "delayMs": 1500, "path": "create_booking"});
        fault("database", slow).await;
        let away = async {
            eventually("the booking has begun", 5, || async {
                (!holder_of(&rental.car).await.is_null()).then_some(())
            })
            .await;
            fault("redis", json!({"kind": "refuse"})).await;
        };
        let (answer, ()) = join(ask_for_hold(&client, &rental), away).await;
        answer.expect(201);
        no_faults("redis").await;
        // Nor could it be told that the lock is given back.
        command(&["DEL", &lock_of(&rental.car)]).await;
        // By itself the old answer is served for half a minute.
        eventually("the cache knows", 20, || async {
            let answer = client.stranger().get(&path).await;
            let is_taken = answer.expect(200)["bookable"] == false;
            (is_taken && answer.header("x-cache") != "BYPASS").then_some(())
        })
        .await;
    })
    .await;
}

/// Redis is well, and the instance on which somebody books has just given it up. No clock moves.
#[tokio::test]
async fn what_is_booked_on_an_instance_that_gave_redis_up_is_told_right_after() {
    alone(async {
        let moment = now().await;
        let [booking, reading] = [(); 2].map(|()| Instance::start(moment, &[]));
        let rental = Rental::far_ahead(&Client::new(), 2).await;
        let look = async || reading.serve(somebody(), get(&rental.availability())).await;
        assert_eq!(header(&look().await, "x-cache"), "MISS");
        assert_eq!(header(&look().await, "x-cache"), "HIT");
        booking.lose_redis();
        let list = booking.serve(somebody(), get("/api/cars")).await;
        assert_eq!(header(&list, "x-cache"), "BYPASS");
        booking.find_redis();
        booking.calls();

        let asked = post("/api/bookings", &rental.body());
        let made = booking.answer(somebody(), asked).await;
        instance::json(201, &made);
        let told = |calls: Vec<instance::Call>| {
            let redis = calls
                .into_iter()
                .filter(|call| call.upstream == Upstream::Redis);
            redis.count()
        };
        assert_eq!(told(booking.calls()), 0, "the answer waits for nothing");
        booking.finish().await;
        assert_eq!(told(booking.calls()), 1);
        let shown = look().await;
        assert_eq!(header(&shown, "x-cache"), "MISS");
        assert_eq!(instance::json(200, &shown)["bookable"], false);
        // To its own visitors it is still given up.
        let list = booking.serve(somebody(), get("/api/cars")).await;
        assert_eq!(header(&list, "x-cache"), "BYPASS");
    })
    .await;
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_sent_again() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        for path in ["/api/cars", &rental.availability()] {
            command(&["SCRIPT", "FLUSH"]).await;
            let answer = client.get(path).await;
            answer.expect(200);
            assert_ne!(answer.header("x-cache"), "BYPASS", "{path}");
        }
        command(&["SCRIPT", "FLUSH"]).await;
        checkout::hold(&client, &rental).await;
        assert_eq!(holder_of(&rental.car).await, Value::Null);
    })
    .await;
}

/// Neither answer is late by itself, both together are.
#[tokio::test]
async fn sending_scripts_again_takes_no_more_time_than_there_is() {
    alone(async {
        let client = Client::new();
        client.get("/api/cars").await.expect(200);
        command(&["SCRIPT", "FLUSH"]).await;
        fault("redis", json!({"kind": "delay", "delayMs": 100})).await;
        let answer = client.get("/api/cars").await;
        answer.expect(200);
        assert_eq!(answer.header("x-cache"), "BYPASS");
    })
    .await;
}

#[tokio::test]
async fn a_product_without_redis_never_asks_it() {
    for (changes, mode, state) in [
        (&[("DISABLE_REDIS", "true")], "disabled", "disabled"),
        (&[("REDIS_BYPASS", "1")], "bypass", "bypassed"),
    ] {
        alone(async {
            let client = deployment::start_with(changes).await;
            let asked = redis_requests_at_rest().await;
            assert_eq!(tour(&client).await, NOT_USED);
            let demo = client.get("/api/demo/redis").await.expect(200);
            assert_eq!(demo["redis"]["mode"], mode);
            let health = client.get("/api/health").await.expect(200);
            assert_eq!(health["status"], "ok");
            assert_eq!(health["checks"]["redis"], state);
            let knocking = client.stranger();
            for _ in 0..10 {
                let answer = knocking.post("/api/bookings", &json!({})).await;
                answer.problem(422, "invalid_fields");
            }
            let answer = knocking.post("/api/bookings", &json!({})).await;
            answer.problem(429, "rate_limited");
            assert_eq!(redis_requests().await, asked);
        })
        .await;
    }
}
