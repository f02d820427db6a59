//! Invalidations that Redis did not hear, until it does.

use super::{Subject, invalidation};
use crate::{
    app::App,
    clients::upstash::{Command, RedisError},
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
/// Pauses between repeats; the last one stays.
const PAUSES_SECONDS: [i64; 3] = [5, 10, 20];
/// Whoever repeats and has not come back so long after a pause was cut off: a Worker's work ends 30 seconds after the answer.
const SLACK_MILLIS: i64 = 1_000;

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

impl State {
    fn take(&mut self, now: i64) -> Vec<Subject> {
        let subjects = mem::take(&mut self.subjects);
        if now < self.kept_until {
            subjects
        } else {
            Vec::new()
        }
    }
}

impl Unheard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what there is at `now`.
    fn take(&self, now: i64) -> Vec<Subject> {
        self.state().take(now)
    }

    /// The same for the one who repeats, whose work is done when there is nothing.
    fn take_to_repeat(&self, now: i64) -> Vec<Subject> {
        let mut state = self.state();
        let subjects = state.take(now);
        if subjects.is_empty() {
            state.repeated_until = 0;
        }
        subjects
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
}

/// Makes everything cached about `subjects` invalid and sends `others` with that. What Redis does not hear is sent again with the
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
    let mut commands = invalidation(app, &subjects);
    commands.extend(others);
    if is_heard(app, &commands).await || subjects.is_empty() {
        return;
    }
    app.unheard().add(subjects, now + KEPT_MILLIS);
    if app.unheard().is_left_to_me(now) {
        app.after_response(|app| Box::pin(async move { repeat(&app).await }));
    }
}

async fn repeat(app: &App) {
    let [.., last] = PAUSES_SECONDS;
    let mut pauses = PAUSES_SECONDS.into_iter();
    loop {
        let pause = pauses.next().unwrap_or(last);
        let now = app.platform().now().as_millisecond();
        app.unheard().is_repeated_at(now + 1000 * pause);
        let pause = Duration::from_secs(pause.unsigned_abs());
        app.platform().sleep(pause).await;
        let now = app.platform().now().as_millisecond();
        let subjects = app.unheard().take_to_repeat(now);
        if subjects.is_empty() {
            return;
        }
        // A new generation each time: one that was heard after all, and is over, must not be the present one again.
        if !is_heard(app, &invalidation(app, &subjects)).await {
            app.unheard().add(subjects, 0);
        }
    }
}

/// `false` when Redis is used and did not answer.
async fn is_heard(app: &App, commands: &[Command]) -> bool {
    let Some(redis) = app.redis().filter(|_| !commands.is_empty()) else {
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
        assert!(!unheard.is_left_to_me(6_999));
        assert_eq!(
            unheard.take_to_repeat(11_999),
            [Subject::Fleet, Subject::Catalogue]
        );
        unheard.add(vec![Subject::Fleet], 0);
        unheard.is_repeated_at(20_000);
        assert_eq!(unheard.take_to_repeat(12_000), [], "too old to matter");
        assert!(unheard.is_left_to_me(12_000), "nobody repeats it");
    }

    #[test]
    fn when_the_one_who_repeats_is_cut_off_another_does() {
        let unheard = Unheard::default();
        assert!(unheard.is_left_to_me(1_000));
        unheard.is_repeated_at(21_000);
        assert!(!unheard.is_left_to_me(21_999));
        assert!(unheard.is_left_to_me(22_000));
    }

    #[test]
    fn another_write_takes_it_along() {
        let unheard = Unheard::default();
        unheard.add(vec![Subject::Fleet], 1_000);
        assert_eq!(unheard.take(0), [Subject::Fleet]);
        assert_eq!(unheard.take(0), []);
    }
}
