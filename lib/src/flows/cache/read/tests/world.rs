//! An instance on a platform whose time and replies the test controls.

use super::super::*;
use crate::{
    config::Config,
    domain::car::CarRef,
    instance::cache_key::{CacheKind, Subject},
    platform::Platform,
    scripted::{REDIS, config},
    web::request::Notes,
};
use futures_util::{FutureExt, task::noop_waker};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

pub(super) const KEY: &str = "test-car";

/// A platform whose time moves when no request can go on. Redis replies by a script and is not
/// reached after its end.
#[derive(Default)]
pub(super) struct World {
    pub(super) now: AtomicI64,
    pub(super) redis: Mutex<VecDeque<String>>,
    pub(super) requests: Mutex<Vec<String>>,
    pub(super) later: Mutex<Vec<BoxFuture<'static, ()>>>,
}

impl Platform for World {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        self.requests.lock().unwrap().push(body);
        let reply = self.redis.lock().unwrap().pop_front();
        let reply = reply.map(|body| http::Response::new(Bytes::from(body)));
        async move { reply.ok_or(TransportError::NotSent) }.boxed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        let until = self.millis() + i64::try_from(duration.as_millis()).unwrap();
        std::future::poll_fn(move |_| {
            if self.millis() >= until {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .boxed()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.millis()).unwrap()
    }

    fn random(&self) -> [u8; 32] {
        [7; 32]
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        self.later.lock().unwrap().push(work);
    }
}

impl World {
    pub(super) fn millis(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }
}

/// One instance, with the number of its loads from the database.
pub(super) struct Instance {
    pub(super) app: App,
    pub(super) world: Arc<World>,
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
        let world = Arc::new(World::default());
        world.redis.lock().unwrap().extend(redis.iter().cloned());
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
            (body, cache, self.world.millis())
        }
        .boxed()
    }

    /// Runs `readers` and the work after their responses to the end.
    pub(super) fn run(&self, readers: Vec<BoxFuture<'_, Response>>) -> Vec<Response> {
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        let mut responses: Vec<Option<Response>> = readers.iter().map(|_| None).collect();
        let mut readers: Vec<_> = readers.into_iter().map(Some).collect();
        let mut later = Vec::new();
        for _ in 0..30_000 {
            for (reader, response) in readers.iter_mut().zip(&mut responses) {
                if let Some(Poll::Ready(ready)) = reader
                    .as_mut()
                    .map(|reader| reader.poll_unpin(&mut context))
                {
                    (*reader, *response) = (None, Some(ready));
                }
            }
            later.append(&mut self.world.later.lock().unwrap());
            later.retain_mut(|work| work.poll_unpin(&mut context).is_pending());
            if later.is_empty() && responses.iter().all(Option::is_some) {
                return responses.into_iter().flatten().collect();
            }
            self.world.now.fetch_add(1, Ordering::SeqCst);
        }
        panic!("a request waits for ever");
    }

    pub(super) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Lookups beyond those of the admissions.
    pub(super) fn looks(&self) -> usize {
        let requests = self.world.requests.lock().unwrap();
        requests
            .iter()
            .filter(|body| body.contains("limit:none"))
            .count()
    }

    pub(super) fn stored(&self) -> usize {
        let requests = self.world.requests.lock().unwrap();
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
        stored: -3_600_000,
        fresh_until: -3_000_000,
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
    let envelope = format!("{generation} 0 60000 \\\"e\\\"\\n\\\"elsewhere\\\"");
    format!("[{{\"result\":[1,0,0,\"{envelope}\",\"{generation}\"]}}]")
}

pub(super) fn ok() -> String {
    "[{\"result\":\"OK\"},{\"result\":1}]".to_owned()
}

pub(super) fn response(body: &str, cache: &'static str, at: i64) -> Response {
    (Ok(body.to_owned()), cache, at)
}
