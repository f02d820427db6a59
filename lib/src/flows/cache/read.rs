//! Reading through the cache.
//!
//! | what Redis has | what happens | `X-Cache` |
//! |---|---|---|
//! | a fresh answer | it is the answer | `HIT` |
//! | one past its freshness, of the current generation | it is the answer; one request renews it afterwards | `STALE` |
//! | none, or one of an earlier generation | one request loads it, the others wait for it | `MISS`, `HIT` |
//! | nothing, because it is off or down | the database is asked | `BYPASS` |
//!
//! Who loads is settled in the same step in which the answer is read, so a miss costs no further round trip before the
//! database. When the database is down an old answer is better than none, and `X-Cache: STALE` says so.

use super::{
    Slot,
    envelope::{Entity, Envelope},
};
use crate::{
    app::App,
    clients::{
        supabase::DatabaseError,
        upstash::{Command, DELETE_IF_EQUAL, READ_OR_LEAD, RedisError, Value},
    },
    http::request::{CacheOutcome, Request},
    platform::Deadline,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::time::Duration;

/// How long the one who loads may take before somebody else does.
const LEAD_MILLIS: u64 = 5_000;
/// How long the others wait between looks: 1.2 seconds in all, then they load for themselves.
const PAUSES_MILLIS: [i64; 6] = [20, 40, 80, 160, 300, 600];
/// How long renewing may take after a response.
const RENEW_WITHIN: Duration = Duration::from_secs(10);

/// What gives the answer: the body, or `None` when there is no such thing.
pub type Load = Box<
    dyn FnOnce(App, Deadline) -> BoxFuture<'static, Result<Option<Bytes>, DatabaseError>> + Send,
>;

/// An answer, and how long it will be one.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub entity: Entity,
    /// Seconds for which it stays fresh: 0 when it is stale already, or kept nowhere.
    pub fresh_seconds: u64,
}

impl Answered {
    fn fresh(envelope: Envelope, now: i64) -> Self {
        let left = envelope.fresh_until.saturating_sub(now) / 1000;
        Self {
            entity: envelope.entity,
            fresh_seconds: u64::try_from(left).unwrap_or(0),
        }
    }

    fn not_to_be_kept(entity: Entity) -> Self {
        Self {
            entity,
            fresh_seconds: 0,
        }
    }
}

/// What a reader wants of the cache, named so that it can be asked for and understood.
#[derive(Clone, Debug)]
pub struct Reading {
    key: String,
    epoch_key: String,
    generation_key: String,
    lead_key: String,
    /// Names this reader as the one who loads.
    leader: String,
    /// The body that need not be sent.
    held: Option<Entity>,
    now: i64,
}

/// What Redis said.
#[derive(Debug)]
pub struct Found {
    envelope: Option<Envelope>,
    generation: String,
    /// This reader is the one who loads.
    leads: bool,
}

impl Found {
    /// Whether this reader is the one who loads.
    pub(in crate::flows) fn leads(&self) -> bool {
        self.leads
    }
}

impl Reading {
    /// Asks for what `slot` holds at this moment.
    #[must_use]
    pub fn of(app: &App, slot: &Slot) -> Self {
        Self {
            key: slot.key.clone(),
            epoch_key: slot.kind.epoch_key(),
            generation_key: slot.subject.generation_key(),
            lead_key: format!("load:{}", slot.key),
            leader: super::unique(app),
            held: app.held_bodies().find(&slot.key),
            now: app.platform().now().as_millisecond(),
        }
    }

    /// The command that reads, and settles who loads. `count_key` is read with it.
    pub(in crate::flows) fn command(&self, count_key: String) -> Command {
        Command::run(
            &READ_OR_LEAD,
            [
                count_key,
                self.key.clone(),
                self.epoch_key.clone(),
                self.generation_key.clone(),
                self.lead_key.clone(),
            ],
            [
                self.now.to_string(),
                self.leader.clone(),
                LEAD_MILLIS.to_string(),
                self.held
                    .as_ref()
                    .map_or_else(String::new, |held| held.etag.clone()),
            ],
        )
    }

    /// The count and what was found, from the answer to [`Reading::command`].
    pub(in crate::flows) fn understand(&self, answer: Value) -> Result<(u64, Found), RedisError> {
        let mut parts = answer
            .into_list()
            .ok_or(RedisError::Undecodable)?
            .into_iter();
        let mut next = || parts.next().ok_or(RedisError::Undecodable);
        let count = next()?.as_integer().unwrap_or(0);
        let mut envelope = next()?.into_text().and_then(Envelope::read);
        if let (Some(envelope), Some(held)) = (&mut envelope, &self.held)
            && envelope.entity.etag == held.etag
        {
            envelope.entity = held.clone();
        }
        let generation = next()?.into_text().ok_or(RedisError::Undecodable)?;
        let leads = next()?.as_integer() == Some(1);
        let found = Found {
            envelope,
            generation,
            leads,
        };
        Ok((u64::try_from(count).unwrap_or(0), found))
    }

    /// The command that ends the lead.
    pub(in crate::flows) fn release(&self) -> Command {
        Command::run(
            &DELETE_IF_EQUAL,
            [self.lead_key.clone()],
            [self.leader.clone()],
        )
    }
}

/// The answer of `slot`: the cached one, or what `load` gives.
pub async fn read_through(
    app: &App,
    request: &Request,
    slot: Slot,
    reading: Reading,
    found: Option<Found>,
    load: Load,
) -> Result<Answered, DatabaseError> {
    let Some(found) = found else {
        request.notes.cache(CacheOutcome::Bypass);
        let loaded = load(app.clone(), request.deadline).await?;
        return Ok(Answered::not_to_be_kept(Entity::new(loaded)));
    };
    match found.envelope {
        Some(envelope) if envelope.is_fresh(&found.generation, reading.now) => {
            request.notes.cache(CacheOutcome::Hit);
            if reading.held.as_ref() != Some(&envelope.entity) {
                app.held_bodies().hold(&slot.key, &envelope.entity);
            }
            Ok(Answered::fresh(envelope, reading.now))
        }
        Some(envelope) if envelope.may_be_served_stale(&found.generation, reading.now) => {
            request.notes.cache(CacheOutcome::Stale);
            if found.leads {
                renew(app, slot, reading, found.generation, load);
            }
            Ok(Answered::not_to_be_kept(envelope.entity))
        }
        old if found.leads => lead(app, request, slot, reading, found.generation, old, load).await,
        old => follow(app, request, slot, found.generation, old, load).await,
    }
}

/// Loads, answers, and stores after the response.
async fn lead(
    app: &App,
    request: &Request,
    slot: Slot,
    reading: Reading,
    generation: String,
    old: Option<Envelope>,
    load: Load,
) -> Result<Answered, DatabaseError> {
    match load(app.clone(), request.deadline).await {
        Ok(body) => {
            request.notes.cache(CacheOutcome::Miss);
            let envelope = slot.envelope(app, generation, body);
            let now = app.platform().now().as_millisecond();
            app.recent_loads()
                .remember(&slot.key, envelope.clone(), now);
            let answered = Answered::fresh(envelope.clone(), now);
            app.after_response(|app| {
                Box::pin(async move { keep(&app, &slot, &reading, Some(&envelope)).await })
            });
            Ok(answered)
        }
        Err(error) => {
            app.after_response(|app| {
                Box::pin(async move { keep(&app, &slot, &reading, None).await })
            });
            stale_or(request, old, error)
        }
    }
}

/// Waits for the one who loads; loads after all when nothing comes.
async fn follow(
    app: &App,
    request: &Request,
    slot: Slot,
    generation: String,
    old: Option<Envelope>,
    load: Load,
) -> Result<Answered, DatabaseError> {
    for pause in PAUSES_MILLIS {
        app.platform()
            .sleep(Duration::from_millis(pause.unsigned_abs()))
            .await;
        let now = app.platform().now().as_millisecond();
        if let Some(envelope) = app.recent_loads().find(&slot.key, &generation, now) {
            request.notes.cache(CacheOutcome::Hit);
            return Ok(Answered::fresh(envelope, now));
        }
        if !app.recent_loads().is_my_turn(&slot.key, now, pause) {
            continue;
        }
        match look(app, &slot).await {
            Some((reading, found)) if found.leads => {
                return lead(app, request, slot, reading, found.generation, old, load).await;
            }
            Some((reading, found)) => {
                let fresh = found
                    .envelope
                    .filter(|envelope| envelope.is_fresh(&found.generation, reading.now));
                if let Some(envelope) = fresh {
                    request.notes.cache(CacheOutcome::Hit);
                    app.recent_loads()
                        .remember(&slot.key, envelope.clone(), reading.now);
                    return Ok(Answered::fresh(envelope, reading.now));
                }
            }
            None => break,
        }
    }
    request.notes.cache(CacheOutcome::Miss);
    match load(app.clone(), request.deadline).await {
        Ok(body) => Ok(Answered::not_to_be_kept(Entity::new(body))),
        Err(error) => stale_or(request, old, error),
    }
}

/// Another look into Redis; `None` when it does not answer.
async fn look(app: &App, slot: &Slot) -> Option<(Reading, Found)> {
    let reading = Reading::of(app, slot);
    let command = reading.command(reading.key.clone());
    let answer = app.redis()?.pipeline(&[command]).await.ok()?;
    let (_, found) = reading.understand(answer.into_iter().next()?).ok()?;
    Some((reading, found))
}

/// Loads and stores after the response, which had an older answer.
fn renew(app: &App, slot: Slot, reading: Reading, generation: String, load: Load) {
    app.after_response(|app| {
        Box::pin(async move {
            let deadline = Deadline::after(app.platform().now(), RENEW_WITHIN);
            let envelope = match load(app.clone(), deadline).await {
                Ok(body) => Some(slot.envelope(&app, generation, body)),
                Err(error) => {
                    log::warn!("cache: an answer was not renewed: {error}");
                    None
                }
            };
            keep(&app, &slot, &reading, envelope.as_ref()).await;
        })
    });
}

/// Stores what was loaded, if anything, and ends the lead.
async fn keep(app: &App, slot: &Slot, reading: &Reading, envelope: Option<&Envelope>) {
    let Some(redis) = app.redis() else { return };
    let mut commands: Vec<Command> = envelope
        .and_then(|envelope| slot.storing(envelope))
        .into_iter()
        .collect();
    commands.push(reading.release());
    if let Err(error) = redis.pipeline(&commands).await {
        log::warn!("cache: an answer was not stored: {error}");
    }
}

fn stale_or(
    request: &Request,
    old: Option<Envelope>,
    error: DatabaseError,
) -> Result<Answered, DatabaseError> {
    match (error, old) {
        (DatabaseError::NotReached { .. } | DatabaseError::Unavailable { .. }, Some(old)) => {
            request.notes.cache(CacheOutcome::Stale);
            Ok(Answered::not_to_be_kept(old.entity))
        }
        (error, _) => {
            request.notes.cache(CacheOutcome::Miss);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(held: &Entity, envelope: String) -> Option<Envelope> {
        let reading = Reading {
            key: "k".into(),
            epoch_key: "e".into(),
            generation_key: "g".into(),
            lead_key: "l".into(),
            leader: "me".into(),
            held: Some(held.clone()),
            now: 0,
        };
        let answer = Value::List(vec![
            Value::Nil,
            Value::Text(envelope),
            Value::Text("--".into()),
            Value::Integer(0),
        ]);
        reading.understand(answer).unwrap().1.envelope
    }

    #[test]
    fn a_body_that_is_held_takes_the_place_of_the_one_that_was_not_sent() {
        let held = Entity::new(Some("{}".into()));
        let sent = format!("-- 0 60000 {}\n", held.etag);
        assert_eq!(understood(&held, sent).unwrap().entity, held);
        let other = Envelope {
            generation: "--".into(),
            stored: 0,
            fresh_until: 60_000,
            entity: Entity::new(Some("[]".into())),
        };
        assert_eq!(understood(&held, other.write().unwrap()), Some(other));
    }
}
