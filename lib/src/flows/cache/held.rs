//! Bodies that this instance has in hand, so that Redis need not send them again.
//!
//! A body that is asked for often crosses the network once: the reader names the validator of the body that it has, and Redis
//! sends the head of the envelope alone while that is still the one. Whether the answer counts is decided there, each time.

use super::envelope::Entity;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// How many are held; one is at most a few tens of kilobytes.
const MOST: usize = 128;

/// The instance's bodies, by key.
#[derive(Debug, Default)]
pub struct HeldBodies(Mutex<BTreeMap<String, Entity>>);

impl HeldBodies {
    /// What is held under `key`, whether it is still the answer or not.
    pub(super) fn find(&self, key: &str) -> Option<Entity> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(key).cloned()
    }

    /// Holds `entity` under `key`. Keys are hashes, so the one that makes room is any one.
    pub(super) fn hold(&self, key: &str, entity: &Entity) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held.get_mut(key) {
            known.clone_from(entity);
            return;
        }
        if held.len() >= MOST {
            held.pop_first();
        }
        held.insert(key.to_owned(), entity.clone());
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
    fn it_does_not_grow() {
        let held = HeldBodies::default();
        for number in 0..1_000 {
            held.hold(&format!("k{number}"), &entity(number.to_string()));
        }
        assert_eq!(held.0.lock().unwrap().len(), MOST);
        assert_eq!(held.find("k999"), Some(entity("999".into())));
    }
}
