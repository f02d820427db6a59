//! Tests the product's Upstash client against the server at `UPSTASH_REDIS_REST_URL`: the emulator
//! or an independent server. The independent server fails if we misread Upstash's documentation.
//!
//! Set `UPSTASH_HAS_TRANSACTIONS=no` for a server without `/multi-exec`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test reads its own environment and stops at its first failure"
)]

#[path = "upstash/admit.rs"]
mod admit;

use bytes::Bytes;
use exodrive::platform::{Platform, TransportError};
use exodrive::{
    clients::upstash::{Command, DELETE_IF_EQUAL, RedisError, RedisState, Upstash, Value},
    domain::secret::Secret,
};
use exodrive_native::{Clock, NativePlatform};
use futures_util::future::{BoxFuture, pending};
use jiff::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// The real network without timeouts, so that the tests also pass on a slow machine.
struct PlatformWithoutTimeouts {
    native: NativePlatform,
    clock: Clock,
}

impl Platform for PlatformWithoutTimeouts {
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

/// An instance's access to Redis, with keys that only one test uses.
struct Instance {
    platform: PlatformWithoutTimeouts,
    state: RedisState,
    url: String,
    token: Secret,
    prefix: String,
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run script/test"))
}

impl Instance {
    fn new() -> Self {
        // The clock stands still, so an open breaker stays open until the test advances it.
        let clock = Clock::fixed_at(Timestamp::UNIX_EPOCH);
        Self {
            platform: PlatformWithoutTimeouts {
                native: NativePlatform::new(clock.clone()),
                clock,
            },
            state: RedisState::default(),
            url: variable("UPSTASH_REDIS_REST_URL"),
            token: Secret::new(variable("UPSTASH_REDIS_REST_TOKEN")),
            prefix: format!("clients:{}:", Uuid::new_v4()),
        }
    }

    fn redis(&self) -> Upstash<'_> {
        Upstash::new(
            &self.platform,
            &self.state,
            &self.url,
            &self.token,
            Duration::from_millis(150),
        )
    }

    async fn pipeline(&self, commands: &[Command]) -> Vec<Value> {
        self.redis().pipeline(commands).await.unwrap()
    }

    async fn execute(&self, command: Command) -> Value {
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
async fn pipeline_replies_in_order() {
    let instance = Instance::new();
    let (a, b) = (instance.key("a"), instance.key("b"));
    let replies = instance
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
        replies,
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
async fn hashes_and_sorted_sets_round_trip() {
    let instance = Instance::new();
    let (hash, sorted) = (instance.key("hash"), instance.key("sorted"));
    let replies = instance
        .pipeline(&[
            Command::hincrby(hash.clone(), "f".into(), 3),
            Command::hincrby(hash.clone(), "f".into(), 4),
            Command::hgetall(hash.clone()),
            Command::hgetall(instance.key("none")),
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
        replies[..13],
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

#[tokio::test]
async fn only_owner_deletes_lock() {
    let instance = Instance::new();
    let lock = instance.key("lock");
    let take = |owner: &str| Command::set_if_absent(lock.clone(), owner.into(), 10_000);
    let delete = |owner: &str| Command::run(&DELETE_IF_EQUAL, [lock.clone()], [owner.into()]);
    // The commands run one at a time, because in a pipeline the client resends a forgotten script
    // after the other commands.
    let mut replies = Vec::new();
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
        replies.push(instance.execute(command).await);
    }
    let [zero, one] = [0, 1].map(Value::Integer);
    assert_eq!(
        replies,
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

/// Uses Redis directly, because the REST API may refuse this command.
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
async fn failed_command_spares_others() {
    let instance = Instance::new();
    let (word, count) = (instance.key("word"), instance.key("count"));
    let error = instance
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
    // A failed command opens the breaker.
    let refused = instance
        .redis()
        .pipeline(&[Command::ping()])
        .await
        .unwrap_err();
    assert!(matches!(refused, RedisError::BreakerOpen), "{refused}");
    instance.platform.clock.advance(Duration::from_secs(5));
    assert_eq!(
        instance
            .execute(Command::new("INCR").arg(count.clone()))
            .await,
        Value::Integer(2)
    );
    instance
        .pipeline(&[Command::del(word), Command::del(count)])
        .await;
}

#[tokio::test]
async fn transaction_runs_as_whole() {
    let instance = Instance::new();
    let key = instance.key("transaction");
    let commands = [
        Command::set(key.clone(), "1".into(), 60),
        Command::new("INCR").arg(key.clone()),
        Command::del(key),
    ];
    let reply = instance.redis().transaction(&commands).await;
    if std::env::var("UPSTASH_HAS_TRANSACTIONS").is_ok_and(|has| has == "no") {
        let refused = reply.unwrap_err();
        assert!(
            matches!(&refused, RedisError::Refused(status) if *status == 404),
            "{refused:?}"
        );
    } else {
        assert_eq!(reply.unwrap(), [ok(), Value::Integer(2), Value::Integer(1)]);
    }
}

#[tokio::test]
async fn large_value_round_trips() {
    let instance = Instance::new();
    let (key, large) = (instance.key("large"), "ü".repeat(100_000));
    instance
        .execute(Command::set(key.clone(), large.clone(), 60))
        .await;
    assert_eq!(
        instance.execute(Command::new("GET").arg(key.clone())).await,
        text(&large)
    );
    instance.execute(Command::del(key)).await;
}
