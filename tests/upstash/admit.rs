//! The script that admits requests.

use super::*;
use exodrive::{clients::upstash::ADMIT, domain::rate_limit::Rule};

/// The script with keys that only one test uses.
struct AdmitScript<'a> {
    instance: &'a Instance,
    keys: Vec<String>,
}

impl<'a> AdmitScript<'a> {
    /// Uses the first `count` of the script's keys.
    fn new(instance: &'a Instance, count: usize) -> Self {
        let names = [
            "count",
            "previous",
            "leader",
            "envelope",
            "epoch",
            "generation",
        ];
        Self {
            instance,
            keys: names[..count]
                .iter()
                .map(|name| instance.key(name))
                .collect(),
        }
    }

    /// Admits a request of `owner`, which has the body of `etag`. Two requests a minute are
    /// allowed, and 20 seconds of the minute are left.
    fn command(&self, is_limited: bool, owner: &str, etag: &str) -> Command {
        let most = if is_limited { "120000" } else { "" };
        let arguments = [
            most, "60000", "20000", "120", owner, "5000", "0", etag, "60",
        ];
        Command::run(&ADMIT, self.keys.clone(), arguments.map(ToOwned::to_owned))
    }

    async fn run(&self, is_limited: bool, owner: &str) -> Value {
        self.instance
            .execute(self.command(is_limited, owner, ""))
            .await
    }

    async fn delete_keys(self) {
        let commands = self.keys.into_iter().map(Command::del).collect::<Vec<_>>();
        self.instance.pipeline(&commands).await;
    }
}

fn numbers<const N: usize>(numbers: [i64; N]) -> Value {
    Value::List(numbers.map(Value::Integer).to_vec())
}

/// The reply to a read: the counts, 1 for the leader, the envelope, and the epoch with the
/// generation.
fn read(leader: i64, envelope: Value, current: &str) -> Value {
    let [one, previous] = [1, 0].map(Value::Integer);
    Value::List(vec![
        one,
        previous,
        Value::Integer(leader),
        envelope,
        text(current),
    ])
}

/// Redis forgets its scripts at a restart. The client then resends only the scripts of a pipeline,
/// with their source.
#[tokio::test]
async fn forgotten_script_is_sent_again() {
    let instance = Instance::new();
    forget_scripts().await;
    let (script, word) = (AdmitScript::new(&instance, 3), instance.key("word"));
    let set = Command::set(word.clone(), "w".into(), 60);
    let first = script.command(true, "me", "");
    let replies = instance.pipeline(&[set, first.clone(), first]).await;
    assert_eq!(replies, [ok(), numbers([1, 0, 1]), numbers([2, 0, 0])]);
    instance.execute(Command::del(word)).await;
    script.delete_keys().await;
}

/// A denied request changes neither the count nor the leader, however often it is retried.
#[tokio::test]
async fn denied_request_changes_nothing() {
    let instance = Instance::new();
    let script = AdmitScript::new(&instance, 3);
    let [count, previous, leader] = [0, 1, 2].map(|at| script.keys[at].clone());
    // A third of the previous window remains, so its three requests count as one.
    instance
        .execute(Command::set(previous, "3".into(), 60))
        .await;
    assert_eq!(script.run(true, "first").await, numbers([1, 3, 1]));
    instance.execute(Command::del(leader.clone())).await;
    for _ in 0..3 {
        assert_eq!(script.run(true, "second").await, numbers([2, 3]));
    }
    assert_eq!(
        instance.execute(Command::new("GET").arg(count)).await,
        text("1")
    );
    assert_eq!(
        instance.execute(Command::new("GET").arg(leader)).await,
        Value::Nil
    );
    script.delete_keys().await;
}

#[tokio::test]
async fn first_unlimited_request_leads() {
    let instance = Instance::new();
    let script = AdmitScript::new(&instance, 3);
    assert_eq!(script.run(false, "first").await, numbers([1, 0, 1]));
    assert_eq!(script.run(false, "second").await, numbers([1, 0, 0]));
    let [count, leader] = [0, 2].map(|at| script.keys[at].clone());
    assert_eq!(
        instance.execute(Command::new("GET").arg(count)).await,
        Value::Nil
    );
    assert_eq!(
        instance.execute(Command::new("GET").arg(leader)).await,
        text("first")
    );
    script.delete_keys().await;
}

/// An evicted generation must not revive entries that a booking has invalidated.
#[tokio::test]
async fn evicted_generation_gets_new_name() {
    let instance = Instance::new();
    let script = AdmitScript::new(&instance, 6);
    let [leader, envelope, _, generation] = [2, 3, 4, 5].map(|at| script.keys[at].clone());
    assert_eq!(script.run(false, "a").await, read(1, Value::Nil, "aa"));
    let stored = "aa 0 60000 \"tag\"\n{}";
    instance
        .pipeline(&[
            Command::set(envelope, stored.to_owned(), 60),
            Command::del(leader),
        ])
        .await;
    assert_eq!(script.run(false, "b").await, read(0, text(stored), "aa"));
    instance.execute(Command::del(generation)).await;
    assert_eq!(script.run(false, "c").await, read(1, text(stored), "ac"));
    script.delete_keys().await;
}

#[tokio::test]
async fn known_body_is_not_sent() {
    let instance = Instance::new();
    let script = AdmitScript::new(&instance, 6);
    let envelope = "gg 0 60000 \"tag\"\n{\"a\":\"\\n\"}\n";
    let store = Command::set(script.keys[3].clone(), envelope.to_owned(), 60);
    let mut commands = vec![store];
    commands.extend(["", "\"other\"", "\"tag\""].map(|etag| script.command(false, "g", etag)));
    let replies = instance.pipeline(&commands).await;
    let hit = |envelope| read(0, text(envelope), "gg");
    assert_eq!(
        replies[1..],
        [hit(envelope), hit(envelope), hit("gg 0 60000 \"tag\"\n")]
    );
    script.delete_keys().await;
}

#[tokio::test]
async fn script_admits_like_rule() {
    let instance = Instance::new();
    let script = AdmitScript::new(&instance, 2);
    let rule = Rule {
        limit: 1_000_000,
        window_seconds: 86_400,
    };
    // Around the limit, where one millisecond or one request decides.
    for (count, previous, now) in [
        (0, 1_000_000, 0),
        (0, 1_000_000, 86),
        (0, 1_000_000, 87),
        (499_999, 1_000_000, 43_200_000),
        (500_000, 1_000_000, 43_200_000),
        (999_999, 0, 86_399_999),
        (1_000_000, 0, 86_399_999),
        (999_998, 1_000_000, 86_399_999),
        (999_999, 1_000_000, 86_399_999),
    ] {
        let keys = [count, previous].into_iter().zip(&script.keys);
        let set: Vec<Command> = keys
            .map(|(number, key)| Command::set(key.clone(), number.to_string(), 60))
            .collect();
        instance.pipeline(&set).await;
        let weights = rule.weights(now);
        let numbers = [weights.most, weights.current, weights.previous, 60];
        let [most, current_weight, previous_weight, seconds] =
            numbers.map(|number| number.to_string());
        let none = String::new;
        let arguments = [
            most,
            current_weight,
            previous_weight,
            seconds,
            none(),
            none(),
            none(),
            none(),
            none(),
        ];
        instance
            .execute(Command::run(&ADMIT, script.keys.clone(), arguments))
            .await;
        let counted = instance
            .execute(Command::new("GET").arg(script.keys[0].clone()))
            .await;
        let allowed = rule.decide(count + 1, previous, now).allowed;
        let expected = count + u64::from(allowed);
        assert_eq!(
            counted,
            text(&expected.to_string()),
            "{count} {previous} {now}"
        );
    }
    script.delete_keys().await;
}
