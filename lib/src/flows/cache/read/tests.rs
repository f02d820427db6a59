//! Many concurrent requests for one cache key. The test chooses the order of all events.

mod world;

use super::*;
use crate::{clients::upstash::StoredEntry, instance::cache_key::CacheKey, scripted::START_MILLIS};
use world::{Instance, cold, days, expired, not_stored, ok, page, response, stored};

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
    std::mem::forget(
        instance
            .app
            .single_flight()
            .begin(days().name(), START_MILLIS),
    );
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
    let requests = instance.world.requests();
    let envelope = format!("g {START_MILLIS} {} ", START_MILLIS + 30_000);
    assert!(requests[0].contains(&envelope), "{requests:?}");
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
