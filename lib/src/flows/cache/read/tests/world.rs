//! An instance on a platform whose time and replies the test controls.

use super::super::*;
use crate::{
    config::Config,
    domain::car::CarRef,
    instance::cache_key::{CacheKind, Subject},
    platform::Platform,
    scripted::{REDIS, START_MILLIS, config},
    stepped::SteppedPlatform,
    web::request::Notes,
};
use futures_util::FutureExt;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) const KEY: &str = "test-car";

/// One instance, with the number of its loads from the database.
pub(super) struct Instance {
    pub(super) app: App,
    pub(super) world: Arc<SteppedPlatform>,
    pub(super) loads: Arc<AtomicUsize>,
}

/// The body or the error, `X-Cache`, and the time of a response.
pub(super) type Response = (Result<String, String>, &'static str, i64);

impl Instance {
    pub(super) fn new(redis: &[String]) -> Self {
        Self::with(config(&REDIS, &[]).unwrap(), redis)
    }

    pub(super) fn without_redis() -> Self {
        Self::with(config(&[], &[]).unwrap(), &[])
    }

    pub(super) fn with(config: Config, redis: &[String]) -> Self {
        let world = Arc::new(SteppedPlatform::new(redis));
        Self {
            app: App::new(config, Arc::clone(&world) as Arc<dyn Platform>),
            world,
            loads: Arc::default(),
        }
    }

    /// A load that takes `millis` and returns its number, or fails because the database is down.
    pub(super) fn load(&self, millis: u64, is_down: bool) -> LoadFn {
        let loads = Arc::clone(&self.loads);
        Box::new(move |app, _| {
            async move {
                let number = 1 + loads.fetch_add(1, Ordering::SeqCst);
                app.platform().sleep(Duration::from_millis(millis)).await;
                if is_down {
                    Err(DatabaseError::NotReached {
                        function: "f",
                        source: TransportError::NotSent,
                    })
                } else {
                    Ok(Some(Bytes::from(format!("{{\"load\":{number}}}"))))
                }
            }
            .boxed()
        })
    }

    /// A request that arrives after `arrives` milliseconds, with its lookup's result.
    pub(super) fn reader(
        &self,
        arrives: u64,
        entry: impl Into<Option<CacheEntry>>,
        load: LoadFn,
    ) -> BoxFuture<'_, Response> {
        self.reader_of(days(), arrives, entry, load)
    }

    pub(super) fn reader_of(
        &self,
        key: CacheKey,
        arrives: u64,
        entry: impl Into<Option<CacheEntry>>,
        load: LoadFn,
    ) -> BoxFuture<'_, Response> {
        let entry = entry.into();
        async move {
            self.world.sleep(Duration::from_millis(arrives)).await;
            let request = request(self.world.now());
            let lookup = CacheLookup::new(&self.app, key);
            let result = read_through(&self.app, &request, lookup, entry, load).await;
            let body = result
                .map(|response| String::from_utf8(response.entity.body.to_vec()).unwrap())
                .map_err(|error| error.to_string());
            let cache = request.notes.snapshot().cache.unwrap().header_value();
            (body, cache, self.world.elapsed())
        }
        .boxed()
    }

    /// Runs `readers` and the work after their responses to the end.
    pub(super) fn run(&self, readers: Vec<BoxFuture<'_, Response>>) -> Vec<Response> {
        self.world.run(readers)
    }

    pub(super) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Lookups beyond those of the admissions.
    pub(super) fn looks(&self) -> usize {
        let requests = self.world.requests();
        requests
            .iter()
            .filter(|body| body.contains("limit:none"))
            .count()
    }

    pub(super) fn stored(&self) -> usize {
        let requests = self.world.requests();
        requests
            .iter()
            .filter(|body| body.starts_with("[[\"SET\",\"cache:"))
            .count()
    }
}

pub(super) fn request(now: Timestamp) -> Request {
    Request {
        method: Method::GET,
        query: String::new(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        parameter: None,
        route: "/api/cars",
        id: String::new(),
        address: None,
        deadline: Deadline::after(now, Duration::from_secs(10)),
        is_change: false,
        notes: Notes::default(),
    }
}

pub(super) fn days() -> CacheKey {
    let car = CarRef::parse(KEY).unwrap();
    CacheKey::new(CacheKind::Availability, KEY, Subject::Days(car), 30)
}

pub(super) fn page() -> CacheKey {
    CacheKey::new(CacheKind::Cars, KEY, Subject::Catalogue, 60)
}

/// An entry without an envelope.
pub(super) fn cold(generation: &str, is_leader: bool) -> CacheEntry {
    CacheEntry {
        envelope: None,
        generation: generation.to_owned(),
        is_leader,
    }
}

/// An entry with an expired envelope of generation `old`.
pub(super) fn expired(generation: &str, is_leader: bool) -> CacheEntry {
    let envelope = Envelope {
        generation: "old".to_owned(),
        stored: START_MILLIS - 3_600_000,
        fresh_until: START_MILLIS - 3_000_000,
        entity: Entity::new(Some(Bytes::from_static(b"\"old\""))),
    };
    CacheEntry {
        envelope: Some(envelope),
        generation: generation.to_owned(),
        is_leader,
    }
}

/// The reply for a key that is not stored.
pub(super) fn not_stored(generation: &str, is_leader: bool) -> String {
    let leased = u8::from(is_leader);
    format!("[{{\"result\":[1,0,{leased},null,\"{generation}\"]}}]")
}

/// The reply for a key that another instance has stored.
pub(super) fn stored(generation: &str) -> String {
    let until = START_MILLIS + 60_000;
    let envelope = format!("{generation} {START_MILLIS} {until} \\\"e\\\"\\n\\\"elsewhere\\\"");
    format!("[{{\"result\":[1,0,0,\"{envelope}\",\"{generation}\"]}}]")
}

pub(super) fn ok() -> String {
    "[{\"result\":\"OK\"},{\"result\":1}]".to_owned()
}

pub(super) fn response(body: &str, cache: &'static str, at: i64) -> Response {
    (Ok(body.to_owned()), cache, at)
}
