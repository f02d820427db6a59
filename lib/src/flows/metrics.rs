//! Counting requests where they are answered.
//!
//! Each instance adds up what it served and, every few seconds after a response, adds that to Redis: one hash a minute. So
//! a busy instance spends a handful of commands every five seconds, however many requests it serves.

use crate::{
    app::App,
    clients::upstash::{Command, RedisError, Value},
    domain::metrics::{Counts, Kind, field, latency_class},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// How long an instance adds up before it tells.
const FLUSH_MILLIS: i64 = 5_000;
/// How long a minute's counts are kept: a day and an hour.
const KEPT_SECONDS: u64 = 25 * 3_600;
/// Fields that are held while Redis is away; what comes on top is not counted.
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
    counts: BTreeMap<String, u64>,
    told_at: i64,
}

impl Recorder {
    /// Counts one request. Whether it is time to tell.
    fn count(&self, served: Served<'_>, now: i64) -> bool {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = [
            (Kind::Status, Some(served.status.to_string())),
            (Kind::Problem, served.problem.map(str::to_owned)),
            (Kind::Cache, served.cache.map(str::to_owned)),
            (Kind::Latency, Some(latency_class(served.millis))),
        ];
        for (kind, name) in names {
            let Some(name) = name else { continue };
            let field = field(served.route, kind, &name);
            if pending.counts.len() < MOST_FIELDS || pending.counts.contains_key(&field) {
                *pending.counts.entry(field).or_default() += 1;
            }
        }
        let is_time = now - pending.told_at >= FLUSH_MILLIS;
        if is_time {
            pending.told_at = now;
        }
        is_time
    }

    fn take(&self) -> BTreeMap<String, u64> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut pending.counts)
    }

    fn put_back(&self, counts: BTreeMap<String, u64>) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (field, number) in counts {
            *pending.counts.entry(field).or_default() += number;
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

/// Tells Redis what was counted; it is kept for the next time when Redis does not take it.
pub async fn flush(app: &App) {
    let Some(redis) = app.redis() else { return };
    let counts = app.recorder().take();
    if counts.is_empty() {
        return;
    }
    let key = minute_key(app.platform().now().as_second().div_euclid(60));
    let mut commands: Vec<Command> = counts
        .iter()
        .map(|(field, number)| Command::hincrby(key.clone(), field.clone(), *number))
        .collect();
    commands.push(Command::expire(key, KEPT_SECONDS));
    if redis.pipeline(&commands).await.is_err() {
        app.recorder().put_back(counts);
    }
}

fn minute_key(minute: i64) -> String {
    format!("metrics:{minute}")
}

/// What all instances counted in the last `minutes`, the present one included; `None` when Redis is off.
pub async fn window(app: &App, minutes: u32) -> Result<Option<Counts>, RedisError> {
    let Some(redis) = app.redis() else {
        return Ok(None);
    };
    let last = app.platform().now().as_second().div_euclid(60);
    let keys: Vec<String> = (0..i64::from(minutes))
        .map(|ago| minute_key(last - ago))
        .collect();
    let mut counts = Counts::default();
    for chunk in keys.chunks(CHUNK) {
        let commands: Vec<Command> = chunk.iter().cloned().map(Command::hgetall).collect();
        for hash in redis.pipeline(&commands).await? {
            add_hash(&mut counts, hash);
        }
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

    #[test]
    fn it_tells_at_once_and_then_every_five_seconds() {
        let recorder = Recorder::default();
        assert!(recorder.count(SERVED, 100_000));
        assert!(!recorder.count(SERVED, 104_999));
        assert!(recorder.count(SERVED, 105_000));
        let counts = recorder.take();
        assert_eq!(counts["/api/cars|s|200"], 3);
        assert_eq!(counts["/api/cars|l|3"], 3);
        assert_eq!(counts["/api/cars|c|HIT"], 3);
        assert_eq!(counts.len(), 3);
        recorder.put_back(counts.clone());
        assert_eq!(recorder.take(), counts);
    }

    #[test]
    fn it_does_not_grow_while_redis_is_away() {
        let recorder = Recorder::default();
        for status in 0..2_000 {
            recorder.count(Served { status, ..SERVED }, 0);
        }
        assert_eq!(recorder.take().len(), MOST_FIELDS);
    }
}
