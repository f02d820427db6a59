//! The two counters against a log of every request that was let in.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A client as Redis knows it: a count for each fixed window.
#[derive(Default)]
struct Counters(BTreeMap<u64, u64>);

impl Counters {
    fn of(&self, window: u64) -> u64 {
        self.0.get(&window).copied().unwrap_or(0)
    }

    /// What a request at `now` would be told.
    fn would(&self, rule: Rule, now: u64) -> Decision {
        let window = rule.window_index(now);
        let before = window.checked_sub(1).map_or(0, |window| self.of(window));
        rule.decide(self.of(window) + 1, before, now)
    }

    fn ask(&mut self, rule: Rule, now: u64) -> Decision {
        let decision = self.would(rule, now);
        if decision.allowed {
            *self.0.entry(rule.window_index(now)).or_default() += 1;
        }
        decision
    }
}

/// Those of the `log` in the `window` milliseconds that end at `now`.
fn within(log: &[u64], window: u64, now: u64) -> u64 {
    log.iter()
        .filter(|at| **at + window > now && **at <= now)
        .count()
        .try_into()
        .unwrap()
}

/// `limit + p·e/W`, rounded down: what the module's documentation proves to be the most.
fn most(rule: Rule, counters: &Counters, now: u64) -> u64 {
    let window = rule.window_millis();
    let before = rule.window_index(now).checked_sub(1);
    let before = before.map_or(0, |window| counters.of(window));
    u64::from(rule.limit) + before * (now % window) / window
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
    fn never_more_than_the_limit_and_the_stated_error(rule in rules(), pauses in pauses(), start in 0_u64..10_000) {
        let (mut counters, mut log, mut now) = (Counters::default(), Vec::new(), start);
        let (limit, window) = (u64::from(rule.limit), rule.window_millis());
        for pause in pauses {
            now += pause;
            let decision = counters.ask(rule, now);
            if decision.allowed {
                log.push(now);
                let exact = within(&log, window, now);
                prop_assert!(exact <= most(rule, &counters, now), "{exact} at {now}");
                prop_assert!(exact < 2 * limit, "{exact} at {now}");
            } else {
                // Nor is anybody denied whom an even spread would not deny.
                let before = rule.window_index(now).checked_sub(1).map_or(0, |window| counters.of(window));
                let exact = within(&log, window, now) + 1;
                prop_assert!(exact * window + before * (window - now % window) > limit * window, "{exact} at {now}");
            }
        }
        for count in counters.0.values() {
            prop_assert!(*count <= limit);
        }
    }

    /// Whoever knocks while denied is where they were: what was let in is what the counters hold.
    #[test]
    fn denied_requests_cost_nothing(rule in rules(), pauses in pauses(), knocks in prop::collection::vec(0_usize..5, 200), start in 0_u64..10_000) {
        let (mut patient, mut stubborn, mut now) = (Counters::default(), Counters::default(), start);
        for (pause, knocks) in pauses.into_iter().zip(knocks) {
            now += pause;
            prop_assert_eq!(patient.ask(rule, now), stubborn.ask(rule, now));
            if !stubborn.would(rule, now).allowed {
                for _ in 0..knocks {
                    prop_assert!(!stubborn.ask(rule, now).allowed);
                }
            }
            let held = |counters: &Counters| counters.0.values().sum::<u64>();
            prop_assert_eq!(held(&patient), held(&stubborn));
        }
    }

    #[test]
    fn coming_back_when_told_is_let_in_and_a_second_sooner_is_not(rule in rules(), pauses in pauses(), start in 0_u64..10_000) {
        let (mut counters, mut now) = (Counters::default(), start);
        for pause in pauses {
            now += pause;
            let decision = counters.ask(rule, now);
            if decision.allowed {
                prop_assert_eq!(decision.retry_after_seconds, 0);
                continue;
            }
            let told = now + decision.retry_after_seconds * 1000;
            prop_assert!(counters.would(rule, told).allowed, "told {}", decision.retry_after_seconds);
            prop_assert!(counters.would(rule, told + 1).allowed, "nor is it a lucky moment");
            prop_assert!(!counters.would(rule, told - 1000).allowed, "told {}", decision.retry_after_seconds);
        }
    }
}

/// The worst case of the module's documentation, to the last request.
#[test]
fn the_stated_error_can_be_reached() {
    let rule = Rule {
        limit: 10,
        window_seconds: 60,
    };
    let mut counters = Counters::default();
    let mut log = Vec::new();
    for now in 119_990..180_000 {
        while counters.would(rule, now).allowed {
            assert!(counters.ask(rule, now).allowed);
            log.push(now);
        }
    }
    let most = log.iter().map(|now| within(&log, 60_000, *now)).max();
    assert_eq!(most, Some(19), "twice the limit less one");
}
