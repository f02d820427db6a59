//! What this instance loaded a moment ago, for the requests that wait for it.
//!
//! When a cold answer is asked for a thousand times at once, one request loads it and the others wait. Those on the same
//! instance find it here, and only one of them at a time looks whether another instance has put it into Redis.

use super::envelope::Envelope;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// How long a loaded answer is kept here: longer than anybody waits.
const KEPT_MILLIS: i64 = 2_000;
/// How many are kept; one in flight is a few tens of kilobytes.
const MOST: usize = 64;

/// The instance's recent loads, by key.
#[derive(Debug, Default)]
pub struct RecentLoads(Mutex<BTreeMap<String, Recent>>);

#[derive(Debug, Default)]
struct Recent {
    loaded: Option<Envelope>,
    /// When it was loaded, or looked for last.
    at: i64,
}

impl RecentLoads {
    /// The answer under `key`, if it was loaded here a moment ago under `generation`.
    pub(super) fn find(&self, key: &str, generation: &str, now: i64) -> Option<Envelope> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent
            .get(key)
            .and_then(|recent| recent.loaded.as_ref())
            .filter(|envelope| envelope.is_fresh(generation, now))
            .cloned()
    }

    /// Whether the one who waits for `key` is to look into Redis at `now`: nobody here has for `pause` milliseconds.
    pub(super) fn is_my_turn(&self, key: &str, now: i64, pause: i64) -> bool {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut recent, now);
        let entry = recent.entry(key.to_owned()).or_default();
        let is_turn = entry.loaded.is_none() && now - entry.at >= pause;
        if is_turn {
            entry.at = now;
        }
        is_turn
    }

    /// Remembers what was loaded.
    pub(super) fn remember(&self, key: &str, envelope: Envelope, now: i64) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut recent, now);
        let loaded = Some(envelope);
        recent.insert(key.to_owned(), Recent { loaded, at: now });
    }
}

fn make_room(recent: &mut BTreeMap<String, Recent>, now: i64) {
    if recent.len() >= MOST {
        recent.retain(|_, entry| now - entry.at < KEPT_MILLIS);
    }
    while recent.len() >= MOST {
        recent.pop_first();
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

    #[test]
    fn what_was_loaded_is_found_under_its_generation() {
        let recent = RecentLoads::default();
        recent.remember("k", envelope("g1"), 0);
        assert_eq!(recent.find("k", "g1", 10), Some(envelope("g1")));
        assert_eq!(recent.find("k", "g2", 10), None);
        assert_eq!(recent.find("other", "g1", 10), None);
    }

    #[test]
    fn one_looks_at_a_time() {
        let recent = RecentLoads::default();
        assert!(recent.is_my_turn("k", 1_000, 20));
        assert!(!recent.is_my_turn("k", 1_019, 20));
        assert!(recent.is_my_turn("k", 1_020, 20));
        recent.remember("k", envelope("g1"), 1_030);
        assert!(!recent.is_my_turn("k", 2_000, 20), "it is here");
    }

    #[test]
    fn it_does_not_grow() {
        let recent = RecentLoads::default();
        for number in 0..1_000 {
            recent.remember(&format!("k{number}"), envelope("g"), number);
        }
        assert!(recent.0.lock().unwrap().len() <= MOST);
    }
}
