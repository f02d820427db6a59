//! Loads of cold keys on this instance, shared by all requests that wait for the same key.
//!
//! A cold key may be requested a thousand times at once. One request, the leader, loads it, and the
//! others wait for the result here. One waiting request at a time looks whether another instance
//! has stored the key in Redis.
//!
//! Events are ordered by sequence numbers, because the clock's milliseconds are too coarse. A
//! result is valid for a waiting request if it was requested after the request arrived, or if it
//! has the generation that the request found.

use super::envelope::Envelope;
use crate::clients::supabase::DatabaseError;
use lru::LruCache;
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most keys in memory. A result is at most a few tens of kilobytes.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// A load that lasts longer was cut off, and another may start. No request lasts as long.
const LOAD_MILLIS: i64 = 11_000;

/// The place of an event in the order of this instance's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SequenceNumber(u64);

/// A loaded response, or the error of the load.
pub(crate) type LoadResult = Result<Envelope, Arc<DatabaseError>>;

/// Loads by cache key.
#[derive(Debug)]
pub(crate) struct SingleFlight(Mutex<State>);

#[derive(Debug)]
struct State {
    last: u64,
    keys: LruCache<String, KeyState>,
}

#[derive(Debug)]
struct KeyState {
    /// The start of the load under way, and the time at which it counts as cut off.
    load: Option<(SequenceNumber, i64)>,
    /// The start of the last look into Redis.
    last_look: SequenceNumber,
    last_load: Option<CompletedLoad>,
}

#[derive(Debug)]
struct CompletedLoad {
    /// Writes before this are part of the result.
    requested: SequenceNumber,
    completed: SequenceNumber,
    result: LoadResult,
}

impl Default for SingleFlight {
    fn default() -> Self {
        Self(Mutex::new(State {
            last: 0,
            keys: LruCache::new(CAPACITY),
        }))
    }
}

impl State {
    fn next_number(&mut self) -> SequenceNumber {
        self.last += 1;
        SequenceNumber(self.last)
    }

    fn key(&mut self, key: &str) -> &mut KeyState {
        self.keys.get_or_insert_mut_ref(key, || KeyState {
            load: None,
            last_look: SequenceNumber(0),
            last_load: None,
        })
    }

    fn begin(&mut self, key: &str, now: i64) -> SequenceNumber {
        let began = self.next_number();
        self.key(key).load = Some((began, now.saturating_add(LOAD_MILLIS)));
        began
    }

    /// Keeps the result that was requested last. The failure of an older load is no result for
    /// requests that wait for a younger load.
    fn complete(&mut self, key: &str, requested: SequenceNumber, result: LoadResult) {
        let completed = self.next_number();
        let state = self.key(key);
        let is_superseded = state
            .last_load
            .as_ref()
            .is_some_and(|last| last.requested > requested);
        let younger_is_loading = state.load.is_some_and(|(began, _)| began > requested);
        if !(is_superseded || younger_is_loading && result.is_err()) {
            state.last_load = Some(CompletedLoad {
                requested,
                completed,
                result,
            });
        }
    }
}

impl KeyState {
    fn is_loading(&self, now: i64) -> bool {
        self.load.is_some_and(|(_, cut_off)| now < cut_off)
    }
}

impl SingleFlight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new sequence number.
    pub(crate) fn next_number(&self) -> SequenceNumber {
        self.state().next_number()
    }

    /// The result for `key`, if it is valid for a request that arrived at `arrived` and found
    /// `generation` in Redis.
    pub(crate) fn result(
        &self,
        key: &str,
        arrived: SequenceNumber,
        generation: Option<&str>,
        now: i64,
    ) -> Option<LoadResult> {
        let mut state = self.state();
        let last = state.keys.get(key)?.last_load.as_ref()?;
        let is_valid = match &last.result {
            Ok(envelope) => {
                let is_current = generation.is_some_and(|found| envelope.generation == found);
                now < envelope.fresh_until && (is_current || last.requested > arrived)
            }
            Err(_) => last.completed > arrived,
        };
        is_valid.then(|| last.result.clone())
    }

    /// Whether a request that has waited since `since` should look into Redis: no other request on
    /// this instance has looked since then.
    pub(crate) fn claims_look(&self, key: &str, since: SequenceNumber) -> bool {
        let mut state = self.state();
        let number = state.next_number();
        let key = state.key(key);
        let claims = key.last_look < since;
        if claims {
            key.last_look = number;
        }
        claims
    }

    /// Whether a request on this instance is loading `key`.
    pub(crate) fn is_loading(&self, key: &str, now: i64) -> bool {
        self.state().key(key).is_loading(now)
    }

    /// Starts a load of `key`, unless one is under way.
    pub(crate) fn begin(&self, key: &str, now: i64) -> Option<Load<'_>> {
        let mut state = self.state();
        let is_free = !state.key(key).is_loading(now);
        is_free.then(|| self.load(key, state.begin(key, now)))
    }

    /// Starts a load of `key`, even when one is under way.
    pub(crate) fn begin_as_leader(&self, key: &str, now: i64) -> Load<'_> {
        let began = self.state().begin(key, now);
        self.load(key, began)
    }

    fn load(&self, key: &str, began: SequenceNumber) -> Load<'_> {
        Load {
            flight: self,
            key: key.to_owned(),
            began,
        }
    }

    /// Shares an envelope that was found in Redis by a look at `requested`.
    pub(crate) fn share(&self, key: &str, requested: SequenceNumber, envelope: Envelope) {
        self.state().complete(key, requested, Ok(envelope));
    }
}

/// A load under way. Dropping it lets another request load the key.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    flight: &'a SingleFlight,
    key: String,
    began: SequenceNumber,
}

impl Load<'_> {
    /// Shares the result with the requests that wait.
    pub(crate) fn complete(self, result: LoadResult) {
        self.flight.state().complete(&self.key, self.began, result);
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let mut state = self.flight.state();
        let key = state.key(&self.key);
        key.load = key.load.filter(|(began, _)| *began != self.began);
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

    fn failure() -> LoadResult {
        Err(Arc::new(DatabaseError::Unaddressable { function: "f" }))
    }

    fn is_valid(flight: &SingleFlight, arrived: SequenceNumber, generation: Option<&str>) -> bool {
        matches!(flight.result("k", arrived, generation, 10), Some(Ok(_)))
    }

    #[test]
    fn result_is_valid_for_earlier_arrivals() {
        let flight = SingleFlight::default();
        let before = flight.next_number();
        let load = flight.begin("k", 0).unwrap();
        let after = flight.next_number();
        assert!(!is_valid(&flight, before, None), "nothing is loaded yet");
        load.complete(Ok(envelope("g1")));
        assert!(is_valid(&flight, before, None));
        assert!(is_valid(&flight, before, Some("g2")));
        assert!(!is_valid(&flight, after, None));
        assert!(!is_valid(&flight, after, Some("g2")));
        assert!(is_valid(&flight, after, Some("g1")), "no write in between");
        assert!(flight.result("k", before, Some("g1"), 60_000).is_none());
        assert!(flight.result("other", before, Some("g1"), 10).is_none());
    }

    #[test]
    fn failure_is_shared_with_earlier_arrivals() {
        let flight = SingleFlight::default();
        let load = flight.begin("k", 0).unwrap();
        let waiting = flight.next_number();
        load.complete(failure());
        assert!(matches!(flight.result("k", waiting, None, 0), Some(Err(_))));
        assert!(flight.result("k", flight.next_number(), None, 0).is_none());
    }

    #[test]
    fn one_request_loads_a_key() {
        let flight = SingleFlight::default();
        let load = flight.begin("k", 0).unwrap();
        assert!(flight.begin("k", LOAD_MILLIS - 1).is_none());
        assert!(flight.begin("other", 0).is_some());
        drop(load);
        assert!(flight.begin("k", 0).is_some());
        std::mem::forget(flight.begin("k", 1));
        assert!(flight.begin("k", LOAD_MILLIS).is_none());
        assert!(flight.begin("k", LOAD_MILLIS + 1).is_some(), "cut off");
    }

    #[test]
    fn one_request_looks_into_redis() {
        let flight = SingleFlight::default();
        let (first, second) = (flight.next_number(), flight.next_number());
        assert!(flight.claims_look("k", first));
        assert!(!flight.claims_look("k", second));
        assert!(flight.claims_look("k", flight.next_number()));
    }

    #[test]
    fn older_load_does_not_end_younger_wait() {
        let flight = SingleFlight::default();
        let old = flight.begin("k", 0).unwrap();
        let young = flight.begin_as_leader("k", 0);
        let waiting = flight.next_number();
        old.complete(failure());
        assert!(flight.result("k", waiting, None, 0).is_none());
        assert!(flight.is_loading("k", 0), "the younger load is under way");
        let old = flight.begin_as_leader("k", 0);
        let before = flight.next_number();
        flight.begin_as_leader("k", 0).complete(Ok(envelope("g2")));
        old.complete(Ok(envelope("g1")));
        young.complete(failure());
        assert!(is_valid(&flight, before, None));
        assert!(is_valid(&flight, flight.next_number(), Some("g2")));
    }

    #[test]
    fn memory_is_bounded() {
        let flight = SingleFlight::default();
        for number in 0..1_000 {
            let key = format!("k{number}");
            let load = flight.begin(&key, 0).unwrap();
            load.complete(Ok(envelope("g")));
        }
        assert_eq!(flight.state().keys.len(), CAPACITY.get());
    }
}
