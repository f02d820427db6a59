//! Reading through the cache.
//!
//! | stored in Redis | response | `X-Cache` |
//! |---|---|---|
//! | a fresh envelope | the stored body | `HIT` |
//! | a stale one of the current generation | the stored body, one request refreshes it | `STALE` |
//! | nothing, or an earlier generation | one request loads it, the others wait | `MISS`, `HIT` |
//! | unknown: Redis is off or down | one request an instance loads it, the others wait | `BYPASS` |
//!
//! The leader is chosen in the same round trip as the lookup, so a miss costs no further round trip
//! before the database. A request that waits too long for another instance loads the response
//! itself, one request at a time on each instance.
//!
//! When the database is down an old response is served with `X-Cache: STALE`, unless it is about
//! days that have been booked since.

use crate::{
    app::App,
    clients::supabase::DatabaseError,
    flows::redis::lookup::{CacheEntry, CacheLookup, look_up, now},
    instance::{
        cache_key::CacheKey,
        envelope::{Entity, Envelope},
        single_flight::{Load, LoadResult, SequenceNumber},
    },
    platform::{Deadline, TransportError},
    web::request::{CacheOutcome, Request},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Duration};

/// Pauses between looks of a waiting request. The last pause repeats.
const PAUSES_MILLIS: [u64; 5] = [20, 40, 80, 160, 300];
/// The longest wait for another instance.
const PATIENCE: Duration = Duration::from_millis(1_200);
/// A request with less time left starts no load: its timeout would fail waiting requests that have
/// more time.
const MIN_LOAD_TIME: Duration = Duration::from_millis(500);
/// The time for a refresh after the response.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(10);

/// Loads a response from the database. `None` means that the thing does not exist.
pub(crate) type LoadFn = Box<
    dyn FnOnce(App, Deadline) -> BoxFuture<'static, Result<Option<Bytes>, DatabaseError>> + Send,
>;

/// A response and its freshness.
#[derive(Debug)]
pub(crate) struct CachedResponse {
    pub(crate) entity: Entity,
    /// Seconds for which it stays fresh. 0 when it is stale or must not be cached.
    pub(crate) fresh_seconds: u64,
}

impl CachedResponse {
    fn fresh(envelope: Envelope, now: i64) -> Self {
        let left = envelope.fresh_until.saturating_sub(now) / 1000;
        Self {
            entity: envelope.entity,
            fresh_seconds: u64::try_from(left).unwrap_or(0),
        }
    }

    fn uncacheable(entity: Entity) -> Self {
        Self {
            entity,
            fresh_seconds: 0,
        }
    }
}

/// The response to `lookup`: the stored one, or the one that `load` returns.
///
/// `entry` is the lookup's result, `None` when Redis did not reply.
pub(crate) async fn read_through(
    app: &App,
    request: &Request,
    lookup: CacheLookup,
    entry: Option<CacheEntry>,
    load: LoadFn,
) -> Result<CachedResponse, DatabaseError> {
    let reader = Reader {
        app,
        request,
        lookup,
        load,
    };
    match entry {
        Some(CacheEntry {
            envelope: Some(envelope),
            generation,
            ..
        }) if envelope.is_fresh(&generation, reader.lookup.began) => Ok(reader.hit(envelope)),
        Some(CacheEntry {
            envelope: Some(envelope),
            generation,
            is_leader,
        }) if envelope.may_be_served_stale(&generation, reader.lookup.began) => {
            request.notes.set_cache(CacheOutcome::Stale);
            if is_leader {
                refresh_later(app, reader.lookup, generation, reader.load);
            }
            Ok(CachedResponse::uncacheable(envelope.entity))
        }
        Some(entry) if entry.is_leader => reader.lead(entry).await,
        entry => reader.wait(entry).await,
    }
}

/// One request that reads.
struct Reader<'a> {
    app: &'a App,
    request: &'a Request,
    lookup: CacheLookup,
    load: LoadFn,
}

impl Reader<'_> {
    fn hit(self, envelope: Envelope) -> CachedResponse {
        self.request.notes.set_cache(CacheOutcome::Hit);
        if self.lookup.known.as_ref() != Some(&envelope.entity) {
            let name = self.lookup.key.name();
            self.app.body_cache().put(name, &envelope.entity);
        }
        CachedResponse::fresh(envelope, self.lookup.began)
    }

    /// Loads as the leader that Redis chose.
    async fn lead(self, entry: CacheEntry) -> Result<CachedResponse, DatabaseError> {
        let app = self.app;
        let flight = app.single_flight();
        let load = flight.begin_as_leader(self.lookup.key.name(), now(app.platform()));
        self.load(Some(entry), load).await
    }

    /// Waits for the leader. Loads when there seems to be none.
    async fn wait(
        mut self,
        mut entry: Option<CacheEntry>,
    ) -> Result<CachedResponse, DatabaseError> {
        let app = self.app;
        let flight = app.single_flight();
        let mut waited = Duration::ZERO;
        let mut may_load = entry.is_none();
        let mut since = self.lookup.arrived;
        let mut pauses = PAUSES_MILLIS.into_iter();
        let [.., last] = PAUSES_MILLIS;
        loop {
            if let Some(result) = self.shared_result(entry.as_ref()) {
                return self.respond(result, entry);
            }
            let left = self.request.deadline.left(app.platform().now());
            if left < MIN_LOAD_TIME {
                return self.respond(Err(Arc::new(timeout())), entry);
            }
            let is_impatient = waited >= PATIENCE;
            if !may_load && self.claims_look(waited, since) {
                match self.look_again().await {
                    Some(seen) if seen.is_leader => return self.lead(seen).await,
                    Some(seen) => entry = Some(seen),
                    None => may_load = true,
                }
                if let Some(result) = self.shared_result(entry.as_ref()) {
                    return self.respond(result, entry);
                }
            }
            if may_load || is_impatient {
                let load = flight.begin(self.lookup.key.name(), now(app.platform()));
                if let Some(load) = load {
                    return self.load(entry, load).await;
                }
            }
            let pause = Duration::from_millis(pauses.next().unwrap_or(last));
            since = flight.next_number();
            app.platform().sleep(pause.min(left)).await;
            waited += pause;
        }
    }

    /// The result of a load on this instance that is valid for this request.
    fn shared_result(&self, entry: Option<&CacheEntry>) -> Option<LoadResult> {
        let CacheLookup { key, arrived, .. } = &self.lookup;
        let generation = entry.map(|entry| entry.generation.as_str());
        let flight = self.app.single_flight();
        flight.result(key.name(), *arrived, generation, now(self.app.platform()))
    }

    /// Whether this request should look into Redis. While this instance loads the key it should
    /// not, unless that takes long and another instance may have been faster.
    fn claims_look(&self, waited: Duration, since: SequenceNumber) -> bool {
        let (flight, name) = (self.app.single_flight(), self.lookup.key.name());
        let is_useful = waited >= PATIENCE || !flight.is_loading(name, now(self.app.platform()));
        is_useful && !waited.is_zero() && flight.claims_look(name, since)
    }

    /// Looks into Redis again, for all requests that wait on this instance.
    ///
    /// Returns `None` when Redis does not reply.
    async fn look_again(&mut self) -> Option<CacheEntry> {
        let lookup = CacheLookup::new(self.app, self.lookup.key.clone());
        let entry = look_up(&self.app.redis()?, &lookup).await.ok()?;
        let fresh = entry
            .envelope
            .as_ref()
            .filter(|envelope| envelope.is_fresh(&entry.generation, lookup.began));
        if let Some(envelope) = fresh {
            let flight = self.app.single_flight();
            flight.share(lookup.key.name(), lookup.arrived, envelope.clone());
        }
        self.lookup.leader = lookup.leader;
        Some(entry)
    }

    /// Loads, shares the result on this instance, and stores it after the response.
    async fn load(
        self,
        entry: Option<CacheEntry>,
        load: Load<'_>,
    ) -> Result<CachedResponse, DatabaseError> {
        let Self {
            app,
            request,
            mut lookup,
            load: load_fn,
        } = self;
        lookup.began = now(app.platform());
        request.notes.set_cache(miss_or_bypass(entry.as_ref()));
        match (load_fn(app.clone(), request.deadline).await, entry) {
            (Ok(body), Some(entry)) => {
                let envelope = lookup.envelope(entry.generation, body);
                load.complete(Ok(envelope.clone()));
                let response = CachedResponse::fresh(envelope.clone(), now(app.platform()));
                store_later(app, lookup, Some(envelope), entry.is_leader);
                Ok(response)
            }
            (Ok(body), None) => {
                // Without a generation it serves the requests that wait now, and no later ones.
                let envelope = lookup.envelope(String::new(), body);
                load.complete(Ok(envelope.clone()));
                Ok(CachedResponse::uncacheable(envelope.entity))
            }
            (Err(error), entry) => {
                let error = Arc::new(error);
                load.complete(Err(Arc::clone(&error)));
                let response = stale_or_error(request, &lookup.key, entry.as_ref(), error);
                let is_leader = entry.is_some_and(|entry| entry.is_leader);
                store_later(app, lookup, None, is_leader);
                response
            }
        }
    }

    /// Responds with the result of another request's load.
    fn respond(
        self,
        result: LoadResult,
        entry: Option<CacheEntry>,
    ) -> Result<CachedResponse, DatabaseError> {
        let now = now(self.app.platform());
        match (result, entry) {
            (Ok(envelope), Some(_)) => {
                self.request.notes.set_cache(CacheOutcome::Hit);
                Ok(CachedResponse::fresh(envelope, now))
            }
            (Ok(envelope), None) => {
                self.request.notes.set_cache(CacheOutcome::Bypass);
                Ok(CachedResponse::uncacheable(envelope.entity))
            }
            (Err(error), entry) => {
                self.request.notes.set_cache(miss_or_bypass(entry.as_ref()));
                stale_or_error(self.request, &self.lookup.key, entry.as_ref(), error)
            }
        }
    }
}

/// The outcome for a response that did not come from the cache.
fn miss_or_bypass(entry: Option<&CacheEntry>) -> CacheOutcome {
    match entry {
        Some(_) => CacheOutcome::Miss,
        None => CacheOutcome::Bypass,
    }
}

fn timeout() -> DatabaseError {
    DatabaseError::NotReached {
        function: "a load by another request",
        source: TransportError::Unknown,
    }
}

/// Loads and stores after the response, which had the stale body.
fn refresh_later(app: &App, mut lookup: CacheLookup, generation: String, load: LoadFn) {
    app.after_response(|app| {
        Box::pin(async move {
            lookup.began = now(app.platform());
            let deadline = Deadline::after(app.platform().now(), REFRESH_TIMEOUT);
            let envelope = match load(app.clone(), deadline).await {
                Ok(body) => Some(lookup.envelope(generation, body)),
                Err(error) => {
                    log::warn!("cache: a refresh failed: {error}");
                    None
                }
            };
            store(&app, &lookup, envelope.as_ref(), true).await;
        })
    });
}

fn store_later(app: &App, lookup: CacheLookup, envelope: Option<Envelope>, is_leader: bool) {
    app.after_response(move |app| {
        Box::pin(async move { store(&app, &lookup, envelope.as_ref(), is_leader).await })
    });
}

/// Stores the envelope, if there is one, and releases the leader's lease.
async fn store(app: &App, lookup: &CacheLookup, envelope: Option<&Envelope>, is_leader: bool) {
    let Some(redis) = app.redis() else { return };
    let mut commands = lookup.store(envelope);
    commands.extend(is_leader.then(|| lookup.leader.release()));
    if commands.is_empty() {
        return;
    }
    if let Err(error) = redis.background().pipeline(&commands).await {
        log::warn!("cache: a response was not stored: {error}");
    }
}

/// An old response when the database is down, otherwise the error.
///
/// A response of an earlier generation is served only where bookings do not change it. Otherwise a
/// booked day could show as free.
fn stale_or_error(
    request: &Request,
    key: &CacheKey,
    entry: Option<&CacheEntry>,
    error: Arc<DatabaseError>,
) -> Result<CachedResponse, DatabaseError> {
    let old = entry.and_then(|entry| {
        let envelope = entry.envelope.as_ref()?;
        let may_be_served = key.outlives_bookings() || envelope.generation == entry.generation;
        may_be_served.then(|| envelope.entity.clone())
    });
    match old {
        Some(entity) if error.is_outage() => {
            request.notes.set_cache(CacheOutcome::Stale);
            Ok(CachedResponse::uncacheable(entity))
        }
        _ => Err(DatabaseError::Shared(error)),
    }
}

#[cfg(test)]
mod tests;
