//! Rate limits that this instance counts alone, for requests that Redis has not counted.

use crate::domain::rate_limit::{Client, Decision, Rule, Tier};
use lru::LruCache;
use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

/// The most counters in memory.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Counters by window, tier and client, least recently used first out.
#[derive(Debug)]
pub(crate) struct LocalLimits(Mutex<LruCache<(u64, Tier, Client), u64>>);

impl Default for LocalLimits {
    fn default() -> Self {
        let mut counters = LruCache::unbounded();
        // `LruCache::new` allocates its capacity, and most instances never count alone.
        counters.resize(CAPACITY);
        Self(Mutex::new(counters))
    }
}

impl LocalLimits {
    /// Decides about a request at `now` (milliseconds since the Unix epoch), and counts it if it is
    /// allowed.
    pub(crate) fn decide(&self, tier: Tier, client: &Client, rule: Rule, now: u64) -> Decision {
        let index = rule.window_index(now);
        let window = |index: u64| (index, tier, client.clone());
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = counters.peek(&window(index.saturating_sub(1))).copied();
        let current = counters.get(&window(index)).copied().unwrap_or(0) + 1;
        let decision = rule.decide(current, previous.unwrap_or(0), now);
        if decision.allowed {
            counters.put(window(index), current);
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        limit: 2,
        window_seconds: 60,
    };

    #[test]
    fn limit_holds_without_redis() {
        let limits = LocalLimits::default();
        let is_allowed = |name: &str, now| {
            let decision = limits.decide(Tier::Public, &Client::named(name), RULE, now);
            decision.allowed
        };
        assert_eq!(
            [
                is_allowed("a", 60_000),
                is_allowed("a", 60_001),
                is_allowed("a", 60_002),
                is_allowed("b", 60_003)
            ],
            [true, true, false, true]
        );
        // Two requests of the window before weigh one, half a window later.
        assert_eq!(
            [is_allowed("a", 150_000), is_allowed("a", 150_001)],
            [true, false],
            "a denied request does not count"
        );
    }

    #[test]
    fn least_recent_client_is_evicted() {
        let limits = LocalLimits::default();
        let capacity = limits.0.lock().unwrap().cap().get();
        let remaining = |number: usize, now| {
            let client = Client::named(&number.to_string());
            limits.decide(Tier::Public, &client, RULE, now).remaining
        };
        for number in 0..=capacity {
            assert_eq!(remaining(number, 0), 1);
        }
        assert_eq!(remaining(capacity, 0), 0);
        assert_eq!(remaining(0, 0), 1, "the first client was evicted");
        assert_eq!(limits.0.lock().unwrap().len(), capacity);
    }
}
