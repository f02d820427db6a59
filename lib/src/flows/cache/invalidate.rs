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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::car::CarRef,
        platform::Platform,
        scripted::{REDIS, config},
        stepped::SteppedPlatform,
    };
    use futures_util::FutureExt;
    use std::sync::Arc;

    const SET: &str = r#"{"result":"OK"}"#;

    fn instance(replies: &[&str]) -> (Arc<SteppedPlatform>, App) {
        let platform = Arc::new(SteppedPlatform::new(replies));
        let shared = Arc::clone(&platform) as Arc<dyn Platform>;
        let app = App::new(config(&REDIS, &[]).unwrap(), shared);
        (platform, app)
    }

    fn days_of(car: &str) -> Vec<Subject> {
        vec![Subject::Days(CarRef::parse(car).unwrap())]
    }

    fn run(platform: &SteppedPlatform, app: &App, subjects: Vec<Subject>) {
        platform.run(vec![Box::pin(invalidate(app, subjects, None))]);
    }

    #[test]
    fn booking_invalidates_its_car_and_the_fleet() {
        let ok = [SET; 3].join(",");
        let (platform, app) = instance(&[&format!("[{ok}]")]);
        let id = uuid::Uuid::from_u128(1);
        let slug = "test-car".to_owned();
        let car = CarIdentity { id, slug };
        platform.run(vec![Box::pin(invalidate_days(&app, [car]))]);
        let [request] = &platform.requests()[..] else {
            panic!("one round trip")
        };
        for subject in [&format!("days:{id}"), "days:test-car", "fleet"] {
            let key = format!("\"generation:{subject}\"");
            assert!(request.contains(&key), "{key} {request}");
        }
    }

    #[test]
    fn clearing_a_kind_gives_it_a_new_epoch() {
        let (_, app) = instance(&[]);
        let commands = epoch_invalidation(&app, &[CacheKind::Cars, CacheKind::Car]);
        let commands = serde_json::to_value(commands).unwrap();
        let keys = [&commands[0][1], &commands[1][1]];
        assert_eq!(keys, ["epoch:cars", "epoch:car"]);
    }

    #[test]
    fn failed_invalidation_is_retried_for_a_minute() {
        let (platform, app) = instance(&[]);
        run(&platform, &app, days_of("test-car"));
        // The write itself is followed by the first retry.
        let times = [0, 0, 5_000, 15_000, 35_000, 55_000];
        assert_eq!(platform.request_times(), times);
        for request in platform.requests() {
            assert!(request.contains("test-car"), "{request}");
        }
    }

    #[test]
    fn retries_end_with_the_first_success() {
        // A word that is no reply fails the write and the first retry.
        let (platform, app) = instance(&["", "", &format!("[{SET}]")]);
        run(&platform, &app, days_of("test-car"));
        assert_eq!(platform.request_times(), [0, 0, 5_000]);
        assert!(
            app.pending_invalidations().claims_retry(0),
            "no task is left"
        );
    }

    #[test]
    fn first_retry_that_succeeds_is_the_last() {
        let (platform, app) = instance(&["", &format!("[{SET}]")]);
        run(&platform, &app, days_of("test-car"));
        assert_eq!(
            (platform.request_times(), platform.elapsed()),
            (vec![0, 0], 0)
        );
    }

    #[test]
    fn second_failed_write_starts_no_second_task() {
        let (platform, app) = instance(&[]);
        let first = invalidate(&app, days_of("first-car"), None);
        let second = async {
            platform.sleep(Duration::from_millis(4_500)).await;
            invalidate(&app, days_of("other-car"), None).await;
        };
        platform.run(vec![Box::pin(first), Box::pin(second)]);
        // The second write meets an open breaker, and its own retry ignores it.
        let times = [0, 0, 4_500, 5_000, 15_000, 35_000, 55_000];
        assert_eq!(platform.request_times(), times);
        let last = platform.requests().pop().unwrap();
        assert!(
            last.contains("first-car") && last.contains("other-car"),
            "{last}"
        );
    }

    /// Three seconds after the retry that did not come.
    #[test]
    fn next_failed_write_replaces_cut_off_task() {
        for (later, is_replaced) in [(7_999, false), (8_000, true)] {
            let (platform, app) = instance(&[]);
            let write = invalidate(&app, days_of("first-car"), None);
            assert!(write.now_or_never().is_some());
            platform.cut_off();
            platform.advance(Duration::from_millis(later));
            run(&platform, &app, days_of("other-car"));
            let retries = platform.request_times().contains(&(8_000 + 5_000));
            assert_eq!(retries, is_replaced, "after {later}");
        }
    }

    #[test]
    fn next_write_sends_it_for_a_minute() {
        for (later, is_sent) in [(59_999, true), (60_000, false)] {
            let replies = if is_sent {
                [SET, SET].join(",")
            } else {
                SET.to_owned()
            };
            let (platform, app) = instance(&["", "", &format!("[{replies}]")]);
            let write = invalidate(&app, days_of("first-car"), None);
            assert!(write.now_or_never().is_some());
            platform.cut_off();
            platform.advance(Duration::from_millis(later));
            run(&platform, &app, days_of("other-car"));
            let [_, _, second] = &platform.requests()[..] else {
                panic!("a write, its retry, and a write")
            };
            assert!(second.contains("other-car"), "{second}");
            assert_eq!(second.contains("first-car"), is_sent, "after {later}");
        }
    }
}
