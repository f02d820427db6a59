//! Invalidations that Redis did not hear, until it does.

use super::{Subject, invalidation};
use crate::{
    app::App,
    clients::upstash::{Command, RedisError, Upstash},
};
use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// After so long nothing from before a write may be served any more: the longest freshness of days, twice.
const KEPT_MILLIS: i64 = 60_000;
/// More are forgotten: a client can make up names of cars.
const MOST: usize = 1_000;
/// Pauses between repeats, the first of which comes right after the response; the last one stays.
const PAUSES_SECONDS: [i64; 3] = [5, 10, 20];
/// Whoever repeats and has not come back so long after a pause was cut off: a Worker's work ends 30 seconds after the answer.
/// Longer than one repeat takes.
const SLACK_MILLIS: i64 = 3_000;

/// What Redis has not heard from this instance.
#[derive(Debug, Default)]
pub struct Unheard(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    subjects: Vec<Subject>,
    kept_until: i64,
    /// Until then somebody is going to repeat it.
    repeated_until: i64,
}

impl Unheard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what there is at `now`.
    fn take(&self, now: i64) -> Vec<Subject> {
        let mut state = self.state();
        let subjects = mem::take(&mut state.subjects);
        if now < state.kept_until {
            subjects
        } else {
            Vec::new()
        }
    }

    /// Adds to it what is to be kept until then.
    fn add(&self, subjects: Vec<Subject>, kept_until: i64) {
        let mut state = self.state();
        state.kept_until = state.kept_until.max(kept_until);
        for subject in subjects {
            if state.subjects.len() < MOST && !state.subjects.contains(&subject) {
                state.subjects.push(subject);
            }
        }
    }

    /// Whether the caller is to repeat it, because nobody is going to.
    fn is_left_to_me(&self, now: i64) -> bool {
        let mut state = self.state();
        let is_left = now >= state.repeated_until;
        if is_left {
            state.repeated_until = now + SLACK_MILLIS;
        }
        is_left
    }

    /// The one who repeats comes back at `then`.
    fn is_repeated_at(&self, then: i64) {
        self.state().repeated_until = then.saturating_add(SLACK_MILLIS);
    }

    /// The one who repeated does not come back.
    fn is_not_repeated(&self) {
        self.state().repeated_until = 0;
    }
}

/// Makes everything cached about `subjects` invalid and sends `others` with that.
///
/// What Redis does not hear is sent again right after the response, past a breaker that is open: it may be only this instance
/// that gave Redis up, while others serve from it what was there before the write. If that is not heard either it is sent with the
/// next invalidation, and after a while by itself: until then it costs freshness and nothing else.
pub async fn invalidate(
    app: &App,
    mut subjects: Vec<Subject>,
    others: impl IntoIterator<Item = Command>,
) {
    let now = app.platform().now().as_millisecond();
    if !subjects.is_empty() {
        subjects.extend(app.unheard().take(now));
    }
    let others: Vec<Command> = others.into_iter().collect();
    let commands = [invalidation(app, &subjects), others.clone()].concat();
    if is_heard(app.redis(), &commands).await {
        return;
    }
    if !subjects.is_empty() {
        app.unheard().add(subjects, now + KEPT_MILLIS);
    }
    app.after_response(|app| Box::pin(async move { repeat(&app, others).await }));
}

/// Every write that was not heard tries once more, `others` included; one of them goes on.
async fn repeat(app: &App, others: Vec<Command>) {
    let now = || app.platform().now().as_millisecond();
    if is_told(app, others).await || !app.unheard().is_left_to_me(now()) {
        return;
    }
    let [.., last] = PAUSES_SECONDS;
    let mut pauses = PAUSES_SECONDS.into_iter();
    loop {
        let pause = pauses.next().unwrap_or(last);
        app.unheard().is_repeated_at(now() + 1000 * pause);
        let pause = Duration::from_secs(pause.unsigned_abs());
        app.platform().sleep(pause).await;
        if is_told(app, Vec::new()).await {
            return app.unheard().is_not_repeated();
        }
    }
}

/// Sends what Redis has not heard, and `others` with it; no visitor waits for it. Whether that is nothing any more.
async fn is_told(app: &App, others: Vec<Command>) -> bool {
    let subjects = app.unheard().take(app.platform().now().as_millisecond());
    // A new generation each time: one that was heard after all, and is over, must not be the present one again.
    let commands = [invalidation(app, &subjects), others].concat();
    let is_told = is_heard(app.redis().map(Upstash::patient), &commands).await;
    if !is_told {
        app.unheard().add(subjects, 0);
    }
    is_told
}

/// `false` when Redis is used and did not answer.
async fn is_heard(redis: Option<Upstash<'_>>, commands: &[Command]) -> bool {
    let Some(redis) = redis.filter(|_| !commands.is_empty()) else {
        return true;
    };
    match redis.pipeline(commands).await {
        Ok(_) => true,
        Err(RedisError::BreakerOpen) => false,
        Err(error) => {
            log::warn!("cache: an invalidation was not heard: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repeats_what_many_could_not_say() {
        let unheard = Unheard::default();
        unheard.add(vec![Subject::Fleet], 11_000);
        assert!(unheard.is_left_to_me(1_000));
        unheard.is_repeated_at(6_000);
        unheard.add(vec![Subject::Catalogue, Subject::Fleet], 12_000);
        assert!(!unheard.is_left_to_me(8_999));
        assert_eq!(unheard.take(11_999), [Subject::Fleet, Subject::Catalogue]);
        unheard.add(vec![Subject::Fleet], 0);
        unheard.is_repeated_at(20_000);
        assert_eq!(unheard.take(12_000), [], "too old to matter");
        unheard.is_not_repeated();
        assert!(unheard.is_left_to_me(12_000), "nobody repeats it");
    }

    #[test]
    fn when_the_one_who_repeats_is_cut_off_another_does() {
        let unheard = Unheard::default();
        assert!(unheard.is_left_to_me(1_000));
        unheard.is_repeated_at(21_000);
        assert!(!unheard.is_left_to_me(23_999));
        assert!(unheard.is_left_to_me(24_000));
    }

    #[test]
    fn another_write_takes_it_along() {
        let unheard = Unheard::default();
        unheard.add(vec![Subject::Fleet], 1_000);
        assert_eq!(unheard.take(0), [Subject::Fleet]);
        assert_eq!(unheard.take(0), []);
    }
}
