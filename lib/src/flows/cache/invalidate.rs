//! Invalidation of cached responses, with retries until Redis has received it.

use crate::{
    app::App,
    clients::{
        supabase::CarIdentity,
        upstash::{Command, RedisError, Upstash},
    },
    flows::redis::lease::unique_name,
    instance::cache_key::{CacheKind, Subject, new_epochs, new_generations},
};
use std::time::Duration;

/// Failed invalidations expire after this time: the longest freshness of availability, twice.
const RETRY_MILLIS: i64 = 60_000;
/// Pauses between retries. The first retry comes right after the response, the last pause repeats.
const PAUSES_SECONDS: [i64; 3] = [5, 10, 20];

/// The commands that expire everything cached about `subjects`.
#[must_use]
pub(crate) fn invalidation(app: &App, subjects: &[Subject]) -> Vec<Command> {
    new_generations(subjects, &unique_name(app.platform()))
}

/// The commands that expire everything cached of `kinds`.
#[must_use]
pub(crate) fn epoch_invalidation(app: &App, kinds: &[CacheKind]) -> Vec<Command> {
    new_epochs(kinds, &unique_name(app.platform()))
}

/// Invalidates everything cached about the availability of `cars`.
pub(crate) async fn invalidate_days(app: &App, cars: impl IntoIterator<Item = CarIdentity>) {
    let subjects = cars
        .into_iter()
        .flat_map(|car| Subject::changed_by_booking(&car))
        .collect();
    invalidate(app, subjects, None).await;
}

/// Invalidates everything cached about `subjects`, and sends `others` in the same round trip.
///
/// A failed invalidation is retried right after the response, even with an open breaker: perhaps
/// only this instance cannot reach Redis, and others still serve the old responses. After that it
/// goes out with the next write, or with a timed retry. Until then old responses stay until their
/// freshness ends.
pub(crate) async fn invalidate(
    app: &App,
    mut subjects: Vec<Subject>,
    others: impl IntoIterator<Item = Command>,
) {
    let now = app.platform().now().as_millisecond();
    if !subjects.is_empty() {
        subjects.extend(app.pending_invalidations().take(now));
    }
    let others: Vec<Command> = others.into_iter().collect();
    let commands = [invalidation(app, &subjects), others.clone()].concat();
    if send(app.redis(), &commands).await {
        return;
    }
    if !subjects.is_empty() {
        app.pending_invalidations()
            .add(subjects, now + RETRY_MILLIS);
    }
    app.after_response(|app| Box::pin(async move { retry(&app, others).await }));
}

/// Retries once, with `others`. If that fails too, one task on the instance goes on retrying.
async fn retry(app: &App, others: Vec<Command>) {
    let pending = app.pending_invalidations();
    let now = || app.platform().now().as_millisecond();
    if send_pending(app, others).await || !pending.claims_retry(now()) {
        return;
    }
    let [.., last] = PAUSES_SECONDS;
    let mut pauses = PAUSES_SECONDS.into_iter();
    loop {
        let pause = pauses.next().unwrap_or(last);
        pending.schedule_retry(now() + 1000 * pause);
        let pause = Duration::from_secs(pause.unsigned_abs());
        app.platform().sleep(pause).await;
        if send_pending(app, Vec::new()).await {
            return pending.end_retries();
        }
    }
}

/// Sends the pending invalidations and `others`. Returns whether Redis has received them.
async fn send_pending(app: &App, others: Vec<Command>) -> bool {
    let pending = app.pending_invalidations();
    let subjects = pending.take(app.platform().now().as_millisecond());
    // Each retry uses a new generation: Redis may have received the earlier one, and replaced it.
    let commands = [invalidation(app, &subjects), others].concat();
    let is_sent = send(app.redis().map(Upstash::background), &commands).await;
    if !is_sent {
        pending.add(subjects, 0);
    }
    is_sent
}

/// Returns `false` when Redis is in use and did not reply.
async fn send(redis: Option<Upstash<'_>>, commands: &[Command]) -> bool {
    let Some(redis) = redis.filter(|_| !commands.is_empty()) else {
        return true;
    };
    match redis.pipeline(commands).await {
        Ok(_) => true,
        Err(RedisError::BreakerOpen) => false,
        Err(error) => {
            log::warn!("cache: an invalidation failed: {error}");
            false
        }
    }
}
