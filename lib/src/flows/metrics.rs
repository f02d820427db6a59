//! Counting requests where they are answered.
//!
//! Each instance adds up what it served, by the minute in which it was, and every few seconds after a response adds that to
//! Redis: one hash a minute. So a busy instance spends a handful of commands every five seconds, however many requests it
//! serves, and one that stood still in between tells late and of the right minute.

use crate::{
    app::App,
    clients::upstash::{Command, RedisError, Value},
    domain::metrics::{Counts, Kind, field, latency_class},
};
use futures_util::future::try_join_all;
use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How long an instance adds up before it tells.
const FLUSH_MILLIS: i64 = 5_000;
/// How long a minute's counts are kept: a day and an hour.
const KEPT_SECONDS: u64 = 25 * 3_600;
/// Fields of all minutes that are held while Redis is away. For what comes on top the oldest minute is given up.
const MOST_FIELDS: usize = 500;
/// Minutes asked for in one request.
const CHUNK: usize = 120;

/// One request, answered.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// Its route's path in the table.
    pub route: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The problem's code, if it ended in one.
    pub problem: Option<&'a str>,
    /// As in `X-Cache`, if the route is cached.
    pub cache: Option<&'a str>,
    /// How long it took.
    pub millis: u64,
}

/// What an instance has counted and not told.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    minutes: Minutes,
    told_at: i64,
}

/// Numbers by field, by minute since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Minutes(BTreeMap<i64, BTreeMap<String, u64>>);

impl Minutes {
    fn add(&mut self, minute: i64, field: String, number: u64) {
        let is_known = |counts: &BTreeMap<String, u64>| counts.contains_key(&field);
        if !self.0.get(&minute).is_some_and(is_known) && !self.has_room(minute) {
            return;
        }
        let counts = self.0.entry(minute).or_default();
        *counts.entry(field).or_default() += number;
    }

    /// Whether `minute` may have one more field. Minutes before it make room.
    fn has_room(&mut self, minute: i64) -> bool {
        while self.0.values().map(BTreeMap::len).sum::<usize>() >= MOST_FIELDS {
            match self.0.first_entry() {
                Some(oldest) if *oldest.key() < minute => oldest.remove(),
                _ => return false,
            };
        }
        true
    }

    /// The commands that tell it.
    fn telling(&self) -> Vec<Command> {
        let minutes = self.0.iter().flat_map(|(minute, counts)| {
            let key = minute_key(*minute);
            let counts = counts.iter().map({
                let key = key.clone();
                move |(field, number)| Command::hincrby(key.clone(), field.clone(), *number)
            });
            counts.chain([Command::expire(key, KEPT_SECONDS)])
        });
        minutes.collect()
    }
}

impl Recorder {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one request that was answered at `now`, in milliseconds since the Unix epoch. Whether it is time to tell.
    fn count(&self, served: Served<'_>, now: i64) -> bool {
        let mut pending = self.pending();
        let names = [
            (Kind::Status, Some(served.status.to_string())),
            (Kind::Problem, served.problem.map(str::to_owned)),
            (Kind::Cache, served.cache.map(str::to_owned)),
            (Kind::Latency, Some(latency_class(served.millis))),
        ];
        for (kind, name) in names {
            let Some(name) = name else { continue };
            let field = field(served.route, kind, &name);
            pending.minutes.add(now.div_euclid(60_000), field, 1);
        }
        let is_time = now - pending.told_at >= FLUSH_MILLIS;
        if is_time {
            pending.told_at = now;
        }
        is_time
    }

    fn take(&self) -> Minutes {
        mem::take(&mut self.pending().minutes)
    }

    fn put_back(&self, minutes: Minutes) {
        let mut pending = self.pending();
        for (minute, counts) in minutes.0 {
            for (field, number) in counts {
                pending.minutes.add(minute, field, number);
            }
        }
    }
}

/// Counts one request, and tells Redis after the response when it is time.
pub fn count(app: &App, served: Served<'_>) {
    let now = app.platform().now().as_millisecond();
    if app.recorder().count(served, now) {
        app.after_response(|app| Box::pin(async move { flush(&app).await }));
    }
}

/// Tells Redis what was counted.
///
/// What Redis surely did not add is told the next time. What it may have added is not, because adding twice what was served once
/// would show traffic that never was: where an answer is lost, or one command of the pipeline failed and those beside it did
/// not, the figures err on the low side, by the five seconds that one instance told of.
pub async fn flush(app: &App) {
    let Some(redis) = app.redis() else { return };
    let minutes = app.recorder().take();
    let commands = minutes.telling();
    if commands.is_empty() {
        return;
    }
    match redis.pipeline(&commands).await {
        Ok(_) => {}
        Err(error) if error.has_changed_nothing() => app.recorder().put_back(minutes),
        Err(error) => log::warn!("metrics: what was counted may be missing: {error}"),
    }
}

fn minute_key(minute: i64) -> String {
    format!("metrics:{minute}")
}

/// What all instances counted in the last `minutes`, the present one included; `None` when Redis is off. Operators wait for it.
pub async fn window(app: &App, minutes: u32) -> Result<Option<Counts>, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(None);
    };
    let redis = redis.patient();
    let last = app.platform().now().as_second().div_euclid(60);
    let commands: Vec<Command> = (0..i64::from(minutes))
        .map(|ago| Command::hgetall(minute_key(last - ago)))
        .collect();
    let chunks = commands.chunks(CHUNK).map(|chunk| redis.pipeline(chunk));
    let mut counts = Counts::default();
    for hash in try_join_all(chunks).await?.into_iter().flatten() {
        add_hash(&mut counts, hash);
    }
    Ok(Some(counts))
}

/// A hash arrives as a list of fields and values in turn.
fn add_hash(counts: &mut Counts, hash: Value) {
    let mut parts = hash.into_list().unwrap_or_default().into_iter();
    while let (Some(field), Some(number)) = (parts.next(), parts.next()) {
        let number = number.as_integer().and_then(|n| u64::try_from(n).ok());
        if let (Some(field), Some(number)) = (field.into_text(), number) {
            counts.add(&field, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVED: Served<'static> = Served {
        route: "/api/cars",
        status: 200,
        problem: None,
        cache: Some("HIT"),
        millis: 3,
    };

    /// Milliseconds at which the minute begins.
    fn start_of(minute: i64) -> i64 {
        60_000 * minute
    }

    #[test]
    fn it_tells_at_once_and_then_every_five_seconds() {
        let recorder = Recorder::default();
        assert!(recorder.count(SERVED, 100_000));
        assert!(!recorder.count(SERVED, 104_999));
        assert!(recorder.count(SERVED, 105_000));
        let minutes = recorder.take();
        let counts = ["c|HIT", "l|3", "s|200"].map(|field| (format!("/api/cars|{field}"), 3));
        assert_eq!(minutes.0, [(1, counts.into())].into());
        recorder.put_back(minutes.clone());
        assert_eq!(recorder.take(), minutes);
    }

    #[test]
    fn each_minute_is_told_by_itself() {
        let recorder = Recorder::default();
        recorder.count(SERVED, start_of(7) - 1);
        recorder.count(SERVED, start_of(7));
        recorder.put_back(recorder.take());
        recorder.count(SERVED, start_of(57));
        let told = serde_json::to_value(recorder.take().telling()).unwrap();
        let keys: Vec<&str> = told
            .as_array()
            .unwrap()
            .iter()
            .map(|words| words[1].as_str().unwrap())
            .collect();
        let expected = ["metrics:6", "metrics:7", "metrics:57"].map(|key| [key; 4]);
        assert_eq!(keys, expected.concat());
        assert_eq!(told[3], serde_json::json!(["EXPIRE", "metrics:6", "90000"]));
    }

    #[test]
    fn it_does_not_grow_while_redis_is_away() {
        let recorder = Recorder::default();
        for status in 0..2_000 {
            recorder.count(Served { status, ..SERVED }, 0);
        }
        let full = recorder.take();
        assert_eq!(full.0[&0].len(), MOST_FIELDS);
        recorder.put_back(full);
        recorder.count(SERVED, start_of(1));
        let minutes = recorder.take();
        assert_eq!(
            minutes.0.keys().collect::<Vec<_>>(),
            [&1],
            "the oldest minute goes first"
        );
        assert_eq!(minutes.0[&1].len(), 3);
    }

    #[test]
    fn what_is_put_back_takes_no_room_from_what_is_newer() {
        let recorder = Recorder::default();
        recorder.count(SERVED, 0);
        let old = recorder.take();
        for status in 0..2_000 {
            recorder.count(Served { status, ..SERVED }, start_of(1));
        }
        recorder.put_back(old);
        let minutes = recorder.take();
        assert_eq!(minutes.0.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!(minutes.0[&1].len(), MOST_FIELDS);
    }
}
