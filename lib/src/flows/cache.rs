//! Answers kept in Redis, and how a write makes them invalid.
//!
//! An answer is stored in an envelope that names the generation it was loaded under. A write gives the car (or the
//! fleet) a new generation: nothing is searched and deleted, and a slow reader that stores what it read before the
//! write stores it under a generation that is over.

use super::admission::Admitted;
use crate::{
    app::App,
    clients::{
        supabase::{CarIdentity, DatabaseError},
        upstash::{Command, Value},
    },
    domain::{car::CarRef, secret::sha256_hex},
    http::request::{CacheOutcome, Request},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use std::future::Future;

/// Part of every key: another shape of an answer gets another number, so that two deployments can run side by side.
const SHAPE: u32 = 1;
/// How long an envelope is kept to be served when the database is down.
const KEPT_SECONDS: u64 = 3_600;
/// A generation outlives every envelope that names it.
const GENERATION_SECONDS: u64 = 24 * 3_600;

/// What an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The cars as such.
    Catalogue,
    /// Which cars are free: every booking changes it.
    Fleet,
    /// One car and its days.
    Car(CarRef),
}

impl Subject {
    fn generation_key(&self) -> String {
        match self {
            Self::Catalogue => "generation:catalogue".to_owned(),
            Self::Fleet => "generation:fleet".to_owned(),
            Self::Car(car) => format!("generation:car:{car}"),
        }
    }
}

/// The place of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    key: String,
    subject: Subject,
    fresh_seconds: u64,
}

impl Slot {
    /// The slot for the answer that `canonical` describes: the same text for the same answer, whatever the query looked
    /// like. It is hashed, so a key is short and holds nothing a client wrote.
    #[must_use]
    pub fn new(kind: &str, canonical: &str, subject: Subject, fresh_seconds: u64) -> Self {
        let digest = sha256_hex(canonical);
        Self {
            key: format!("cache:{SHAPE}:{kind}:{}", &digest[..32]),
            subject,
            fresh_seconds,
        }
    }

    /// What has to be read on the way in.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        vec![self.key.clone(), self.subject.generation_key()]
    }
}

/// An answer and what is known about it: `generation stored fresh-until`, a line feed, the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Envelope<'a> {
    generation: &'a str,
    fresh_until: i64,
    body: &'a str,
}

impl<'a> Envelope<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (head, body) = text.split_once('\n')?;
        let mut parts = head.split(' ');
        let generation = parts.next()?;
        let fresh_until = parts.nth(1)?.parse().ok()?;
        Some(Self {
            generation,
            fresh_until,
            body,
        })
    }

    fn write(generation: &str, stored: i64, fresh_until: i64, body: &str) -> String {
        format!("{generation} {stored} {fresh_until}\n{body}")
    }

    fn is_fresh(&self, generation: &str, now: i64) -> bool {
        self.generation == generation && now < self.fresh_until
    }
}

/// The generation before any write.
const FIRST: &str = "-";

/// The cached answer of `slot` when it is fresh, else what `load` gives, which is then stored after the response.
///
/// When the database is down an old answer is better than none, and `X-Cache: STALE` says so.
pub async fn read_through<L>(
    app: &App,
    request: &Request,
    admitted: Admitted,
    slot: Slot,
    load: L,
) -> Result<Option<Bytes>, DatabaseError>
where
    L: Future<Output = Result<Option<Bytes>, DatabaseError>>,
{
    let Some(values) = admitted.values else {
        request.notes.cache(CacheOutcome::Bypass);
        return load.await;
    };
    let mut values = values.into_iter().map(Value::into_text);
    let envelope = values.next().flatten();
    let envelope = envelope.as_deref().and_then(Envelope::read);
    let generation = values.next().flatten().unwrap_or_else(|| FIRST.to_owned());
    let now = app.platform().now().as_millisecond();
    if let Some(fresh) = envelope.filter(|envelope| envelope.is_fresh(&generation, now)) {
        request.notes.cache(CacheOutcome::Hit);
        return Ok(Some(Bytes::copy_from_slice(fresh.body.as_bytes())));
    }
    match (load.await, envelope) {
        (Ok(Some(body)), _) => {
            request.notes.cache(CacheOutcome::Miss);
            store_later(app, slot, generation, body.clone());
            Ok(Some(body))
        }
        (Err(DatabaseError::NotReached { .. } | DatabaseError::Unavailable { .. }), Some(old)) => {
            request.notes.cache(CacheOutcome::Stale);
            Ok(Some(Bytes::copy_from_slice(old.body.as_bytes())))
        }
        (other, _) => {
            request.notes.cache(CacheOutcome::Miss);
            other
        }
    }
}

fn store_later(app: &App, slot: Slot, generation: String, body: Bytes) {
    app.after_response(|app| {
        Box::pin(async move {
            let (Some(redis), Some(command)) =
                (app.redis(), storing(&app, &slot, &generation, &body))
            else {
                return;
            };
            if let Err(error) = redis.pipeline(&[command]).await {
                log::warn!("cache: an answer was not stored: {error}");
            }
        })
    });
}

/// The command that stores `body` in `slot`, loaded while `generation` was the current one.
fn storing(app: &App, slot: &Slot, generation: &str, body: &Bytes) -> Option<Command> {
    let now = app.platform().now().as_millisecond();
    let fresh_until = now + i64::try_from(slot.fresh_seconds * 1000).ok()?;
    let body = std::str::from_utf8(body).ok()?;
    let envelope = Envelope::write(generation, now, fresh_until, body);
    Some(Command::set(slot.key.clone(), envelope, KEPT_SECONDS))
}

/// Loads `slot` and stores it at once, as the warmer does. `false` when there is nothing to store or Redis is off.
pub async fn warm<L>(app: &App, slot: &Slot, load: L) -> Result<bool, WarmError>
where
    L: Future<Output = Result<Option<Bytes>, DatabaseError>>,
{
    let Some(redis) = app.redis() else {
        return Ok(false);
    };
    // The generation is read before the data: a write in between makes what is stored invalid.
    let read = redis
        .pipeline(&[Command::mget([slot.subject.generation_key()])])
        .await?;
    let generation = match read.into_iter().next() {
        Some(Value::List(values)) => values.into_iter().next().and_then(Value::into_text),
        _ => None,
    };
    let generation = generation.unwrap_or_else(|| FIRST.to_owned());
    let Some(body) = load.await? else {
        return Ok(false);
    };
    match storing(app, slot, &generation, &body) {
        Some(command) => redis
            .pipeline(&[command])
            .await
            .map(|_| true)
            .map_err(Into::into),
        None => Ok(false),
    }
}

/// Why a slot could not be warmed.
#[derive(Debug, thiserror::Error)]
pub enum WarmError {
    /// Redis did not take it.
    #[error(transparent)]
    Redis(#[from] crate::clients::upstash::RedisError),
    /// The database did not give it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The commands after which everything cached about `subjects` is a thing of the past.
#[must_use]
pub fn invalidation(app: &App, subjects: &[Subject]) -> Vec<Command> {
    let generation = BASE64_URL_SAFE_NO_PAD.encode(&app.platform().random()[..12]);
    subjects
        .iter()
        .map(|subject| {
            Command::set(
                subject.generation_key(),
                generation.clone(),
                GENERATION_SECONDS,
            )
        })
        .collect()
}

/// What changes when the days of `car` change: the car under both its names, and who is free.
#[must_use]
pub fn days_of(car: &CarIdentity) -> Vec<Subject> {
    [car.id.hyphenated().to_string(), car.slug.clone()]
        .iter()
        .filter_map(|name| CarRef::parse(name).ok())
        .map(Subject::Car)
        .chain([Subject::Fleet])
        .collect()
}

/// Makes everything cached about the days of `cars` invalid.
pub async fn days_changed(app: &App, cars: impl IntoIterator<Item = CarIdentity>) {
    let subjects: Vec<Subject> = cars.into_iter().flat_map(|car| days_of(&car)).collect();
    tell_redis(app, invalidation(app, &subjects)).await;
}

/// Sends `commands`, whose failure costs freshness for seconds and nothing else.
pub async fn tell_redis(app: &App, commands: Vec<Command>) {
    let Some(redis) = app.redis().filter(|_| !commands.is_empty()) else {
        return;
    };
    if let Err(error) = redis.pipeline(&commands).await {
        log::warn!("cache: an invalidation was not sent: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_survives() {
        let text = Envelope::write("g7", 1000, 2000, "{\"a\":\"b\\n\"}\nx");
        let read = Envelope::read(&text).unwrap();
        assert_eq!(read.body, "{\"a\":\"b\\n\"}\nx");
        assert!(read.is_fresh("g7", 1999));
        assert!(!read.is_fresh("g7", 2000));
        assert!(!read.is_fresh("g8", 1999));
        for damaged in ["", "g", "g 1\nbody", "g 1 x\nbody", "g 1 2"] {
            assert_eq!(Envelope::read(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_key_is_short_and_holds_nothing_a_client_wrote() {
        let slot = Slot::new("cars", "search=\r\nFLUSHALL", Subject::Catalogue, 60);
        assert_eq!(slot.key.len(), "cache:1:cars:".len() + 32);
        assert!(!slot.key.contains("FLUSH"));
        assert_ne!(
            slot.key,
            Slot::new("cars", "search=", Subject::Catalogue, 60).key
        );
    }
}
