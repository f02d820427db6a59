//! Requests that this instance has counted and not reported to Redis yet.
//!
//! Counts are grouped by the minute of the response, so a late report goes to the right minute.

use crate::{
    clients::upstash::Command,
    domain::metrics::{Kind, field, latency_class},
};
use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The pause between two reports of an instance.
const REPORT_MILLIS: i64 = 5_000;
/// Lifetime of a minute's counts in Redis: a day and an hour.
const MINUTE_SECONDS: u64 = 25 * 3_600;
/// The most counters in memory while Redis is down. The oldest minute makes room.
const CAPACITY: usize = 500;

/// One request with its response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServedRequest<'a> {
    /// The route's path in the table.
    pub(crate) route: &'a str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The code of the problem, if the response is one.
    pub(crate) problem: Option<&'a str>,
    /// The value of `X-Cache`, if the route is cached.
    pub(crate) cache: Option<&'a str>,
    /// The time until the response.
    pub(crate) millis: u64,
}

/// Counts that Redis does not have yet.
#[derive(Debug, Default)]
pub(crate) struct RequestCounts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    minutes: MinuteCounts,
    reported_at: i64,
}

/// Counters by field, by minute since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MinuteCounts(BTreeMap<i64, BTreeMap<String, u64>>);

impl MinuteCounts {
    fn add(&mut self, minute: i64, field: String, number: u64) {
        let is_known = |counts: &BTreeMap<String, u64>| counts.contains_key(&field);
        if !self.0.get(&minute).is_some_and(is_known) && !self.has_room(minute) {
            return;
        }
        let counts = self.0.entry(minute).or_default();
        *counts.entry(field).or_default() += number;
    }

    /// Whether `minute` may have one more counter. Earlier minutes make room.
    fn has_room(&mut self, minute: i64) -> bool {
        while self.0.values().map(BTreeMap::len).sum::<usize>() >= CAPACITY {
            match self.0.first_entry() {
                Some(oldest) if *oldest.key() < minute => oldest.remove(),
                _ => return false,
            };
        }
        true
    }

    /// The commands that add the counts in Redis.
    pub(crate) fn report(&self) -> Vec<Command> {
        let minutes = self.0.iter().flat_map(|(minute, counts)| {
            let key = minute_key(*minute);
            let counts = counts.iter().map({
                let key = key.clone();
                move |(field, number)| Command::hincrby(key.clone(), field.clone(), *number)
            });
            counts.chain([Command::expire(key, MINUTE_SECONDS)])
        });
        minutes.collect()
    }
}

impl RequestCounts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one response at `now` (milliseconds since the Unix epoch). Returns whether a report
    /// is due.
    pub(crate) fn count(&self, served: ServedRequest<'_>, now: i64) -> bool {
        let mut state = self.state();
        let names = [
            (Kind::Status, Some(served.status.to_string())),
            (Kind::Problem, served.problem.map(str::to_owned)),
            (Kind::Cache, served.cache.map(str::to_owned)),
            (Kind::Latency, Some(latency_class(served.millis))),
        ];
        for (kind, name) in names {
            let Some(name) = name else { continue };
            let field = field(served.route, kind, &name);
            state.minutes.add(now.div_euclid(60_000), field, 1);
        }
        let is_due = now - state.reported_at >= REPORT_MILLIS;
        if is_due {
            state.reported_at = now;
        }
        is_due
    }

    /// Removes and returns the counts.
    pub(crate) fn take(&self) -> MinuteCounts {
        mem::take(&mut self.state().minutes)
    }

    /// Returns counts that were not reported.
    pub(crate) fn put_back(&self, minutes: MinuteCounts) {
        let mut state = self.state();
        for (minute, counts) in minutes.0 {
            for (field, number) in counts {
                state.minutes.add(minute, field, number);
            }
        }
    }
}

/// The key of a minute's counts.
pub(crate) fn minute_key(minute: i64) -> String {
    format!("metrics:{minute}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVED: ServedRequest<'static> = ServedRequest {
        route: "/api/cars",
        status: 200,
        problem: None,
        cache: Some("HIT"),
        millis: 3,
    };

    /// The start of a minute, in milliseconds.
    fn start_of(minute: i64) -> i64 {
        60_000 * minute
    }

    #[test]
    fn report_is_due_every_five_seconds() {
        let counts = RequestCounts::default();
        assert!(counts.count(SERVED, 100_000));
        assert!(!counts.count(SERVED, 104_999));
        assert!(counts.count(SERVED, 105_000));
        let minutes = counts.take();
        let expected = ["c|HIT", "l|3", "s|200"].map(|field| (format!("/api/cars|{field}"), 3));
        assert_eq!(minutes.0, [(1, expected.into())].into());
        counts.put_back(minutes.clone());
        assert_eq!(counts.take(), minutes);
    }

    #[test]
    fn each_minute_has_its_own_key() {
        let counts = RequestCounts::default();
        counts.count(SERVED, start_of(7) - 1);
        counts.count(SERVED, start_of(7));
        counts.put_back(counts.take());
        counts.count(SERVED, start_of(57));
        let report = serde_json::to_value(counts.take().report()).unwrap();
        let keys: Vec<&str> = report
            .as_array()
            .unwrap()
            .iter()
            .map(|words| words[1].as_str().unwrap())
            .collect();
        let expected = ["metrics:6", "metrics:7", "metrics:57"].map(|key| [key; 4]);
        assert_eq!(keys, expected.concat());
        assert_eq!(
            report[3],
            serde_json::json!(["EXPIRE", "metrics:6", "90000"])
        );
    }

    #[test]
    fn memory_is_bounded() {
        let counts = RequestCounts::default();
        for status in 0..2_000 {
            counts.count(ServedRequest { status, ..SERVED }, 0);
        }
        let full = counts.take();
        assert_eq!(full.0[&0].len(), CAPACITY);
        counts.put_back(full);
        counts.count(SERVED, start_of(1));
        let minutes = counts.take();
        assert_eq!(
            minutes.0.keys().collect::<Vec<_>>(),
            [&1],
            "the oldest minute is dropped first"
        );
        assert_eq!(minutes.0[&1].len(), 3);
    }

    #[test]
    fn returned_counts_do_not_displace_newer() {
        let counts = RequestCounts::default();
        counts.count(SERVED, 0);
        let old = counts.take();
        for status in 0..2_000 {
            counts.count(ServedRequest { status, ..SERVED }, start_of(1));
        }
        counts.put_back(old);
        let minutes = counts.take();
        assert_eq!(minutes.0.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!(minutes.0[&1].len(), CAPACITY);
    }
}
