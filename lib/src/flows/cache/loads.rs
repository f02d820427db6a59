//! What this instance loads, and loaded a moment ago, for the requests that wait for it.
//!
//! When a cold answer is asked for a thousand times at once, one request loads it and the others wait. Those on the same
//! instance find it here, and only one of them at a time looks whether another instance has put it into Redis.
//!
//! Which came first is told by an order of our own, not by the clock, whose milliseconds are too coarse: an answer is good for
//! whoever waits if it was asked for after they came, or is of the generation that they found.

use super::envelope::Envelope;
use crate::clients::supabase::DatabaseError;
use lru::LruCache;
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many are kept; one is at most a few tens of kilobytes.
const MOST: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// After so long another may load: whoever began was cut off. Longer than any request has.
const LOADING_MILLIS: i64 = 11_000;

/// A place in the order in which things happened on this instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// An answer, or why there is none.
pub(super) type Outcome = Result<Envelope, Arc<DatabaseError>>;

/// The instance's loads, by key.
#[derive(Debug)]
pub struct Loads(Mutex<State>);

#[derive(Debug)]
struct State {
    last: u64,
    loads: LruCache<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Since when somebody here loads it, and until when at the latest.
    loading: Option<(Moment, i64)>,
    /// When somebody here began to look into Redis last.
    looked: Moment,
    ended: Option<Ended>,
}

#[derive(Debug)]
struct Ended {
    /// When it was asked for: what was written before is in it.
    asked: Moment,
    at: Moment,
    outcome: Outcome,
}

impl Default for Loads {
    fn default() -> Self {
        Self(Mutex::new(State {
            last: 0,
            loads: LruCache::new(MOST),
        }))
    }
}

impl State {
    fn moment(&mut self) -> Moment {
        self.last += 1;
        Moment(self.last)
    }

    fn of(&mut self, key: &str) -> &mut Entry {
        self.loads.get_or_insert_mut_ref(key, || Entry {
            loading: None,
            looked: Moment(0),
            ended: None,
        })
    }

    fn begin(&mut self, key: &str, now: i64) -> Moment {
        let began = self.moment();
        self.of(key).loading = Some((began, now.saturating_add(LOADING_MILLIS)));
        began
    }

    /// Keeps what was asked for last. That an older load failed is nothing to those who wait for a younger one.
    fn end(&mut self, key: &str, asked: Moment, outcome: Outcome) {
        let at = self.moment();
        let entry = self.of(key);
        let is_superseded = entry
            .ended
            .as_ref()
            .is_some_and(|ended| ended.asked > asked);
        let is_under_way = entry.loading.is_some_and(|(began, _)| began > asked);
        if !(is_superseded || is_under_way && outcome.is_err()) {
            entry.ended = Some(Ended { asked, at, outcome });
        }
    }
}

impl Entry {
    fn is_under_way(&self, now: i64) -> bool {
        self.loading.is_some_and(|(_, until)| now < until)
    }
}

impl Loads {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present moment, which nothing else shares.
    pub(super) fn moment(&self) -> Moment {
        self.state().moment()
    }

    /// What loading `key` came to, if that is good for who came at `came` and found `generation`.
    pub(super) fn find(
        &self,
        key: &str,
        came: Moment,
        generation: Option<&str>,
        now: i64,
    ) -> Option<Outcome> {
        let mut state = self.state();
        let ended = state.loads.get(key)?.ended.as_ref()?;
        let is_good = match &ended.outcome {
            Ok(envelope) => {
                let is_of_it = generation.is_some_and(|found| envelope.generation == found);
                now < envelope.fresh_until && (is_of_it || ended.asked > came)
            }
            Err(_) => ended.at > came,
        };
        is_good.then(|| ended.outcome.clone())
    }

    /// Whether who has waited since `since` is to look into Redis: nobody here has meanwhile.
    pub(super) fn is_my_turn_to_look(&self, key: &str, since: Moment) -> bool {
        let mut state = self.state();
        let moment = state.moment();
        let entry = state.of(key);
        let is_turn = entry.looked < since;
        if is_turn {
            entry.looked = moment;
        }
        is_turn
    }

    /// Whether somebody here loads `key`.
    pub(super) fn is_under_way(&self, key: &str, now: i64) -> bool {
        self.state().of(key).is_under_way(now)
    }

    /// Begins to load `key`, unless somebody here does.
    pub(super) fn begin(&self, key: &str, now: i64) -> Option<Loading<'_>> {
        let mut state = self.state();
        let is_free = !state.of(key).is_under_way(now);
        is_free.then(|| self.loading(key, state.begin(key, now)))
    }

    /// Begins to load `key`, whoever else does.
    pub(super) fn begin_anyway(&self, key: &str, now: i64) -> Loading<'_> {
        let began = self.state().begin(key, now);
        self.loading(key, began)
    }

    fn loading(&self, key: &str, began: Moment) -> Loading<'_> {
        Loading {
            loads: self,
            key: key.to_owned(),
            began,
        }
    }

    /// Tells those who wait what Redis has had since `asked`.
    pub(super) fn found(&self, key: &str, asked: Moment, envelope: Envelope) {
        self.state().end(key, asked, Ok(envelope));
    }
}

/// Somebody loads. When it is dropped, another may.
#[derive(Debug)]
pub(super) struct Loading<'a> {
    loads: &'a Loads,
    key: String,
    began: Moment,
}

impl Loading<'_> {
    /// Tells those who wait.
    pub(super) fn ended(self, outcome: Outcome) {
        self.loads.state().end(&self.key, self.began, outcome);
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        let mut state = self.loads.state();
        let entry = state.of(&self.key);
        entry.loading = entry.loading.filter(|(began, _)| *began != self.began);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::envelope::Entity, *};

    fn envelope(generation: &str) -> Envelope {
        Envelope {
            generation: generation.into(),
            stored: 0,
            fresh_until: 60_000,
            entity: Entity::new(Some("{}".into())),
        }
    }

    fn is_found(loads: &Loads, came: Moment, generation: Option<&str>) -> bool {
        matches!(loads.find("k", came, generation, 10), Some(Ok(_)))
    }

    #[test]
    fn an_answer_is_good_for_who_came_before_it_was_asked_for() {
        let loads = Loads::default();
        let before = loads.moment();
        let loading = loads.begin("k", 0).unwrap();
        let after = loads.moment();
        assert!(!is_found(&loads, before, None), "nothing is there");
        loading.ended(Ok(envelope("g1")));
        assert!(is_found(&loads, before, None));
        assert!(is_found(&loads, before, Some("g2")));
        assert!(!is_found(&loads, after, None));
        assert!(!is_found(&loads, after, Some("g2")));
        assert!(
            is_found(&loads, after, Some("g1")),
            "nothing was written meanwhile"
        );
        assert!(loads.find("k", before, Some("g1"), 60_000).is_none());
        assert!(loads.find("other", before, Some("g1"), 10).is_none());
    }

    #[test]
    fn a_failure_is_shared_by_who_came_before_it() {
        let loads = Loads::default();
        let loading = loads.begin("k", 0).unwrap();
        let waiting = loads.moment();
        let error = DatabaseError::Unaddressable { function: "f" };
        loading.ended(Err(Arc::new(error)));
        assert!(matches!(loads.find("k", waiting, None, 0), Some(Err(_))));
        assert!(loads.find("k", loads.moment(), None, 0).is_none());
    }

    #[test]
    fn one_loads_at_a_time() {
        let loads = Loads::default();
        let loading = loads.begin("k", 0).unwrap();
        assert!(loads.begin("k", LOADING_MILLIS - 1).is_none());
        assert!(loads.begin("other", 0).is_some());
        drop(loading);
        assert!(loads.begin("k", 0).is_some());
        std::mem::forget(loads.begin("k", 1));
        assert!(loads.begin("k", LOADING_MILLIS).is_none());
        assert!(loads.begin("k", LOADING_MILLIS + 1).is_some(), "cut off");
    }

    #[test]
    fn one_looks_at_a_time() {
        let loads = Loads::default();
        let (first, second) = (loads.moment(), loads.moment());
        assert!(loads.is_my_turn_to_look("k", first));
        assert!(!loads.is_my_turn_to_look("k", second));
        assert!(loads.is_my_turn_to_look("k", loads.moment()));
    }

    #[test]
    fn the_end_of_an_older_load_is_nothing_to_those_who_wait_for_a_younger() {
        let failed = || Err(Arc::new(DatabaseError::Unaddressable { function: "f" }));
        let loads = Loads::default();
        let old = loads.begin("k", 0).unwrap();
        let young = loads.begin_anyway("k", 0);
        let waiting = loads.moment();
        old.ended(failed());
        assert!(loads.find("k", waiting, None, 0).is_none());
        assert!(loads.is_under_way("k", 0), "the younger one is");
        let old = loads.begin_anyway("k", 0);
        let before = loads.moment();
        loads.begin_anyway("k", 0).ended(Ok(envelope("g2")));
        old.ended(Ok(envelope("g1")));
        young.ended(failed());
        assert!(is_found(&loads, before, None));
        assert!(is_found(&loads, loads.moment(), Some("g2")));
    }

    #[test]
    fn it_does_not_grow() {
        let loads = Loads::default();
        for number in 0..1_000 {
            let key = format!("k{number}");
            loads.begin(&key, 0).unwrap().ended(Ok(envelope("g")));
        }
        assert_eq!(loads.state().loads.len(), MOST.get());
    }
}
