//! Compares the two counters with an exact log of the allowed requests.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The counters of a client in Redis: one for each fixed window.
#[derive(Default)]
struct Counters(BTreeMap<u64, u64>);

impl Counters {
    fn of(&self, window: u64) -> u64 {
        self.0.get(&window).copied().unwrap_or(0)
    }

    /// The decision about a request at `now`, without counting it.
    fn preview(&self, rule: Rule, now: u64) -> Decision {
        let window = rule.window_index(now);
        let previous = window.checked_sub(1).map_or(0, |window| self.of(window));
        rule.decide(self.of(window) + 1, previous, now)
    }

    fn request(&mut self, rule: Rule, now: u64) -> Decision {
        let decision = self.preview(rule, now);
        if decision.allowed {
            *self.0.entry(rule.window_index(now)).or_default() += 1;
        }
        decision
    }
}

/// The number of requests in the `window` milliseconds that end at `now`.
fn exact_count(log: &[u64], window: u64, now: u64) -> u64 {
    log.iter()
        .filter(|at| **at + window > now && **at <= now)
        .count()
        .try_into()
        .unwrap()
}

/// `limit + p·e/W`, rounded down: the bound that the head of the module proves.
fn bound(rule: Rule, counters: &Counters, now: u64) -> u64 {
    let window = rule.window_millis();
    let previous = rule.window_index(now).checked_sub(1);
    let previous = previous.map_or(0, |window| counters.of(window));
    u64::from(rule.limit) + previous * (now % window) / window
}

fn rules() -> impl Strategy<Value = Rule> {
    (1_u32..20, 1_u32..4).prop_map(|(limit, window_seconds)| Rule {
        limit,
        window_seconds,
    })
}

/// Pauses before requests, in milliseconds: bursts, trickles and long silences.
fn pauses() -> impl Strategy<Value = Vec<u64>> {
    let pause = prop_oneof![4 => Just(0_u64), 3 => 0_u64..50, 2 => 0_u64..700, 1 => 0_u64..7_000];
    prop::collection::vec(pause, 1..200)
}

proptest! {
    #[test]
    fn error_stays_within_bound(
        rule in rules(),
        pauses in pauses(),
        start in 0_u64..10_000,
    ) {
        let (mut counters, mut log, mut now) = (Counters::default(), Vec::new(), start);
        let (limit, window) = (u64::from(rule.limit), rule.window_millis());
        for pause in pauses {
            now += pause;
            let decision = counters.request(rule, now);
            if decision.allowed {
                log.push(now);
                let exact = exact_count(&log, window, now);
                prop_assert!(exact <= bound(rule, &counters, now), "{exact} at {now}");
                prop_assert!(exact < 2 * limit, "{exact} at {now}");
            } else {
                // A request is denied only if an even spread denies it.
                let previous = rule.window_index(now).checked_sub(1);
                let previous = previous.map_or(0, |window| counters.of(window));
                let exact = exact_count(&log, window, now) + 1;
                let used = exact * window + previous * (window - now % window);
                prop_assert!(used > limit * window, "{exact} at {now}");
            }
        }
        for count in counters.0.values() {
            prop_assert!(*count <= limit);
        }
    }

    #[test]
    fn denied_requests_cost_nothing(
        rule in rules(),
        pauses in pauses(),
        retries in prop::collection::vec(0_usize..5, 200),
        start in 0_u64..10_000,
    ) {
        let (mut patient, mut stubborn, mut now) = (Counters::default(), Counters::default(), start);
        for (pause, retries) in pauses.into_iter().zip(retries) {
            now += pause;
            prop_assert_eq!(patient.request(rule, now), stubborn.request(rule, now));
            if !stubborn.preview(rule, now).allowed {
                for _ in 0..retries {
                    prop_assert!(!stubborn.request(rule, now).allowed);
                }
            }
            let total = |counters: &Counters| counters.0.values().sum::<u64>();
            prop_assert_eq!(total(&patient), total(&stubborn));
        }
    }

    #[test]
    fn retry_time_is_exact_to_a_second(
        rule in rules(),
        pauses in pauses(),
        start in 0_u64..10_000,
    ) {
        let (mut counters, mut now) = (Counters::default(), start);
        for pause in pauses {
            now += pause;
            let decision = counters.request(rule, now);
            if decision.allowed {
                prop_assert_eq!(decision.retry_after_seconds, 0);
                continue;
            }
            let wait = decision.retry_after_seconds;
            let retry = now + wait * 1000;
            prop_assert!(counters.preview(rule, retry).allowed, "after {wait}");
            prop_assert!(counters.preview(rule, retry + 1).allowed, "also a moment later");
            prop_assert!(!counters.preview(rule, retry - 1000).allowed, "after {wait}");
        }
    }
}

#[test]
fn error_bound_can_be_reached() {
    let rule = Rule {
        limit: 10,
        window_seconds: 60,
    };
    let mut counters = Counters::default();
    let mut log = Vec::new();
    for now in 119_990..180_000 {
        while counters.preview(rule, now).allowed {
            assert!(counters.request(rule, now).allowed);
            log.push(now);
        }
    }
    let largest = log.iter().map(|now| exact_count(&log, 60_000, *now)).max();
    assert_eq!(largest, Some(19), "twice the limit minus one");
}
