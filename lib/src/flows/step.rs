//! The one step inside Redis in which a request is counted and what it came for is read or taken.

use super::{
    cache::{Found, GENERATION_SECONDS, Reading},
    lease::Lease,
};
use crate::{
    clients::upstash::{ADMIT, Command, RedisError, Upstash, Value},
    domain::rate_limit::{Client, Rule, Tier, Weights},
};

/// Stands for a count where nobody is counted.
const NO_COUNT: &str = "limit:none";

/// Whom to count, and by which rule.
#[derive(Debug)]
pub(super) struct Counting {
    current: String,
    previous: String,
    weights: Weights,
    /// Both windows in which a count matters.
    seconds: u64,
}

impl Counting {
    pub(super) fn of(tier: Tier, client: &Client, rule: Rule, now: u64) -> Self {
        let index = rule.window_index(now);
        let key = |index: u64| format!("limit:{}:{client}:{index}", tier.name());
        Self {
            current: key(index),
            previous: key(index.saturating_sub(1)),
            weights: rule.weights(now),
            seconds: 2 * u64::from(rule.window_seconds),
        }
    }
}

/// What a request came for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    Nothing,
    /// A key of its own for a while.
    Lease(&'a Lease),
    /// An answer, or the right to load it.
    Answer(&'a Reading),
}

/// What the step came to.
#[derive(Debug)]
pub(super) struct Stepped {
    /// Requests in this window, this one included, and in the one before.
    pub(super) counts: (u64, u64),
    pub(super) has_lease: bool,
    /// What was found of an answer; nothing for who is denied.
    pub(super) found: Option<Found>,
}

/// Does the step. Nobody is counted without `counting`.
pub(super) async fn step(
    redis: &Upstash<'_>,
    counting: Option<&Counting>,
    wanted: Wanted<'_>,
) -> Result<Stepped, RedisError> {
    let answer = redis.pipeline(&[command(counting, wanted)]).await?;
    let answer = answer.into_iter().next().and_then(Value::into_list);
    understand(answer.ok_or(RedisError::Undecodable)?, wanted)
}

fn command(counting: Option<&Counting>, wanted: Wanted<'_>) -> Command {
    let [current, previous] = match counting {
        Some(counting) => [counting.current.clone(), counting.previous.clone()],
        None => [NO_COUNT, NO_COUNT].map(ToOwned::to_owned),
    };
    let (lease, reading) = match wanted {
        Wanted::Nothing => (None, None),
        Wanted::Lease(lease) => (Some(lease), None),
        Wanted::Answer(reading) => (Some(reading.lead()), Some(reading)),
    };
    let mut keys = vec![current, previous];
    keys.extend(lease.map(|lease| lease.key.clone()));
    keys.extend(reading.into_iter().flat_map(Reading::keys));
    let weight = |weight: fn(&Weights) -> u64| {
        counting.map_or_else(String::new, |counting| {
            weight(&counting.weights).to_string()
        })
    };
    let arguments = [
        weight(|weights| weights.most),
        weight(|weights| weights.current),
        weight(|weights| weights.previous),
        counting.map_or_else(String::new, |counting| counting.seconds.to_string()),
        lease.map_or_else(String::new, |lease| lease.owner.clone()),
        lease.map_or_else(String::new, |lease| lease.millis.to_string()),
        reading.map_or_else(String::new, |reading| reading.began().to_string()),
        reading.map_or_else(String::new, Reading::held_validator),
        GENERATION_SECONDS.to_string(),
    ];
    Command::run(&ADMIT, keys, arguments)
}

fn understand(answer: Vec<Value>, wanted: Wanted<'_>) -> Result<Stepped, RedisError> {
    let mut parts = answer.into_iter();
    let mut count = || {
        let number = parts.next().and_then(|part| part.as_integer());
        number
            .and_then(|number| u64::try_from(number).ok())
            .ok_or(RedisError::Undecodable)
    };
    let counts = (count()?, count()?);
    let Some(leased) = parts.next() else {
        return Ok(Stepped {
            counts,
            has_lease: false,
            found: None,
        });
    };
    let has_lease = leased == Value::Integer(1);
    let found = match wanted {
        Wanted::Answer(reading) => Some(reading.understand(has_lease, parts)?),
        Wanted::Nothing | Wanted::Lease(_) => None,
    };
    Ok(Stepped {
        counts,
        has_lease,
        found,
    })
}
