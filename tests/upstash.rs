//! Our client of Upstash against whatever answers under `UPSTASH_REDIS_REST_URL`: the emulator, or a server that somebody
//! else wrote after the same documentation. What both understand is not our misreading.
//!
//! `UPSTASH_HAS_TRANSACTIONS=no` says that the server has no `/multi-exec`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test reads its own environment, and fails when it cannot go on"
)]

#[path = "upstash/step.rs"]
mod step;

use bytes::Bytes;
use exodrive::platform::{Platform, TransportError};
use exodrive::{
    clients::upstash::{Command, DELETE_IF_EQUAL, Memory, RedisError, Upstash, Value},
    domain::secret::Secret,
};
use exodrive_native::{Clock, NativePlatform};
use futures_util::future::{BoxFuture, pending};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// The network as it is, without hurry: what is tested is what is said, on however slow a machine.
struct Patient {
    native: NativePlatform,
    clock: Clock,
}

impl Platform for Patient {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        self.native.send(request)
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(pending())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn random(&self) -> [u8; 32] {
        self.native.random()
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        self.native.after_response(work);
    }
}

/// Redis as one instance sees it, and names that nobody else uses.
struct Instance {
    platform: Patient,
    memory: Memory,
    url: String,
    token: Secret,
    prefix: String,
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run script/test"))
}

impl Instance {
    fn new() -> Self {
        // It stands still, so a breaker that opened stays open until the test moves it.
        let clock = Clock::standing_at(Timestamp::UNIX_EPOCH);
        Self {
            platform: Patient {
                native: NativePlatform::new(clock.clone()),
                clock,
            },
            memory: Memory::default(),
            url: variable("UPSTASH_REDIS_REST_URL"),
            token: Secret::new(variable("UPSTASH_REDIS_REST_TOKEN")),
            prefix: format!("clients:{}:", Uuid::new_v4()),
        }
    }

    fn redis(&self) -> Upstash<'_> {
        Upstash::new(
            &self.platform,
            &self.memory,
            &self.url,
            &self.token,
            Duration::from_millis(150),
        )
    }

    async fn pipeline(&self, commands: &[Command]) -> Vec<Value> {
        self.redis().pipeline(commands).await.unwrap()
    }

    async fn one(&self, command: Command) -> Value {
        self.pipeline(&[command]).await.remove(0)
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn ok() -> Value {
    text("OK")
}

#[tokio::test]
async fn a_pipeline_is_answered_in_order() {
    let i = Instance::new();
    let (a, b) = (i.key("a"), i.key("b"));
    let answers = i
        .pipeline(&[
            Command::ping(),
            Command::set(a.clone(), "Zoë 🚗 \"\\\n".into(), 60),
            Command::new("GET").arg(a.clone()),
            Command::new("GET").arg(b.clone()),
            Command::new("INCR").arg(b.clone()),
            Command::new("INCR").arg(b.clone()),
            Command::expire(b.clone(), 60),
            Command::del(a.clone()),
            Command::del(a),
        ])
        .await;
    let (long, nil) = (text("Zoë 🚗 \"\\\n"), Value::Nil);
    let [zero, one, two] = [0, 1, 2].map(Value::Integer);
    assert_eq!(
        answers,
        [
            text("PONG"),
            ok(),
            long,
            nil,
            one.clone(),
            two,
            one.clone(),
            one,
            zero
        ]
    );
}

#[tokio::test]
async fn hashes_and_sorted_sets_are_read_as_they_were_written() {
    let i = Instance::new();
    let (hash, sorted) = (i.key("hash"), i.key("sorted"));
    let answers = i
        .pipeline(&[
            Command::hincrby(hash.clone(), "f".into(), 3),
            Command::hincrby(hash.clone(), "f".into(), 4),
            Command::hgetall(hash.clone()),
            Command::hgetall(i.key("none")),
            Command::zadd(sorted.clone(), 1_700_000_000_000, "old".into()),
            Command::zadd(sorted.clone(), 1_700_000_000_001, "new".into()),
            Command::zrange_newest(sorted.clone(), 1_700_000_000_000, 10),
            Command::zrange_newest(sorted.clone(), 1_700_000_000_001, 10),
            Command::zadd(sorted.clone(), 1_699_999_999_999, "too old".into()),
            Command::zremrangebyscore(sorted.clone(), 1_700_000_000_000),
            Command::zrange_newest(sorted.clone(), 0, 10),
            Command::zremrangebyrank(sorted.clone(), 0, -2),
            Command::zrange_newest(sorted.clone(), 0, 10),
            Command::del(hash),
            Command::del(sorted),
        ])
        .await;
    let list = |texts: &[&str]| Value::List(texts.iter().map(|item| text(item)).collect());
    assert_eq!(
        answers[..13],
        [
            Value::Integer(3),
            Value::Integer(7),
            list(&["f", "7"]),
            list(&[]),
            Value::Integer(1),
            Value::Integer(1),
            list(&["new", "old"]),
            list(&["new"]),
            Value::Integer(1),
            Value::Integer(1),
            list(&["new", "old"]),
            Value::Integer(1),
            list(&["new"]),
        ]
    );
}

/// The lock's whole life.
#[tokio::test]
async fn the_first_takes_it_and_only_its_owner_deletes_it() {
    let i = Instance::new();
    let lock = i.key("lock");
    let take = |owner: &str| Command::set_if_absent(lock.clone(), owner.into(), 10_000);
    let delete = |owner: &str| Command::run(&DELETE_IF_EQUAL, [lock.clone()], [owner.into()]);
    // One by one: a script that the server has forgotten would be late.
    let mut answers = Vec::new();
    for command in [
        take("mine"),
        take("theirs"),
        delete("theirs"),
        Command::new("GET").arg(lock.clone()),
        delete("mine"),
        delete("mine"),
        take("theirs"),
        Command::del(lock.clone()),
    ] {
        answers.push(i.one(command).await);
    }
    let [zero, one] = [0, 1].map(Value::Integer);
    assert_eq!(
        answers,
        [
            ok(),
            Value::Nil,
            zero.clone(),
            text("mine"),
            one.clone(),
            zero,
            ok(),
            one
        ]
    );
}

/// Redis itself, which the REST API need not let anybody do this to.
async fn forget_scripts() {
    let server = redis::Client::open(variable("REDIS_URL")).unwrap();
    let mut connection = server.get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("SCRIPT")
        .arg("FLUSH")
        .query_async(&mut connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn one_failed_command_is_named_and_the_others_are_done() {
    let i = Instance::new();
    let (word, count) = (i.key("word"), i.key("count"));
    let error = i
        .redis()
        .pipeline(&[
            Command::set(word.clone(), "abc".into(), 60),
            Command::new("INCR").arg(word.clone()),
            Command::new("INCR").arg(count.clone()),
        ])
        .await
        .unwrap_err();
    let RedisError::Command(reason) = &error else {
        panic!("{error:?}");
    };
    assert!(reason.contains("not an integer"), "{reason}");
    // A failure is a failure of Redis.
    let refused = i.redis().pipeline(&[Command::ping()]).await.unwrap_err();
    assert!(matches!(refused, RedisError::BreakerOpen), "{refused}");
    i.platform.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(
        i.one(Command::new("INCR").arg(count.clone())).await,
        Value::Integer(2)
    );
    i.pipeline(&[Command::del(word), Command::del(count)]).await;
}

#[tokio::test]
async fn a_transaction_is_done_as_a_whole() {
    let i = Instance::new();
    let key = i.key("transaction");
    let commands = [
        Command::set(key.clone(), "1".into(), 60),
        Command::new("INCR").arg(key.clone()),
        Command::del(key),
    ];
    let answer = i.redis().transaction(&commands).await;
    if std::env::var("UPSTASH_HAS_TRANSACTIONS").is_ok_and(|has| has == "no") {
        let refused = answer.unwrap_err();
        assert!(
            matches!(&refused, RedisError::Refused(status) if *status == 404),
            "{refused:?}"
        );
    } else {
        assert_eq!(
            answer.unwrap(),
            [ok(), Value::Integer(2), Value::Integer(1)]
        );
    }
}

#[tokio::test]
async fn a_large_value_comes_back_whole() {
    let i = Instance::new();
    let (key, large) = (i.key("large"), "ü".repeat(100_000));
    i.one(Command::set(key.clone(), large.clone(), 60)).await;
    assert_eq!(
        i.one(Command::new("GET").arg(key.clone())).await,
        text(&large)
    );
    i.one(Command::del(key)).await;
}
