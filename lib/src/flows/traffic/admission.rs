//! Admission of a request: one round trip to Redis counts it against its rate limit, and reads a
//! cached response or takes a lock.

use super::{
    callers::known_user,
    violations::{self, Violation},
};
use crate::{
    app::App,
    clients::upstash::{AdmitReply, AdmitStep, Lease, LimitCounters, StoredEntry},
    domain::rate_limit::{Client, Decision, Tier},
    flows::redis::{
        admit::{AdmitError, admit_in_redis},
        lookup::{CacheEntry, CacheLookup},
    },
    web::request::Request,
};

/// The request is over its rate limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimitExceeded(pub(crate) Decision);

/// The attempt to take a lock during admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockAttempt {
    /// The lock is ours.
    Success,
    /// Another request has the lock.
    Conflict,
    /// Redis gave no reply. The lock may be ours.
    InDoubt,
    /// Redis is off or has surely not received the request.
    Unavailable,
}

/// Counts `request` against `tier`. A known user counts by id, anybody else by address.
///
/// Without Redis each instance counts alone. That limit is weaker and never fails.
pub(crate) async fn admit(app: &App, request: &Request, tier: Tier) -> Result<(), LimitExceeded> {
    count(app, request, tier, AdmitStep::Count).await.map(drop)
}

/// Counts `request` and looks up a cached response in the same round trip.
///
/// Returns `None` when Redis was not asked or did not reply.
pub(crate) async fn admit_reader(
    app: &App,
    request: &Request,
    tier: Tier,
    lookup: &CacheLookup,
) -> Result<Option<CacheEntry>, LimitExceeded> {
    let admission = count(app, request, tier, lookup.step()).await?;
    Ok(match admission {
        Admission::WithRedis {
            has_lease,
            entry: Some(stored),
        } => Some(lookup.decode(has_lease, stored)),
        Admission::WithRedis { entry: None, .. } | Admission::WithoutRedis { .. } => None,
    })
}

/// Counts `request` and tries to take `lock` in the same round trip.
pub(crate) async fn admit_with_lock(
    app: &App,
    request: &Request,
    tier: Tier,
    lock: &Lease,
) -> Result<LockAttempt, LimitExceeded> {
    let admission = count(app, request, tier, AdmitStep::Lease(lock)).await?;
    Ok(match admission {
        Admission::WithRedis {
            has_lease: true, ..
        } => LockAttempt::Success,
        Admission::WithRedis {
            has_lease: false, ..
        } => LockAttempt::Conflict,
        Admission::WithoutRedis { in_doubt: true } => LockAttempt::InDoubt,
        Admission::WithoutRedis { in_doubt: false } => LockAttempt::Unavailable,
    })
}

/// An admitted request.
enum Admission {
    /// Redis replied.
    WithRedis {
        has_lease: bool,
        entry: Option<StoredEntry>,
    },
    /// Redis gave no reply. If `in_doubt` is true, it may still have done the step.
    WithoutRedis { in_doubt: bool },
}

impl From<Result<AdmitReply, AdmitError>> for Admission {
    fn from(reply: Result<AdmitReply, AdmitError>) -> Self {
        match reply {
            Ok(AdmitReply::Admitted {
                has_lease, entry, ..
            }) => Self::WithRedis { has_lease, entry },
            Ok(AdmitReply::Denied(_)) => Self::WithRedis {
                has_lease: false,
                entry: None,
            },
            Err(AdmitError { in_doubt }) => Self::WithoutRedis { in_doubt },
        }
    }
}

async fn count(
    app: &App,
    request: &Request,
    tier: Tier,
    step: AdmitStep<'_>,
) -> Result<Admission, LimitExceeded> {
    let now = u64::try_from(app.platform().now().as_millisecond()).unwrap_or(0);
    let (tier, client, is_exempt) = identify(app, request, tier);
    let rule = app.config().limits.rule(tier);
    let counters = (!is_exempt).then(|| LimitCounters::new(tier, &client, rule, now));
    let reply = admit_in_redis(app, &request.id, counters.as_ref(), step).await;
    if is_exempt {
        return Ok(reply.into());
    }
    let decision = match &reply {
        Ok(reply) => {
            let counts = reply.counts();
            rule.decide(counts.current, counts.previous, now)
        }
        Err(_) => app.local_limits().decide(tier, &client, rule, now),
    };
    request.notes.set_limit(tier.name(), decision);
    if decision.allowed {
        return Ok(reply.into());
    }
    if reply.is_ok() {
        record_violation(
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
    Err(LimitExceeded(decision))
}

/// The tier and the client that `request` counts against, and whether the client is exempt.
fn identify(app: &App, request: &Request, tier: Tier) -> (Tier, Client, bool) {
    let limits = &app.config().limits;
    let is_exempt_address = request
        .address
        .is_some_and(|address| limits.exempts(address));
    match (known_user(app, request), request.address) {
        (Some(user), _) => {
            let is_exempt = is_exempt_address || limits.exempts_user(&user);
            (tier.of_users(), Client::named(&user), is_exempt)
        }
        (None, Some(address)) => (tier, Client::from_address(address), is_exempt_address),
        (None, None) => (tier, Client::named("unknown"), false),
    }
}

fn record_violation(app: &App, violation: &Violation) {
    let commands = violations::store(violation);
    app.after_response(|app| {
        Box::pin(async move {
            let Some(redis) = app.redis() else { return };
            if let Err(error) = redis.background().pipeline(&commands).await {
                log::warn!("violations: one was not stored: {error}");
            }
        })
    });
}
