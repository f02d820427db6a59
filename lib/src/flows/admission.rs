//! Letting a request in: one Redis pipeline counts it, reads what the route wants from the cache, and takes its lock.

use super::{
    cache::{Found, Reading, Slot},
    callers::user_of,
    lock::LockRequest,
    violations::{self, Violation},
};
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
pub struct Wanted<'a> {
    /// A cached answer to read.
    pub slot: Option<&'a Slot>,
    /// A lock to take.
    pub lock: Option<LockRequest>,
}

/// The request is let in.
#[derive(Debug)]
pub struct Admitted {
    /// What the cache held, and how it was asked; no answer when Redis was not asked or did not answer.
    pub cached: Option<(Reading, Option<Found>)>,
    /// Whether the lock was taken; `None` when Redis was not asked or did not answer.
    pub locked: Option<bool>,
}

/// The request is one too many.
#[derive(Clone, Copy, Debug)]
pub struct Denied(pub Decision);

/// Counts `request` against `tier` and fetches what is `wanted`, in one round trip. Who is known to be signed in counts
/// for themselves, anyone else by address.
///
/// Without Redis the instance counts on its own, which is weaker (each instance has its own count) and never fails.
pub async fn admit(
    app: &App,
    request: &Request,
    tier: Tier,
    wanted: Wanted<'_>,
) -> Result<Admitted, Denied> {
    let now = now_millis(app);
    let (tier, client, exempt) = identify(app, request, tier);
    let rule = app.config().limits.rule(tier);
    let counters = (!exempt).then(|| Counters::of(tier, &client, rule, now));

    let lock = wanted.lock.clone();
    let reading = wanted.slot.map(|slot| Reading::of(app, slot));
    let answer = match ask(app, counters.as_ref(), reading.as_ref(), wanted.lock).await {
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
                let mut commands = vec![Command::decr(counters.current)];
                let lock = lock.filter(|_| answer.locked == Some(true));
                commands.extend(lock.map(LockRequest::into_release));
                let leads = answer.found.is_some_and(|found| found.leads());
                commands.extend(reading.filter(|_| leads).map(|reading| reading.release()));
                commands.extend(violations::keeping(&Violation {
                    at: app.platform().now(),
                    tier: tier.name().to_owned(),
                    route: request.route.to_owned(),
                    identifier: client.to_string(),
                    request_id: request.id.clone(),
                }));
                give_back(app, commands);
            } else {
                app.local_counters().give_back(tier, &client, rule, now);
            }
            return Err(Denied(decision));
        }
    }
    Ok(Admitted {
        cached: reading.map(|reading| (reading, answer.found)),
        locked: answer.locked,
    })
}

/// Which tier `request` falls under, who is counted, and whether they are not.
fn identify(app: &App, request: &Request, tier: Tier) -> (Tier, Client, bool) {
    let limits = &app.config().limits;
    let from_friends = request
        .address
        .is_some_and(|address| limits.exempts(address));
    match (user_of(app, request), request.address) {
        (Some(user), _) => {
            let exempt = from_friends || limits.exempts_name(&user);
            (tier.of_users(), Client::named(&user), exempt)
        }
        (None, Some(address)) => (tier, Client::from_address(address), from_friends),
        (None, None) => (tier, Client::named("unknown"), false),
    }
}

/// Milliseconds since the Unix epoch.
fn now_millis(app: &App) -> u64 {
    u64::try_from(app.platform().now().as_millisecond()).unwrap_or(0)
}

/// A denied request must not count, or a client that retries is never let in again; nor may it keep others from a lock or
/// from loading what it asked for.
fn give_back(app: &App, commands: Vec<Command>) {
    app.after_response(|app| {
        Box::pin(async move {
            if let Some(redis) = app.redis() {
                // Counter and lock end by themselves soon.
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
    found: Option<Found>,
    locked: Option<bool>,
}

/// What a request that is not counted reads in place of its count.
const NO_COUNT: &str = "limit:none";

async fn ask(
    app: &App,
    counters: Option<&Counters>,
    reading: Option<&Reading>,
    lock: Option<LockRequest>,
) -> Result<Answer, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(Answer::default());
    };
    let previous = counters.map(|counters| counters.previous.clone());
    let mut commands = Vec::with_capacity(4);
    if let Some(counters) = counters {
        commands.push(Command::incr(counters.current.clone()));
        commands.push(Command::expire_once(
            counters.current.clone(),
            counters.seconds,
        ));
    }
    match (reading, previous) {
        (Some(reading), previous) => {
            let count_key = previous.unwrap_or_else(|| NO_COUNT.to_owned());
            commands.push(reading.command(count_key));
        }
        (None, Some(previous)) => commands.push(Command::get(previous)),
        (None, None) => {}
    }
    let locks = lock.is_some();
    commands.extend(lock.map(LockRequest::into_command));
    if commands.is_empty() {
        return Ok(Answer::default());
    }

    let mut values = redis.pipeline(&commands).await?.into_iter();
    let mut next = || values.next().ok_or(RedisError::Undecodable);
    let mut answer = Answer::default();
    let mut current = None;
    if counters.is_some() {
        current = next()?.as_integer();
        next()?;
    }
    let mut before = 0;
    if let Some(reading) = reading {
        let (count, found) = reading.understand(next()?)?;
        before = count;
        answer.found = Some(found);
    } else if counters.is_some() {
        before = count_of(next()?.as_integer());
    }
    answer.counts = current.map(|current| (count_of(Some(current)), before));
    if locks {
        answer.locked = Some(next()? != Value::Nil);
    }
    Ok(answer)
}

fn count_of(number: Option<i64>) -> u64 {
    number
        .and_then(|number| u64::try_from(number).ok())
        .unwrap_or(0)
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
