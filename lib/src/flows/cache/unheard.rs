//! Invalidations that Redis did not hear, until it does.

use super::{Subject, invalidation};
use crate::{
    app::App,
    clients::upstash::{Command, RedisError},
};
use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// After so long nothing from before a write may be served any more: the longest freshness of days, twice.
const KEPT_MILLIS: i64 = 60_000;
/// More are forgotten: a client can make up names of cars.
const MOST: usize = 1_000;
/// Pauses between repeats; the last one stays.
const PAUSES_SECONDS: [u64; 3] = [5, 10, 20];

/// What Redis has not heard from this instance.
#[derive(Debug, Default)]
pub struct Unheard(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    subjects: Vec<Subject>,
    kept_until: i64,
    is_repeating: bool,
}

impl Unheard {
    /// Takes what there is at `now`; whoever repeats and finds nothing is done.
    fn take(&self, now: i64, repeats: bool) -> Vec<Subject> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let subjects = mem::take(&mut state.subjects);
        if now < state.kept_until && !subjects.is_empty() {
            return subjects;
        }
        if repeats {
            state.is_repeating = false;
        }
        Vec::new()
    }

    /// Adds to it. Whether the caller is to repeat it, because nobody does.
    fn add(&self, subjects: Vec<Subject>, kept_until: i64) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.kept_until = state.kept_until.max(kept_until);
        for subject in subjects {
            if state.subjects.len() < MOST && !state.subjects.contains(&subject) {
                state.subjects.push(subject);
            }
        }
        !mem::replace(&mut state.is_repeating, true)
    }

    fn put_back(&self, subjects: Vec<Subject>) {
        self.add(subjects, 0);
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
        subjects.extend(app.unheard().take(now, false));
    }
    let mut commands = invalidation(app, &subjects);
    commands.extend(others);
    let is_heard = is_heard(app, &commands).await;
    if !is_heard && !subjects.is_empty() && app.unheard().add(subjects, now + KEPT_MILLIS) {
        app.after_response(|app| Box::pin(async move { repeat(&app).await }));
    }
}

async fn repeat(app: &App) {
    let [.., last] = PAUSES_SECONDS;
    let mut pauses = PAUSES_SECONDS.into_iter();
    loop {
        let pause = pauses.next().unwrap_or(last);
        app.platform().sleep(Duration::from_secs(pause)).await;
        let now = app.platform().now().as_millisecond();
        let subjects = app.unheard().take(now, true);
        if subjects.is_empty() {
            return;
        }
        // A new generation each time: one that was heard after all, and is over, must not be the present one again.
        if !is_heard(app, &invalidation(app, &subjects)).await {
            app.unheard().put_back(subjects);
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
        assert!(unheard.add(vec![Subject::Fleet], 1_000));
        assert!(!unheard.add(vec![Subject::Catalogue, Subject::Fleet], 2_000));
        assert_eq!(
            unheard.take(1_999, true),
            [Subject::Fleet, Subject::Catalogue]
        );
        unheard.put_back(vec![Subject::Fleet]);
        assert_eq!(unheard.take(2_000, true), [], "too old to matter");
        assert!(
            unheard.add(vec![Subject::Fleet], 9_000),
            "nobody repeats it"
        );
    }

    #[test]
    fn another_write_takes_it_along() {
        let unheard = Unheard::default();
        unheard.add(vec![Subject::Fleet], 1_000);
        assert_eq!(unheard.take(0, false), [Subject::Fleet]);
        assert!(!unheard.add(vec![Subject::Fleet], 1_000), "still repeating");
        assert_eq!(unheard.take(0, false), [Subject::Fleet]);
        assert_eq!(unheard.take(0, true), []);
        assert!(unheard.add(vec![Subject::Fleet], 1_000));
    }
}
