//! The step that lets requests in.

use super::*;
use exodrive::{clients::upstash::ADMIT, domain::rate_limit::Rule};

/// The step under keys of a test's own.
struct Step<'a> {
    instance: &'a Instance,
    keys: Vec<String>,
}

impl<'a> Step<'a> {
    /// With so many of the script's keys.
    fn new(instance: &'a Instance, keys: usize) -> Self {
        let names = [
            "count",
            "before",
            "lease",
            "envelope",
            "epoch",
            "generation",
        ];
        Self {
            instance,
            keys: names[..keys]
                .iter()
                .map(|name| instance.key(name))
                .collect(),
        }
    }

    /// A request by `owner`, who has a body with the validator `held`: two a minute, 20 seconds of which are left.
    fn command(&self, counted: bool, owner: &str, held: &str) -> Command {
        let most = if counted { "120000" } else { "" };
        let arguments = [
            most, "60000", "20000", "120", owner, "5000", "0", held, "60",
        ];
        Command::run(&ADMIT, self.keys.clone(), arguments.map(ToOwned::to_owned))
    }

    async fn run(&self, counted: bool, owner: &str) -> Value {
        self.instance.one(self.command(counted, owner, "")).await
    }

    async fn forget(self) {
        let all = self.keys.into_iter().map(Command::del).collect::<Vec<_>>();
        self.instance.pipeline(&all).await;
    }
}

fn numbers<const N: usize>(numbers: [i64; N]) -> Value {
    Value::List(numbers.map(Value::Integer).to_vec())
}

fn read(leased: i64, envelope: Value, current: &str) -> Value {
    let [one, before] = [1, 0].map(Value::Integer);
    Value::List(vec![
        one,
        before,
        Value::Integer(leased),
        envelope,
        text(current),
    ])
}

/// Its digest is unknown after a restart: the source goes after it, for the scripts alone.
#[tokio::test]
async fn a_script_that_the_server_forgot_is_sent_again() {
    let i = Instance::new();
    forget_scripts().await;
    let (step, word) = (Step::new(&i, 3), i.key("word"));
    let set = Command::set(word.clone(), "w".into(), 60);
    let first = step.command(true, "me", "");
    let answers = i.pipeline(&[set, first.clone(), first]).await;
    assert_eq!(answers, [ok(), numbers([1, 0, 1]), numbers([2, 0, 0])]);
    i.one(Command::del(word)).await;
    step.forget().await;
}

/// One that is refused leaves no trace: it neither counts nor takes anything, however often it comes.
#[tokio::test]
async fn who_is_denied_has_taken_nothing() {
    let i = Instance::new();
    let step = Step::new(&i, 3);
    let [count, before, lease] = [0, 1, 2].map(|at| step.keys[at].clone());
    // Three in the window before weigh one now.
    i.one(Command::set(before, "3".into(), 60)).await;
    assert_eq!(step.run(true, "first").await, numbers([1, 3, 1]));
    i.one(Command::del(lease.clone())).await;
    for _ in 0..3 {
        assert_eq!(step.run(true, "second").await, numbers([2, 3]));
    }
    assert_eq!(i.one(Command::new("GET").arg(count)).await, text("1"));
    assert_eq!(i.one(Command::new("GET").arg(lease)).await, Value::Nil);
    step.forget().await;
}

#[tokio::test]
async fn the_first_has_the_lease_and_nobody_need_be_counted() {
    let i = Instance::new();
    let step = Step::new(&i, 3);
    assert_eq!(step.run(false, "first").await, numbers([1, 0, 1]));
    assert_eq!(step.run(false, "second").await, numbers([1, 0, 0]));
    let [count, lease] = [0, 2].map(|at| step.keys[at].clone());
    assert_eq!(i.one(Command::new("GET").arg(count)).await, Value::Nil);
    assert_eq!(i.one(Command::new("GET").arg(lease)).await, text("first"));
    step.forget().await;
}

/// What Redis let go of to make room must not bring back what a booking had ended.
#[tokio::test]
async fn a_generation_that_is_lost_is_another_one_afterwards() {
    let i = Instance::new();
    let step = Step::new(&i, 6);
    let [lease, envelope, _, generation] = [2, 3, 4, 5].map(|at| step.keys[at].clone());
    assert_eq!(step.run(false, "a").await, read(1, Value::Nil, "aa"));
    let kept = "aa 0 60000 \"tag\"\n{}";
    i.pipeline(&[
        Command::set(envelope, kept.to_owned(), 60),
        Command::del(lease),
    ])
    .await;
    assert_eq!(step.run(false, "b").await, read(0, text(kept), "aa"));
    i.one(Command::del(generation)).await;
    assert_eq!(step.run(false, "c").await, read(1, text(kept), "ac"));
    step.forget().await;
}

#[tokio::test]
async fn a_body_that_the_reader_has_is_not_sent() {
    let i = Instance::new();
    let step = Step::new(&i, 6);
    let whole = "gg 0 60000 \"tag\"\n{\"a\":\"\\n\"}\n";
    let store = Command::set(step.keys[3].clone(), whole.to_owned(), 60);
    let mut commands = vec![store];
    commands.extend(["", "\"other\"", "\"tag\""].map(|held| step.command(false, "g", held)));
    let answers = i.pipeline(&commands).await;
    let found = |envelope| read(0, text(envelope), "gg");
    assert_eq!(
        answers[1..],
        [found(whole), found(whole), found("gg 0 60000 \"tag\"\n")]
    );
    step.forget().await;
}

/// The script's arithmetic is the rule's.
#[tokio::test]
async fn the_step_lets_in_whom_the_rule_lets_in() {
    let i = Instance::new();
    let step = Step::new(&i, 2);
    let rule = Rule {
        limit: 1_000_000,
        window_seconds: 86_400,
    };
    // At the very edge: a millisecond or a request more is too much.
    for (count, before, now) in [
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
        let keys = [count, before].into_iter().zip(&step.keys);
        let set: Vec<Command> = keys
            .map(|(number, key)| Command::set(key.clone(), number.to_string(), 60))
            .collect();
        i.pipeline(&set).await;
        let weights = rule.weights(now);
        let numbers = [weights.most, weights.current, weights.previous, 60];
        let [most, current, previous, seconds] = numbers.map(|number| number.to_string());
        let none = String::new;
        let arguments = [
            most,
            current,
            previous,
            seconds,
            none(),
            none(),
            none(),
            none(),
            none(),
        ];
        i.one(Command::run(&ADMIT, step.keys.clone(), arguments))
            .await;
        let counted = i.one(Command::new("GET").arg(step.keys[0].clone())).await;
        let allowed = rule.decide(count + 1, before, now).allowed;
        let expected = count + u64::from(allowed);
        assert_eq!(
            counted,
            text(&expected.to_string()),
            "{count} {before} {now}"
        );
    }
    step.forget().await;
}
