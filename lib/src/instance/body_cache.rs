//! Bodies that this instance has already, so that Redis need not send them again.
//!
//! A lookup names the validator of the body in memory. Redis then sends the head of the envelope
//! alone while that is still the stored body. Redis decides each time whether the body still
//! counts.

use super::envelope::Entity;
use lru::LruCache;
use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

/// The most bodies in memory. A body is at most a few tens of kilobytes.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(128).unwrap();

/// Bodies by cache key, least recently used first out.
#[derive(Debug)]
pub(crate) struct BodyCache(Mutex<LruCache<String, Entity>>);

impl Default for BodyCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(CAPACITY)))
    }
}

impl BodyCache {
    /// The body under `key`, which may be outdated.
    pub(crate) fn get(&self, key: &str) -> Option<Entity> {
        let mut bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.get(key).cloned()
    }

    pub(crate) fn put(&self, key: &str, entity: &Entity) {
        let mut bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.put(key.to_owned(), entity.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(body: String) -> Entity {
        Entity::new(Some(body.into()))
    }

    #[test]
    fn last_body_replaces_earlier_one() {
        let cache = BodyCache::default();
        assert_eq!(cache.get("k"), None);
        for body in ["{}", "[]"] {
            cache.put("k", &entity(body.into()));
            assert_eq!(cache.get("k"), Some(entity(body.into())));
        }
    }

    #[test]
    fn least_recently_used_body_is_evicted() {
        let cache = BodyCache::default();
        for number in 0..CAPACITY.get() {
            cache.put(&format!("k{number}"), &entity(number.to_string()));
        }
        assert!(cache.get("k0").is_some());
        cache.put("one more", &entity("{}".into()));
        assert!(cache.get("k0").is_some() && cache.get("k1").is_none());
        assert_eq!(cache.0.lock().unwrap().len(), CAPACITY.get());
    }
}
