//! Many who want one answer at once, with every order of events in the test's hand.

use super::*;
use crate::{
    config::Config,
    domain::car::CarRef,
    flows::cache::{Kind, Subject},
    http::request::Notes,
    platform::Platform,
    scripted::{REDIS, config},
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

/// Time moves when nobody can do anything else. Redis answers by a script, and is not reached at its end.
#[derive(Default)]
struct World {
    now: AtomicI64,
    redis: Mutex<VecDeque<String>>,
    asked: Mutex<Vec<String>>,
    later: Mutex<Vec<BoxFuture<'static, ()>>>,
}

impl Platform for World {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        self.asked.lock().unwrap().push(body);
        let answer = self.redis.lock().unwrap().pop_front();
        let answer = answer.map(|body| http::Response::new(Bytes::from(body)));
        async move { answer.ok_or(TransportError::NotSent) }.boxed()
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

/// One instance, and how often the database was asked.
struct Instance {
    app: App,
    world: Arc<World>,
    loads: Arc<AtomicUsize>,
}

/// What somebody was told: the body or the error, `X-Cache`, and when.
type Told = (Result<String, String>, &'static str, i64);

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

    /// What the database gives after `millis`: the number of the load, or that it is down.
    fn load(&self, millis: u64, is_down: bool) -> Load {
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

    /// Somebody who comes after so many milliseconds, and what Redis tells them at that moment.
    fn reader(
        &self,
        comes: u64,
        found: impl Into<Option<Found>>,
        load: Load,
    ) -> BoxFuture<'_, Told> {
        self.reader_of(days(), comes, found, load)
    }

    fn reader_of(
        &self,
        slot: Slot,
        comes: u64,
        found: impl Into<Option<Found>>,
        load: Load,
    ) -> BoxFuture<'_, Told> {
        let found = found.into();
        async move {
            self.world.sleep(Duration::from_millis(comes)).await;
            let request = request(self.world.now());
            let reading = Reading::of(&self.app, slot);
            let result = read_through(&self.app, &request, reading, found, load).await;
            let body = result
                .map(|answered| String::from_utf8(answered.entity.body.to_vec()).unwrap())
                .map_err(|error| error.to_string());
            let cache = request.notes.read().cache.unwrap().header_value();
            (body, cache, self.world.millis())
        }
        .boxed()
    }

    /// Lets `readers` come to their answers, and what is left for afterwards to its end.
    fn run(&self, readers: Vec<BoxFuture<'_, Told>>) -> Vec<Told> {
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        let mut told: Vec<Option<Told>> = readers.iter().map(|_| None).collect();
        let mut readers: Vec<_> = readers.into_iter().map(Some).collect();
        let mut later = Vec::new();
        for _ in 0..30_000 {
            for (reader, told) in readers.iter_mut().zip(&mut told) {
                if let Some(Poll::Ready(answer)) = reader
                    .as_mut()
                    .map(|reader| reader.poll_unpin(&mut context))
                {
                    (*reader, *told) = (None, Some(answer));
                }
            }
            later.append(&mut self.world.later.lock().unwrap());
            later.retain_mut(|work| work.poll_unpin(&mut context).is_pending());
            if later.is_empty() && told.iter().all(Option::is_some) {
                return told.into_iter().flatten().collect();
            }
            self.world.now.fetch_add(1, Ordering::SeqCst);
        }
        panic!("somebody waits for ever");
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// How often Redis was asked for the answer.
    fn looks(&self) -> usize {
        let asked = self.world.asked.lock().unwrap();
        asked
            .iter()
            .filter(|body| body.contains("limit:none"))
            .count()
    }

    fn stored(&self) -> usize {
        let asked = self.world.asked.lock().unwrap();
        asked
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

fn days() -> Slot {
    let car = CarRef::parse(KEY).unwrap();
    Slot::new(Kind::Availability, KEY, Subject::Days(car), 30)
}

fn page() -> Slot {
    Slot::new(Kind::Cars, KEY, Subject::Catalogue, 60)
}

/// Nothing under `generation`.
fn cold(generation: &str, leads: bool) -> Found {
    Found {
        envelope: None,
        generation: generation.to_owned(),
        leads,
    }
}

/// An answer that is not fresh, of generation `old`.
fn lapsed(generation: &str, leads: bool) -> Found {
    let envelope = Envelope {
        generation: "old".to_owned(),
        stored: -3_600_000,
        fresh_until: -3_000_000,
        entity: Entity::new(Some(Bytes::from_static(b"\"old\""))),
    };
    Found {
        envelope: Some(envelope),
        generation: generation.to_owned(),
        leads,
    }
}

/// Redis has nothing yet; `leads` says that who looks is to load.
fn nothing(generation: &str, leads: bool) -> String {
    let leads = u8::from(leads);
    format!("[{{\"result\":[1,0,{leads},null,\"{generation}\"]}}]")
}

fn there(generation: &str) -> String {
    let envelope = format!("{generation} 0 60000 \\\"e\\\"\\n\\\"elsewhere\\\"");
    format!("[{{\"result\":[1,0,0,\"{envelope}\",\"{generation}\"]}}]")
}

fn done() -> String {
    "[{\"result\":\"OK\"},{\"result\":1}]".to_owned()
}

fn told(body: &str, cache: &'static str, at: i64) -> Told {
    (Ok(body.to_owned()), cache, at)
}

const FIRST: &str = "{\"load\":1}";

#[test]
fn a_crowd_on_the_instance_that_loads_waits_for_it_and_leaves_redis_alone() {
    let instance = Instance::new(&[done()]);
    let crowd = (0..50).map(|number| {
        let found = cold("g", number == 0);
        instance.reader(number, found, instance.load(100, false))
    });
    let answers = instance.run(crowd.collect());
    assert_eq!(answers[0], told(FIRST, "MISS", 100));
    assert!(
        answers[1..]
            .iter()
            .all(|(body, cache, at)| body.as_deref() == Ok(FIRST) && *cache == "HIT" && *at < 350),
        "{answers:?}"
    );
    assert_eq!(
        (instance.loads(), instance.looks(), instance.stored()),
        (1, 0, 1)
    );
}

#[test]
fn one_looks_for_all_who_wait_for_another_instance() {
    let instance = Instance::new(&[nothing("g", false), nothing("g", false), there("g")]);
    let crowd = (0..50).map(|_| instance.reader(0, cold("g", false), instance.load(1, false)));
    let answers = instance.run(crowd.collect());
    // After 20, 40 and 80 milliseconds; who had paused by then has it with the next pause.
    let at = |moment: i64| told("\"elsewhere\"", "HIT", moment);
    assert!(
        answers.iter().all(|answer| *answer == at(140)),
        "{answers:?}"
    );
    assert_eq!((instance.loads(), instance.looks()), (0, 3));
}

/// The bug was that an instance which once loaded a key never looked for it again.
#[test]
fn what_was_loaded_here_long_ago_does_not_keep_anybody_from_looking() {
    let instance = Instance::new(&[done(), there("g2")]);
    instance.run(vec![instance.reader(
        0,
        cold("g1", true),
        instance.load(1, false),
    )]);
    let crowd = (0..50).map(|_| instance.reader(0, cold("g2", false), instance.load(1, false)));
    let answers = instance.run(crowd.collect());
    assert!(
        answers
            .iter()
            .all(|(body, ..)| body.as_deref() == Ok("\"elsewhere\"")),
        "{answers:?}"
    );
    assert_eq!((instance.loads(), instance.looks()), (1, 1));
}

#[test]
fn who_comes_after_a_booking_is_not_told_what_was_loaded_before() {
    let instance = Instance::new(&[done(), nothing("g2", true), done()]);
    let answers = instance.run(vec![
        instance.reader(0, cold("g1", true), instance.load(100, false)),
        // Came before the booking, and may have either.
        instance.reader(1, cold("g1", false), instance.load(1, false)),
        instance.reader(50, cold("g2", false), instance.load(10, false)),
    ]);
    assert_eq!(answers[0], told(FIRST, "MISS", 100));
    assert_eq!(answers[1], told("{\"load\":2}", "HIT", 141));
    assert_eq!(answers[2].0.as_deref(), Ok("{\"load\":2}"));
    assert_eq!(
        (answers[2].1, instance.loads(), instance.looks()),
        ("MISS", 2, 1)
    );
}

#[test]
fn a_slow_database_is_asked_once_all_the_same() {
    // After a while one looks whether another instance was quicker.
    let looks = (0..10).map(|_| nothing("g", false));
    let instance = Instance::new(&looks.chain([done()]).collect::<Vec<_>>());
    let crowd = (0..50).map(|number| {
        let found = cold("g", number == 0);
        instance.reader(0, found, instance.load(4_000, false))
    });
    let answers = instance.run(crowd.collect());
    assert!(
        answers
            .iter()
            .all(|(body, ..)| body.as_deref() == Ok(FIRST)),
        "{answers:?}"
    );
    assert_eq!((instance.loads(), instance.looks()), (1, 10));
}

/// The one elsewhere was cut off: one here loads after a while, and stores it.
#[test]
fn one_of_each_instance_loads_when_the_one_elsewhere_does_not() {
    let looks: Vec<String> = (0..7).map(|_| nothing("g", false)).collect();
    let instance = Instance::new(&[looks, vec!["[{\"result\":\"OK\"}]".to_owned()]].concat());
    let crowd = (0..50).map(|_| instance.reader(0, cold("g", false), instance.load(100, false)));
    let answers = instance.run(crowd.collect());
    assert_eq!(
        answers
            .iter()
            .filter(|(_, cache, _)| *cache == "MISS")
            .count(),
        1
    );
    assert!(
        answers
            .iter()
            .all(|(body, _, at)| body.as_deref() == Ok(FIRST) && *at < 2_000),
        "{answers:?}"
    );
    assert_eq!(
        (instance.loads(), instance.looks(), instance.stored()),
        (1, 7, 1)
    );
}

#[test]
fn who_waits_is_told_when_time_is_over() {
    let instance = Instance::new(&[]);
    let reader = |leads| instance.reader(0, cold("g", leads), instance.load(20_000, false));
    let answers = instance.run(vec![reader(true), reader(false)]);
    let reason = "what another request loads: the database was not reached";
    let (answer, cache, at) = &answers[1];
    assert_eq!((answer, *cache), (&Err(reason.to_owned()), "MISS"));
    assert!((9_501..=10_000).contains(at), "{at}");
    assert_eq!(instance.loads(), 1);
}

/// The one who loads here is cut off, and Redis gives the lead to one of those who wait.
#[test]
fn one_of_those_who_wait_takes_over_from_who_was_cut_off() {
    let looks = (0..3).map(|_| nothing("g", false));
    let script = looks
        .chain([nothing("g", true), done()])
        .collect::<Vec<_>>();
    let instance = Instance::new(&script);
    std::mem::forget(instance.app.loads().begin(&days().key, 0));
    let crowd = (0..50).map(|_| instance.reader(0, cold("g", false), instance.load(100, false)));
    let answers = instance.run(crowd.collect());
    assert!(
        answers
            .iter()
            .all(|(body, _, at)| body.as_deref() == Ok(FIRST) && *at < 2_500),
        "{answers:?}"
    );
    assert_eq!((instance.loads(), instance.looks()), (1, 4));
}

#[test]
fn a_failure_is_told_to_all_who_wait() {
    let instance = Instance::new(&["[{\"result\":1}]".to_owned()]);
    let crowd = (0..50).map(|number| {
        let found = cold("g", number == 0);
        instance.reader(0, found, instance.load(100, true))
    });
    let answers = instance.run(crowd.collect());
    let failed = Err("f: the database was not reached".to_owned());
    assert!(
        answers.iter().all(|(body, ..)| *body == failed),
        "{answers:?}"
    );
    assert_eq!((instance.loads(), instance.stored()), (1, 0));
}

#[test]
fn while_the_database_is_down_an_old_answer_is_better_than_none_but_not_one_from_before_a_booking()
{
    let answer = |slot: Slot, generation: &str| {
        let instance = Instance::new(&["[{\"result\":1}]".to_owned()]);
        let found = lapsed(generation, true);
        let reader = instance.reader_of(slot, 0, found, instance.load(1, true));
        instance.run(vec![reader]).remove(0)
    };
    assert_eq!(answer(days(), "old"), told("\"old\"", "STALE", 1));
    assert_eq!(answer(page(), "old"), told("\"old\"", "STALE", 1));
    assert_eq!(answer(page(), "new"), told("\"old\"", "STALE", 1));
    let (days, cache, _) = answer(days(), "new");
    assert_eq!(
        (days, cache),
        (Err("f: the database was not reached".to_owned()), "MISS")
    );
}

#[test]
fn without_redis_those_who_came_before_a_load_began_share_it() {
    let instance = Instance::without_redis();
    let crowd = (0..50).map(|number| instance.reader(number, None, instance.load(100, false)));
    let answers = instance.run(crowd.collect());
    assert_eq!(answers[0], told(FIRST, "BYPASS", 100));
    // They came while the first was under way, which may not know of a booking that they know of.
    assert!(
        answers[1..]
            .iter()
            .all(|(body, cache, _)| body.as_deref() == Ok("{\"load\":2}") && *cache == "BYPASS"),
        "{answers:?}"
    );
    assert_eq!(instance.loads(), 2);
}

#[test]
fn without_redis_a_failure_is_told_to_all_who_wait() {
    let instance = Instance::without_redis();
    let crowd = (0..50).map(|_| instance.reader(0, None, instance.load(100, true)));
    let answers = instance.run(crowd.collect());
    assert!(
        answers
            .iter()
            .all(|(body, cache, _)| body.is_err() && *cache == "BYPASS"),
        "{answers:?}"
    );
    assert_eq!(instance.loads(), 1);
}

#[test]
fn freshness_counts_from_when_the_database_was_asked() {
    let instance = Instance::new(&[done()]);
    instance.run(vec![instance.reader(
        0,
        cold("g", true),
        instance.load(4_000, false),
    )]);
    let asked = instance.world.asked.lock().unwrap();
    assert!(asked[0].contains("g 0 30000 "), "{asked:?}");
}

#[test]
fn a_body_that_is_held_takes_the_place_of_the_one_that_was_not_sent() {
    let instance = Instance::new(&[]);
    let held = Entity::new(Some("{}".into()));
    instance.app.held_bodies().hold(&days().key, &held);
    let reading = Reading::of(&instance.app, days());
    let understood = |envelope: String| {
        let parts = [
            crate::clients::upstash::Value::Text(envelope),
            crate::clients::upstash::Value::Text("g".into()),
        ];
        let found = reading.understand(false, parts.into_iter()).unwrap();
        found.envelope
    };
    let sent = format!("g 0 60000 {}\n", held.etag);
    assert_eq!(understood(sent).unwrap().entity, held);
    let other = Envelope {
        generation: "g".into(),
        stored: 0,
        fresh_until: 60_000,
        entity: Entity::new(Some("[]".into())),
    };
    assert_eq!(understood(other.write().unwrap()), Some(other));
}
