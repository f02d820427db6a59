//! Bodies that this instance has in hand, so that Redis need not send them again.
//!
//! A body that is asked for often crosses the network once: the reader names the validator of the body that it has, and Redis
//! sends the head of the envelope alone while that is still the one. Whether the answer counts is decided there, each time.

use super::envelope::Entity;
use lru::LruCache;
use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

/// How many are held; one is at most a few tens of kilobytes.
const MOST: NonZeroUsize = NonZeroUsize::new(128).unwrap();

/// The instance's bodies, by key. The one that was asked for longest ago makes room.
#[derive(Debug)]
pub struct HeldBodies(Mutex<LruCache<String, Entity>>);

impl Default for HeldBodies {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl HeldBodies {
    /// What is held under `key`, whether it is still the answer or not.
    pub(super) fn find(&self, key: &str) -> Option<Entity> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(key).cloned()
    }

    /// Holds `entity` under `key`.
    pub(super) fn hold(&self, key: &str, entity: &Entity) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.put(key.to_owned(), entity.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(body: String) -> Entity {
        Entity::new(Some(body.into()))
    }

    #[test]
    fn the_last_body_is_held() {
        let held = HeldBodies::default();
        assert_eq!(held.find("k"), None);
        for body in ["{}", "[]"] {
            held.hold("k", &entity(body.into()));
            assert_eq!(held.find("k"), Some(entity(body.into())));
        }
    }

    #[test]
    fn what_was_asked_for_longest_ago_makes_room() {
        let held = HeldBodies::default();
        for number in 0..MOST.get() {
            held.hold(&format!("k{number}"), &entity(number.to_string()));
        }
        assert!(held.find("k0").is_some());
        held.hold("one more", &entity("{}".into()));
        assert!(held.find("k0").is_some() && held.find("k1").is_none());
        assert_eq!(held.0.lock().unwrap().len(), MOST.get());
    }
}
