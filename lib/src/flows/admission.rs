//! Letting a request in: one step inside Redis counts it, reads what the route wants from the cache, or takes its lock.

use super::{
    cache::{Found, Reading},
    callers::user_of,
    lease::Lease,
    lock::Taken,
    step::{Counting, Stepped, Wanted, step},
    violations::{self, Violation},
};
use crate::{
    app::App,
    clients::upstash::RedisError,
    domain::rate_limit::{Client, Decision, Rule, Tier},
    http::request::Request,
};
use lru::LruCache;
use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

/// The request is one too many.
#[derive(Clone, Copy, Debug)]
pub struct Denied(pub Decision);

/// Counts `request` against `tier`. Who is known to be signed in counts for themselves, anyone else by address.
///
/// Without Redis the instance counts on its own, which is weaker (each instance has its own count) and never fails.
pub async fn admit(app: &App, request: &Request, tier: Tier) -> Result<(), Denied> {
    enter(app, request, tier, Wanted::Nothing).await.map(drop)
}

/// The same, and reads an answer in the same round trip: what Redis has of it, `None` when it was not asked or did not answer.
pub async fn admit_reader(
    app: &App,
    request: &Request,
    tier: Tier,
    reading: Option<&Reading>,
) -> Result<Option<Found>, Denied> {
    let wanted = reading.map_or(Wanted::Nothing, Wanted::Answer);
    let stepped = enter(app, request, tier, wanted).await?;
    Ok(stepped.ok().and_then(|stepped| stepped.found))
}

/// The same, and takes a lock in the same round trip.
pub async fn admit_to_lock(
    app: &App,
    request: &Request,
    tier: Tier,
    lock: Option<&Lease>,
) -> Result<Taken, Denied> {
    let wanted = lock.map_or(Wanted::Nothing, Wanted::Lease);
    let stepped = enter(app, request, tier, wanted).await?;
    Ok(match stepped {
        Ok(stepped) if stepped.has_lease => Taken::Yes,
        Ok(_) => Taken::No,
        Err(NotStepped { in_doubt: true }) => Taken::Unknown,
        Err(NotStepped { in_doubt: false }) => Taken::NotAsked,
    })
}

async fn enter(
    app: &App,
    request: &Request,
    tier: Tier,
    wanted: Wanted<'_>,
) -> Result<Result<Stepped, NotStepped>, Denied> {
    let now = u64::try_from(app.platform().now().as_millisecond()).unwrap_or(0);
    let (tier, client, is_exempt) = identify(app, request, tier);
    let rule = app.config().limits.rule(tier);
    let counting = (!is_exempt).then(|| Counting::of(tier, &client, rule, now));
    let stepped = ask(app, request, counting.as_ref(), wanted).await;
    if is_exempt {
        return Ok(stepped);
    }
    let decision = match &stepped {
        Ok(Stepped {
            counts: (current, previous),
            ..
        }) => rule.decide(*current, *previous, now),
        Err(_) => app.local_counters().decide(tier, &client, rule, now),
    };
    request.notes.limit(tier.name(), decision);
    if decision.allowed {
        return Ok(stepped);
    }
    if stepped.is_ok() {
        keep_violation(
            app,
            &Violation {
                at: app.platform().now(),
                tier: tier.name().to_owned(),
                route: request.route.to_owned(),
                identifier: client.to_string(),
                request_id: request.id.clone(),
            },
        );
    }
    Err(Denied(decision))
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

/// Redis did not say what the step came to.
#[derive(Clone, Copy, Debug)]
struct NotStepped {
    /// It may have been done all the same.
    in_doubt: bool,
}

/// What Redis says, if it is to be asked at all and answers.
async fn ask(
    app: &App,
    request: &Request,
    counting: Option<&Counting>,
    wanted: Wanted<'_>,
) -> Result<Stepped, NotStepped> {
    let surely_not = NotStepped { in_doubt: false };
    if counting.is_none() && matches!(wanted, Wanted::Nothing) {
        return Err(surely_not);
    }
    let redis = app.redis().ok_or(surely_not)?;
    step(&redis, counting, wanted).await.map_err(|error| {
        if !matches!(error, RedisError::BreakerOpen) {
            log::warn!("request={} redis: {error}", request.id);
        }
        NotStepped {
            in_doubt: !error.has_changed_nothing(),
        }
    })
}

fn keep_violation(app: &App, violation: &Violation) {
    let commands = violations::keeping(violation);
    app.after_response(|app| {
        Box::pin(async move {
            // It answered a moment ago.
            let Some(redis) = app.redis() else { return };
            if let Err(error) = redis.patient().pipeline(&commands).await {
                log::warn!("violations: one was not kept: {error}");
            }
        })
    });
}

/// Counts of this instance alone, for when Redis has none. Whoever came longest ago makes room.
#[derive(Debug)]
pub struct LocalCounters(Mutex<LruCache<(u64, Tier, Client), u64>>);

impl Default for LocalCounters {
    fn default() -> Self {
        const MOST: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
        let mut counts = LruCache::unbounded();
        // Not with_capacity: most instances never count for themselves.
        counts.resize(MOST);
        Self(Mutex::new(counts))
    }
}

impl LocalCounters {
    /// Decides on a request at `now`, and counts it if it is let in.
    fn decide(&self, tier: Tier, client: &Client, rule: Rule, now: u64) -> Decision {
        let index = rule.window_index(now);
        let window = |index: u64| (index, tier, client.clone());
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = counts.peek(&window(index.saturating_sub(1))).copied();
        let current = counts.get(&window(index)).copied().unwrap_or(0) + 1;
        let decision = rule.decide(current, previous.unwrap_or(0), now);
        if decision.allowed {
            counts.put(window(index), current);
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        limit: 2,
        window_seconds: 60,
    };

    #[test]
    fn an_instance_alone_keeps_to_the_rule() {
        let counters = LocalCounters::default();
        let ask = |name: &str, now| {
            let decision = counters.decide(Tier::Public, &Client::named(name), RULE, now);
            decision.allowed
        };
        assert_eq!(
            [
                ask("a", 60_000),
                ask("a", 60_001),
                ask("a", 60_002),
                ask("b", 60_003)
            ],
            [true, true, false, true]
        );
        // Two in the window before weigh one, half a window later.
        assert_eq!(
            [ask("a", 150_000), ask("a", 150_001)],
            [true, false],
            "what was denied did not count"
        );
    }

    #[test]
    fn who_came_longest_ago_makes_room() {
        let counters = LocalCounters::default();
        let most = counters.0.lock().unwrap().cap().get();
        let ask = |number: usize, now| {
            let client = Client::named(&number.to_string());
            counters.decide(Tier::Public, &client, RULE, now).remaining
        };
        for number in 0..=most {
            assert_eq!(ask(number, 0), 1);
        }
        assert_eq!(ask(most, 0), 0);
        assert_eq!(ask(0, 0), 1, "the first was forgotten");
        assert_eq!(counters.0.lock().unwrap().len(), most);
    }
}
