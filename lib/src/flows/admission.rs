//! Letting a request in: one Redis pipeline counts it, reads what the route wants from the cache, and takes its lock.

use super::lock::LockRequest;
use crate::{
    app::App,
    clients::upstash::{Command, RedisError, Value},
    domain::rate_limit::{Client, Decision, Rule, Tier},
    http::request::Request,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// What a route asks for on its way in.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Keys to read.
    pub keys: Vec<String>,
    /// A lock to take.
    pub lock: Option<LockRequest>,
}

/// The request is let in.
#[derive(Debug)]
pub struct Admitted {
    /// What the keys held, in order; `None` when Redis was not asked or did not answer.
    pub values: Option<Vec<Value>>,
    /// Whether the lock was taken; `None` when Redis was not asked or did not answer.
    pub locked: Option<bool>,
}

/// The request is one too many.
#[derive(Clone, Copy, Debug)]
pub struct Denied(pub Decision);

/// Counts `request` against `tier` and fetches what is `wanted`, in one round trip.
///
/// Without Redis the instance counts on its own, which is weaker (each instance has its own count) and never fails.
pub async fn admit(
    app: &App,
    request: &Request,
    tier: Tier,
    wanted: Wanted,
) -> Result<Admitted, Denied> {
    let now = now_millis(app);
    let limits = &app.config().limits;
    let rule = limits.rule(tier);
    let exempt = request
        .address
        .is_some_and(|address| limits.exempts(address));
    let client = request
        .address
        .map_or_else(|| Client::named("unknown"), Client::from_address);
    let counters = (!exempt).then(|| Counters::of(tier, &client, rule, now));

    let lock = wanted.lock.clone();
    let answer = match ask(app, counters.as_ref(), wanted).await {
        Ok(answer) => answer,
        Err(error) => {
            if !matches!(error, RedisError::BreakerOpen) {
                log::warn!("request={} redis: {error}", request.id);
            }
            Answer::default()
        }
    };
    if let Some(counters) = counters {
        let counted = answer.counts.is_some();
        let (current, previous) = answer
            .counts
            .unwrap_or_else(|| app.local_counters().count(tier, &client, rule, now));
        let decision = rule.decide(current, previous, now);
        request.notes.limit(tier.name(), decision);
        if !decision.allowed {
            if counted {
                let lock = lock.filter(|_| answer.locked == Some(true));
                give_back(app, counters.current, lock);
            } else {
                app.local_counters().give_back(tier, &client, rule, now);
            }
            return Err(Denied(decision));
        }
    }
    Ok(Admitted {
        values: answer.values,
        locked: answer.locked,
    })
}

/// Milliseconds since the Unix epoch.
fn now_millis(app: &App) -> u64 {
    u64::try_from(app.platform().now().as_millisecond()).unwrap_or(0)
}

/// A denied request must not count, or a client that retries is never let in again; nor may it keep a lock from others.
fn give_back(app: &App, counter: String, lock: Option<LockRequest>) {
    let mut commands = vec![Command::decr(counter)];
    commands.extend(lock.map(LockRequest::into_release));
    app.after_response(|app| {
        Box::pin(async move {
            if let Some(redis) = app.redis() {
                // Both end by themselves soon.
                let _ = redis.pipeline(&commands).await;
            }
        })
    });
}

struct Counters {
    current: String,
    previous: String,
    seconds: u64,
}

impl Counters {
    fn of(tier: Tier, client: &Client, rule: Rule, now: u64) -> Self {
        let index = rule.window_index(now);
        let key = |index: u64| format!("limit:{}:{client}:{index}", tier.name());
        Self {
            current: key(index),
            previous: key(index.saturating_sub(1)),
            seconds: 2 * u64::from(rule.window_seconds),
        }
    }
}

#[derive(Default)]
struct Answer {
    counts: Option<(u64, u64)>,
    values: Option<Vec<Value>>,
    locked: Option<bool>,
}

async fn ask(app: &App, counters: Option<&Counters>, wanted: Wanted) -> Result<Answer, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(Answer::default());
    };
    let mut commands = Vec::with_capacity(4);
    let mut keys = Vec::with_capacity(wanted.keys.len() + 1);
    if let Some(counters) = counters {
        commands.push(Command::incr(counters.current.clone()));
        commands.push(Command::expire_once(
            counters.current.clone(),
            counters.seconds,
        ));
        keys.push(counters.previous.clone());
    }
    keys.extend(wanted.keys);
    let reads = !keys.is_empty();
    if reads {
        commands.push(Command::mget(keys));
    }
    let locks = wanted.lock.is_some();
    commands.extend(wanted.lock.map(LockRequest::into_command));
    if commands.is_empty() {
        return Ok(Answer {
            values: Some(Vec::new()),
            ..Answer::default()
        });
    }

    let mut values = redis.pipeline(&commands).await?.into_iter();
    let mut next = || values.next().ok_or(RedisError::Undecodable);
    let mut answer = Answer::default();
    let current = match counters {
        Some(_) => {
            let count = next()?.as_integer();
            next()?;
            count
        }
        None => None,
    };
    let read = if reads {
        next()?
    } else {
        Value::List(Vec::new())
    };
    let Value::List(mut read) = read else {
        return Err(RedisError::Undecodable);
    };
    if counters.is_some() && !read.is_empty() {
        let previous = read.remove(0).as_integer().unwrap_or(0);
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        answer.counts = current.map(|current| (count(current), count(previous)));
    }
    answer.values = Some(read);
    if locks {
        answer.locked = Some(next()? != Value::Nil);
    }
    Ok(answer)
}

/// Counts of this instance alone, for when Redis has none. Bounded: the oldest go first.
#[derive(Debug, Default)]
pub struct LocalCounters(Mutex<BTreeMap<(u64, Tier, Client), u64>>);

impl LocalCounters {
    const MOST: usize = 10_000;

    fn count(&self, tier: Tier, client: &Client, rule: Rule, now: u64) -> (u64, u64) {
        let index = rule.window_index(now);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while counts.len() >= Self::MOST {
            counts.pop_first();
        }
        let current = counts.entry((index, tier, client.clone())).or_default();
        *current += 1;
        let current = *current;
        let previous = counts
            .get(&(index.saturating_sub(1), tier, client.clone()))
            .copied();
        (current, previous.unwrap_or(0))
    }

    fn give_back(&self, tier: Tier, client: &Client, rule: Rule, now: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = counts.get_mut(&(rule.window_index(now), tier, client.clone())) {
            *current = current.saturating_sub(1);
        }
    }
}
