//! Many concurrent requests for one cache key. The test chooses the order of all events.

use super::*;
use crate::{
    clients::upstash::StoredEntry,
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

const KEY: &str = "test-car";

/// A platform whose time moves when no request can go on. Redis replies by a script and is not
/// reached after its end.
#[derive(Default)]
struct World {
    now: AtomicI64,
    redis: Mutex<VecDeque<String>>,
    requests: Mutex<Vec<String>>,
    later: Mutex<Vec<BoxFuture<'static, ()>>>,
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
    fn millis(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }
}

/// One instance, with the number of its loads from the database.
struct Instance {
    app: App,
    world: Arc<World>,
    loads: Arc<AtomicUsize>,
}

/// The body or the error, `X-Cache`, and the time of a response.
type Response = (Result<String, String>, &'static str, i64);

impl Instance {
    fn new(redis: &[String]) -> Self {
        Self::with(config(&REDIS, &[]).unwrap(), redis)
    }

    fn without_redis() -> Self {
        Self::with(config(&[], &[]).unwrap(), &[])
    }

    fn with(config: Config, redis: &[String]) -> Self {
        let world = Arc::new(World::default());
        world.redis.lock().unwrap().extend(redis.iter().cloned());
        Self {
            app: App::new(config, Arc::clone(&world) as Arc<dyn Platform>),
            world,
            loads: Arc::default(),
        }
    }

    /// A load that takes `millis` and returns its number, or fails because the database is down.
    fn load(&self, millis: u64, is_down: bool) -> LoadFn {
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
    fn reader(
        &self,
        arrives: u64,
        entry: impl Into<Option<CacheEntry>>,
        load: LoadFn,
    ) -> BoxFuture<'_, Response> {
        self.reader_of(days(), arrives, entry, load)
    }

    fn reader_of(
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
    fn run(&self, readers: Vec<BoxFuture<'_, Response>>) -> Vec<Response> {
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

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Lookups beyond those of the admissions.
    fn looks(&self) -> usize {
        let requests = self.world.requests.lock().unwrap();
        requests
            .iter()
            .filter(|body| body.contains("limit:none"))
            .count()
    }

    fn stored(&self) -> usize {
        let requests = self.world.requests.lock().unwrap();
        requests
            .iter()
            .filter(|body| body.starts_with("[[\"SET\",\"cache:"))
            .count()
    }
}

fn request(now: Timestamp) -> Request {
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

fn days() -> CacheKey {
    let car = CarRef::parse(KEY).unwrap();
    CacheKey::new(CacheKind::Availability, KEY, Subject::Days(car), 30)
}

fn page() -> CacheKey {
    CacheKey::new(CacheKind::Cars, KEY, Subject::Catalogue, 60)
}

/// An entry without an envelope.
fn cold(generation: &str, is_leader: bool) -> CacheEntry {
    CacheEntry {
        envelope: None,
        generation: generation.to_owned(),
        is_leader,
    }
}

/// An entry with an expired envelope of generation `old`.
fn expired(generation: &str, is_leader: bool) -> CacheEntry {
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
fn not_stored(generation: &str, is_leader: bool) -> String {
    let leased = u8::from(is_leader);
    format!("[{{\"result\":[1,0,{leased},null,\"{generation}\"]}}]")
}

/// The reply for a key that another instance has stored.
fn stored(generation: &str) -> String {
    let envelope = format!("{generation} 0 60000 \\\"e\\\"\\n\\\"elsewhere\\\"");
    format!("[{{\"result\":[1,0,0,\"{envelope}\",\"{generation}\"]}}]")
}

fn ok() -> String {
    "[{\"result\":\"OK\"},{\"result\":1}]".to_owned()
}

fn response(body: &str, cache: &'static str, at: i64) -> Response {
    (Ok(body.to_owned()), cache, at)
}

const FIRST: &str = "{\"load\":1}";

#[test]
fn crowd_shares_the_leaders_load() {
    let instance = Instance::new(&[ok()]);
    let crowd = (0..50).map(|number| {
        let entry = cold("g", number == 0);
        instance.reader(number, entry, instance.load(100, false))
    });
    let responses = instance.run(crowd.collect());
    assert_eq!(responses[0], response(FIRST, "MISS", 100));
    assert!(
        responses[1..]
            .iter()
            .all(|(body, cache, at)| body.as_deref() == Ok(FIRST) && *cache == "HIT" && *at < 350),
        "{responses:?}"
    );
    assert_eq!(
        (instance.loads(), instance.looks(), instance.stored()),
        (1, 0, 1)
    );
}

#[test]
fn one_lookup_serves_all_waiting_requests() {
    let instance = Instance::new(&[not_stored("g", false), not_stored("g", false), stored("g")]);
    let crowd = (0..50).map(|_| instance.reader(0, cold("g", false), instance.load(1, false)));
    let responses = instance.run(crowd.collect());
    // Looks come after 20, 40 and 80 milliseconds. The others see the result after their pause.
    let at = |moment: i64| response("\"elsewhere\"", "HIT", moment);
    assert!(
        responses.iter().all(|response| *response == at(140)),
        "{responses:?}"
    );
    assert_eq!((instance.loads(), instance.looks()), (0, 3));
}

#[test]
fn old_load_does_not_prevent_lookup() {
    let instance = Instance::new(&[ok(), stored("g2")]);
    instance.run(vec![instance.reader(
        0,
        cold("g1", true),
        instance.load(1, false),
    )]);
    let crowd = (0..50).map(|_| instance.reader(0, cold("g2", false), instance.load(1, false)));
    let responses = instance.run(crowd.collect());
    assert!(
        responses
            .iter()
            .all(|(body, ..)| body.as_deref() == Ok("\"elsewhere\"")),
        "{responses:?}"
    );
    assert_eq!((instance.loads(), instance.looks()), (1, 1));
}

#[test]
fn arrival_after_booking_sees_newer_load() {
    let instance = Instance::new(&[ok(), not_stored("g2", true), ok()]);
    let responses = instance.run(vec![
        instance.reader(0, cold("g1", true), instance.load(100, false)),
        // This request arrived before the booking: both results are valid.
        instance.reader(1, cold("g1", false), instance.load(1, false)),
        instance.reader(50, cold("g2", false), instance.load(10, false)),
    ]);
    assert_eq!(responses[0], response(FIRST, "MISS", 100));
    assert_eq!(responses[1], response("{\"load\":2}", "HIT", 141));
    assert_eq!(responses[2].0.as_deref(), Ok("{\"load\":2}"));
    assert_eq!(
        (responses[2].1, instance.loads(), instance.looks()),
        ("MISS", 2, 1)
    );
}

#[test]
fn slow_database_is_asked_once() {
    // After a while one request looks whether another instance was faster.
    let looks = (0..10).map(|_| not_stored("g", false));
    let instance = Instance::new(&looks.chain([ok()]).collect::<Vec<_>>());
    let crowd = (0..50).map(|number| {
        let entry = cold("g", number == 0);
        instance.reader(0, entry, instance.load(4_000, false))
    });
    let responses = instance.run(crowd.collect());
    assert!(
        responses
            .iter()
            .all(|(body, ..)| body.as_deref() == Ok(FIRST)),
        "{responses:?}"
    );
    assert_eq!((instance.loads(), instance.looks()), (1, 10));
}

/// The leader on another instance was cut off. One request here loads and stores.
#[test]
fn cut_off_leader_elsewhere_is_replaced() {
    let looks: Vec<String> = (0..7).map(|_| not_stored("g", false)).collect();
    let instance = Instance::new(&[looks, vec!["[{\"result\":\"OK\"}]".to_owned()]].concat());
    let crowd = (0..50).map(|_| instance.reader(0, cold("g", false), instance.load(100, false)));
    let responses = instance.run(crowd.collect());
    assert_eq!(
        responses
            .iter()
            .filter(|(_, cache, _)| *cache == "MISS")
            .count(),
        1
    );
    assert!(
        responses
            .iter()
            .all(|(body, _, at)| body.as_deref() == Ok(FIRST) && *at < 2_000),
        "{responses:?}"
    );
    assert_eq!(
        (instance.loads(), instance.looks(), instance.stored()),
        (1, 7, 1)
    );
}

#[test]
fn waiting_request_fails_at_its_deadline() {
    let instance = Instance::new(&[]);
    let reader = |is_leader| instance.reader(0, cold("g", is_leader), instance.load(20_000, false));
    let responses = instance.run(vec![reader(true), reader(false)]);
    let reason = "a load by another request: the database was not reached";
    let (body, cache, at) = &responses[1];
    assert_eq!((body, *cache), (&Err(reason.to_owned()), "MISS"));
    assert!((9_501..=10_000).contains(at), "{at}");
    assert_eq!(instance.loads(), 1);
}

/// The leader here was cut off. Redis makes a waiting request the leader.
#[test]
fn cut_off_leader_here_is_replaced() {
    let looks = (0..3).map(|_| not_stored("g", false));
    let script = looks
        .chain([not_stored("g", true), ok()])
        .collect::<Vec<_>>();
    let instance = Instance::new(&script);
    std::mem::forget(instance.app.single_flight().begin(days().name(), 0));
    let crowd = (0..50).map(|_| instance.reader(0, cold("g", false), instance.load(100, false)));
    let responses = instance.run(crowd.collect());
    assert!(
        responses
            .iter()
            .all(|(body, _, at)| body.as_deref() == Ok(FIRST) && *at < 2_500),
        "{responses:?}"
    );
    assert_eq!((instance.loads(), instance.looks()), (1, 4));
}

#[test]
fn failure_reaches_all_waiting_requests() {
    let instance = Instance::new(&["[{\"result\":1}]".to_owned()]);
    let crowd = (0..50).map(|number| {
        let entry = cold("g", number == 0);
        instance.reader(0, entry, instance.load(100, true))
    });
    let responses = instance.run(crowd.collect());
    let failed = Err("f: the database was not reached".to_owned());
    assert!(
        responses.iter().all(|(body, ..)| *body == failed),
        "{responses:?}"
    );
    assert_eq!((instance.loads(), instance.stored()), (1, 0));
}

#[test]
fn outage_serves_old_response_unless_days_changed() {
    let respond = |key: CacheKey, generation: &str| {
        let instance = Instance::new(&["[{\"result\":1}]".to_owned()]);
        let entry = expired(generation, true);
        let reader = instance.reader_of(key, 0, entry, instance.load(1, true));
        instance.run(vec![reader]).remove(0)
    };
    assert_eq!(respond(days(), "old"), response("\"old\"", "STALE", 1));
    assert_eq!(respond(page(), "old"), response("\"old\"", "STALE", 1));
    assert_eq!(respond(page(), "new"), response("\"old\"", "STALE", 1));
    let (days, cache, _) = respond(days(), "new");
    assert_eq!(
        (days, cache),
        (Err("f: the database was not reached".to_owned()), "MISS")
    );
}

#[test]
fn earlier_arrivals_share_load_without_redis() {
    let instance = Instance::without_redis();
    let crowd = (0..50).map(|number| instance.reader(number, None, instance.load(100, false)));
    let responses = instance.run(crowd.collect());
    assert_eq!(responses[0], response(FIRST, "BYPASS", 100));
    // They arrived during the first load, which may miss a booking that they know of.
    assert!(
        responses[1..]
            .iter()
            .all(|(body, cache, _)| body.as_deref() == Ok("{\"load\":2}") && *cache == "BYPASS"),
        "{responses:?}"
    );
    assert_eq!(instance.loads(), 2);
}

#[test]
fn failure_is_shared_without_redis() {
    let instance = Instance::without_redis();
    let crowd = (0..50).map(|_| instance.reader(0, None, instance.load(100, true)));
    let responses = instance.run(crowd.collect());
    assert!(
        responses
            .iter()
            .all(|(body, cache, _)| body.is_err() && *cache == "BYPASS"),
        "{responses:?}"
    );
    assert_eq!(instance.loads(), 1);
}

#[test]
fn freshness_counts_from_request_to_database() {
    let instance = Instance::new(&[ok()]);
    instance.run(vec![instance.reader(
        0,
        cold("g", true),
        instance.load(4_000, false),
    )]);
    let requests = instance.world.requests.lock().unwrap();
    assert!(requests[0].contains("g 0 30000 "), "{requests:?}");
}

#[test]
fn known_body_replaces_missing_body() {
    let instance = Instance::new(&[]);
    let known = Entity::new(Some("{}".into()));
    instance.app.body_cache().put(days().name(), &known);
    let lookup = CacheLookup::new(&instance.app, days());
    let decode = |envelope: String| {
        let stored = StoredEntry {
            envelope: Some(envelope),
            generation: "g".to_owned(),
        };
        lookup.decode(false, stored).envelope
    };
    let head = format!("g 0 60000 {}\n", known.etag);
    assert_eq!(decode(head).unwrap().entity, known);
    let other = Envelope {
        generation: "g".into(),
        stored: 0,
        fresh_until: 60_000,
        entity: Entity::new(Some("[]".into())),
    };
    assert_eq!(decode(other.encode().unwrap()), Some(other));
}
