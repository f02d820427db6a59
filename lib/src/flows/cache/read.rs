//! Reading through the cache.
//!
//! | what Redis has | what happens | `X-Cache` |
//! |---|---|---|
//! | a fresh answer | it is the answer | `HIT` |
//! | one past its freshness, of the current generation | it is the answer; one request renews it afterwards | `STALE` |
//! | none, or one of an earlier generation | one request loads it, the others wait for it | `MISS`, `HIT` |
//! | nothing, because it is off or down | one request of each instance loads it, the others wait | `BYPASS` |
//!
//! Who loads is settled in the same step in which the answer is read, so a miss costs no further round trip before the
//! database. Whoever waits in vain for another instance loads after a while, one at a time on each. When the database is down an
//! old answer is better than none, unless it is about days that were booked meanwhile; `X-Cache: STALE` says so.

use super::{
    Found, Reading, Slot,
    envelope::{Entity, Envelope},
    loads::{Loading, Moment, Outcome},
    reading::{look, now},
};
use crate::{
    app::App,
    clients::supabase::DatabaseError,
    http::request::{CacheOutcome, Request},
    platform::{Deadline, TransportError},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Duration};

/// How long those who wait pause between looks; the last pause stays.
const PAUSES_MILLIS: [u64; 5] = [20, 40, 80, 160, 300];
/// How long they wait for another instance before they load for themselves.
const PATIENCE: Duration = Duration::from_millis(1_200);
/// Who has less left does not begin to load: a failure for want of time would be told to others, who have more.
const LEAST: Duration = Duration::from_millis(500);
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

/// The answer to `reading`: the cached one, or what `load` gives.
pub async fn read_through(
    app: &App,
    request: &Request,
    reading: Reading,
    found: Option<Found>,
    load: Load,
) -> Result<Answered, DatabaseError> {
    let read = Read {
        app,
        request,
        reading,
        load,
    };
    match found {
        Some(Found {
            envelope: Some(envelope),
            generation,
            ..
        }) if envelope.is_fresh(&generation, read.reading.began) => Ok(read.hit(envelope)),
        Some(Found {
            envelope: Some(envelope),
            generation,
            leads,
        }) if envelope.may_be_served_stale(&generation, read.reading.began) => {
            request.notes.cache(CacheOutcome::Stale);
            if leads {
                renew(app, read.reading, generation, read.load);
            }
            Ok(Answered::not_to_be_kept(envelope.entity))
        }
        Some(found) if found.leads => read.lead(found).await,
        found => read.wait(found).await,
    }
}

/// One request that reads.
struct Read<'a> {
    app: &'a App,
    request: &'a Request,
    reading: Reading,
    load: Load,
}

impl Read<'_> {
    fn hit(self, envelope: Envelope) -> Answered {
        self.request.notes.cache(CacheOutcome::Hit);
        if self.reading.held.as_ref() != Some(&envelope.entity) {
            let held = self.app.held_bodies();
            held.hold(&self.reading.slot.key, &envelope.entity);
        }
        Answered::fresh(envelope, self.reading.began)
    }

    /// Loads as the one whom Redis chose.
    async fn lead(self, found: Found) -> Result<Answered, DatabaseError> {
        let app = self.app;
        let loading = app.loads().begin_anyway(&self.reading.slot.key, now(app));
        self.load(Some(found), loading).await
    }

    /// Waits for the one who loads; loads when nobody does, as far as can be seen.
    async fn wait(mut self, mut found: Option<Found>) -> Result<Answered, DatabaseError> {
        let app = self.app;
        let mut waited = Duration::ZERO;
        let mut is_left_to_us = found.is_none();
        let mut since = self.reading.came;
        let mut pauses = PAUSES_MILLIS.into_iter();
        let [.., last] = PAUSES_MILLIS;
        loop {
            if let Some(outcome) = self.find(found.as_ref()) {
                return self.share(outcome, found);
            }
            let left = self.request.deadline.left(app.platform().now());
            if left < LEAST {
                return self.share(Err(Arc::new(too_late())), found);
            }
            let is_impatient = waited >= PATIENCE;
            if !is_left_to_us && self.is_my_turn_to_look(waited, since) {
                match self.look().await {
                    Some(seen) if seen.leads => return self.lead(seen).await,
                    Some(seen) => found = Some(seen),
                    None => is_left_to_us = true,
                }
                if let Some(outcome) = self.find(found.as_ref()) {
                    return self.share(outcome, found);
                }
            }
            if is_left_to_us || is_impatient {
                let loading = app.loads().begin(&self.reading.slot.key, now(app));
                if let Some(loading) = loading {
                    return self.load(found, loading).await;
                }
            }
            let pause = Duration::from_millis(pauses.next().unwrap_or(last));
            since = app.loads().moment();
            app.platform().sleep(pause.min(left)).await;
            waited += pause;
        }
    }

    /// What was loaded here meanwhile.
    fn find(&self, found: Option<&Found>) -> Option<Outcome> {
        let Reading { slot, came, .. } = &self.reading;
        let generation = found.map(|found| found.generation.as_str());
        let loads = self.app.loads();
        loads.find(&slot.key, *came, generation, now(self.app))
    }

    /// Not while somebody here loads it, unless that takes long and another instance may have been quicker.
    fn is_my_turn_to_look(&self, waited: Duration, since: Moment) -> bool {
        let (loads, key) = (self.app.loads(), &self.reading.slot.key);
        let is_of_use = waited >= PATIENCE || !loads.is_under_way(key, now(self.app));
        is_of_use && !waited.is_zero() && loads.is_my_turn_to_look(key, since)
    }

    /// Looks whether Redis has it by now, for all who wait here. `None` when it does not answer.
    async fn look(&mut self) -> Option<Found> {
        let reading = Reading::of(self.app, self.reading.slot.clone());
        let found = look(&self.app.redis()?, &reading).await.ok()?;
        let fresh = found
            .envelope
            .as_ref()
            .filter(|envelope| envelope.is_fresh(&found.generation, reading.began));
        if let Some(envelope) = fresh {
            let loads = self.app.loads();
            loads.found(&reading.slot.key, reading.came, envelope.clone());
        }
        self.reading.lead = reading.lead;
        Some(found)
    }

    /// Loads, tells those who wait here, and stores after the response.
    async fn load(
        self,
        found: Option<Found>,
        loading: Loading<'_>,
    ) -> Result<Answered, DatabaseError> {
        let Self {
            app,
            request,
            mut reading,
            load,
        } = self;
        reading.began = now(app);
        request.notes.cache(not_cached(found.as_ref()));
        match (load(app.clone(), request.deadline).await, found) {
            (Ok(body), Some(found)) => {
                let envelope = reading.envelope(found.generation, body);
                loading.ended(Ok(envelope.clone()));
                let answered = Answered::fresh(envelope.clone(), now(app));
                keep_later(app, reading, Some(envelope), found.leads);
                Ok(answered)
            }
            (Ok(body), None) => {
                // Of no generation: it is for those who wait already.
                let envelope = reading.envelope(String::new(), body);
                loading.ended(Ok(envelope.clone()));
                Ok(Answered::not_to_be_kept(envelope.entity))
            }
            (Err(error), found) => {
                let error = Arc::new(error);
                loading.ended(Err(Arc::clone(&error)));
                let answered = stale_or(request, &reading.slot, found.as_ref(), error);
                keep_later(app, reading, None, found.is_some_and(|found| found.leads));
                answered
            }
        }
    }

    /// Answers with what somebody else loaded.
    fn share(self, outcome: Outcome, found: Option<Found>) -> Result<Answered, DatabaseError> {
        let now = now(self.app);
        match (outcome, found) {
            (Ok(envelope), Some(_)) => {
                self.request.notes.cache(CacheOutcome::Hit);
                Ok(Answered::fresh(envelope, now))
            }
            (Ok(envelope), None) => {
                self.request.notes.cache(CacheOutcome::Bypass);
                Ok(Answered::not_to_be_kept(envelope.entity))
            }
            (Err(error), found) => {
                self.request.notes.cache(not_cached(found.as_ref()));
                stale_or(self.request, &self.reading.slot, found.as_ref(), error)
            }
        }
    }
}

/// How it is called that an answer did not come from the cache.
fn not_cached(found: Option<&Found>) -> CacheOutcome {
    match found {
        Some(_) => CacheOutcome::Miss,
        None => CacheOutcome::Bypass,
    }
}

fn too_late() -> DatabaseError {
    DatabaseError::NotReached {
        function: "what another request loads",
        source: TransportError::Unknown,
    }
}

/// Loads and stores after the response, which had an older answer.
fn renew(app: &App, mut reading: Reading, generation: String, load: Load) {
    app.after_response(|app| {
        Box::pin(async move {
            reading.began = now(&app);
            let deadline = Deadline::after(app.platform().now(), RENEW_WITHIN);
            let envelope = match load(app.clone(), deadline).await {
                Ok(body) => Some(reading.envelope(generation, body)),
                Err(error) => {
                    log::warn!("cache: an answer was not renewed: {error}");
                    None
                }
            };
            keep(&app, &reading, envelope.as_ref(), true).await;
        })
    });
}

fn keep_later(app: &App, reading: Reading, envelope: Option<Envelope>, leads: bool) {
    app.after_response(move |app| {
        Box::pin(async move { keep(&app, &reading, envelope.as_ref(), leads).await })
    });
}

/// Stores what was loaded, if anything, and ends the lead.
async fn keep(app: &App, reading: &Reading, envelope: Option<&Envelope>, leads: bool) {
    let Some(redis) = app.redis() else { return };
    let mut commands = reading.storing(envelope);
    commands.extend(leads.then(|| reading.lead.release()));
    if commands.is_empty() {
        return;
    }
    if let Err(error) = redis.patient().pipeline(&commands).await {
        log::warn!("cache: an answer was not stored: {error}");
    }
}

/// An older answer in place of none, when the database is down: one that was superseded only where no booking superseded it, or a
/// day could show as free that is not.
fn stale_or(
    request: &Request,
    slot: &Slot,
    found: Option<&Found>,
    error: Arc<DatabaseError>,
) -> Result<Answered, DatabaseError> {
    let old = found.and_then(|found| {
        let envelope = found.envelope.as_ref()?;
        let may_be_served = slot.outlives_bookings() || envelope.generation == found.generation;
        may_be_served.then(|| envelope.entity.clone())
    });
    match old {
        Some(entity) if error.is_outage() => {
            request.notes.cache(CacheOutcome::Stale);
            Ok(Answered::not_to_be_kept(entity))
        }
        _ => Err(DatabaseError::Shared(error)),
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
