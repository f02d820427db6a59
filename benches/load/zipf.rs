//! Ten thousand reads of which few things get most, one booking in a hundred, while time passes: how much the cache spares the
//! database, and whether anybody is shown what is over.

use crate::{
    connection::{Answer, Connection},
    local::Local,
    places::Places,
    visitors,
};
use jiff::{Timestamp, civil::Date};
use serde_json::json;
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};
use tokio::task::LocalSet;

const REQUESTS: u64 = 10_000;
const CONNECTIONS: usize = 16;
/// Each so many requests, a second passes.
const REQUESTS_A_SECOND: u64 = 100;

/// One kind of read.
#[derive(Clone, Copy)]
enum Read {
    List { page: usize },
    Car,
    Availability { month: usize },
}

impl Read {
    /// For how long its answer says to be fresh (docs/API.md), in milliseconds.
    fn fresh_millis(self) -> i64 {
        match self {
            Self::List { .. } => 60_000,
            Self::Car => 300_000,
            Self::Availability { .. } => 30_000,
        }
    }
}

/// What all visitors together know.
struct Town {
    now: Timestamp,
    fleet: Vec<String>,
    /// Requests that were begun.
    begun: u64,
    /// The days that were booked, by car, once the customer was told.
    booked: BTreeMap<String, Vec<Date>>,
    /// When each path was last loaded or renewed, at the latest.
    loaded: BTreeMap<String, Timestamp>,
    outcomes: BTreeMap<String, u64>,
    bookings: i64,
    wrongs: Vec<String>,
}

pub(crate) async fn measure(places: &Places) {
    let mut local = Local::open(places.port("local")).await;
    let port = places.port("product");
    let with = visit(port, &mut local, 40).await;
    // Nothing of Redis comes through: the product's breaker opens, and every read is the database's.
    local.fault("redis", &json!({"kind": "refuse"})).await;
    let without = visit(port, &mut local, 200).await;
    local.fault("redis", &json!({"kind": "none"})).await;
    println!(
        "database calls: {with} with the cache, {without} without: {:.1} % fewer",
        100.0 - percent(with, without)
    );
}

fn percent(part: u64, whole: u64) -> f64 {
    let float = |number: u64| f64::from(u32::try_from(number).unwrap());
    100.0 * float(part) / float(whole)
}

/// The whole load, with bookings from so many days ahead; gives the calls to the database.
async fn visit(port: u16, local: &mut Local, ahead: i64) -> u64 {
    let town = Rc::new(RefCell::new(Town {
        now: local.pass(0).await,
        fleet: visitors::fleet(port).await,
        begun: 0,
        booked: BTreeMap::new(),
        loaded: BTreeMap::new(),
        outcomes: BTreeMap::new(),
        bookings: 0,
        wrongs: Vec::new(),
    }));
    let before = local.asked().await.database;
    while town.borrow().begun < REQUESTS {
        let until = town.borrow().begun + REQUESTS_A_SECOND;
        let (visitors, mut visits) = (LocalSet::new(), Vec::new());
        for _ in 0..CONNECTIONS {
            let town = Rc::clone(&town);
            visits.push(visitors.spawn_local(async move {
                let mut connection = Connection::open(port).await;
                while town.borrow().begun < until {
                    town.borrow_mut().begun += 1;
                    let number = town.borrow().begun;
                    if number.is_multiple_of(100) {
                        book(&town, &mut connection, ahead).await;
                    } else {
                        read(&town, &mut connection, number, ahead).await;
                    }
                }
            }));
        }
        visitors.await;
        for visit in visits {
            visit.await.unwrap();
        }
        let now = local.pass(1).await;
        town.borrow_mut().now = now;
    }
    let asked = local.asked().await.database - before;
    let town = town.borrow();
    let served = |outcome: &str| town.outcomes.get(outcome).copied().unwrap_or(0);
    let reads = town.outcomes.values().sum();
    println!(
        "{reads} reads, {} bookings: {:?}, {:.1} % from the cache, {asked} database calls, {} wrong",
        town.bookings,
        town.outcomes,
        percent(served("200 HIT") + served("200 STALE"), reads),
        town.wrongs.len()
    );
    for wrong in town.wrongs.iter().take(5) {
        println!("  wrong: {wrong}");
    }
    asked
}

/// Books the next free days of the next car.
async fn book(town: &RefCell<Town>, connection: &mut Connection, ahead: i64) {
    let (car, days) = {
        let mut town = town.borrow_mut();
        let number = town.bookings;
        town.bookings += 1;
        let cars = i64::try_from(town.fleet.len()).unwrap();
        let car = town.fleet[usize::try_from(number % cars).unwrap()].clone();
        (
            car,
            visitors::days(town.now, ahead + 7 * (number / cars), 3),
        )
    };
    let body = json!({"carId": car, "startDate": days.start, "endDate": days.end});
    let answer = connection.post("/api/bookings", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let mut town = town.borrow_mut();
    town.booked.entry(car).or_default().extend(days.each());
}

async fn read(town: &RefCell<Town>, connection: &mut Connection, number: u64, ahead: i64) {
    let chance = chances(number);
    let (car, path, read, known, asked_at) = {
        let town = town.borrow();
        let car = town.fleet[rank(chance[0], town.fleet.len())].clone();
        let read = match chance[1] {
            ..0.4 => Read::List {
                page: rank(chance[2], 6),
            },
            ..0.7 => Read::Car,
            _ => Read::Availability {
                month: rank(chance[2], 4),
            },
        };
        let path = match read {
            Read::List { page } => format!("/api/cars?limit=4&page={}", page + 1),
            Read::Car => format!("/api/cars/{car}"),
            Read::Availability { month } => {
                let days = visitors::days(town.now, ahead + 30 * i64::try_from(month).unwrap(), 30);
                format!("/api/cars/availability?carId={car}&{}", days.query())
            }
        };
        let known = town.booked.get(&car).cloned().unwrap_or_default();
        (car, path, read, known, town.now)
    };
    let answer = connection.get(&path).await;
    let mut town = town.borrow_mut();
    let outcome = format!("{} {}", answer.status, answer.header("x-cache"));
    if let Some(age) = town.age(&path, asked_at, answer.header("x-cache"), read) {
        town.wrongs
            .push(format!("{path} is {age} ms old and a {outcome}"));
    }
    if matches!(read, Read::Availability { .. }) {
        for day in free_days(&answer).iter().filter(|day| known.contains(day)) {
            town.wrongs.push(format!(
                "{car} is free on {day}, which was booked before: {outcome}"
            ));
        }
    }
    *town.outcomes.entry(outcome).or_insert(0) += 1;
}

impl Town {
    /// The age of an answer that is older than it may be. Nobody sees an answer being renewed, but who was given a stale one
    /// knows that it is.
    fn age(&mut self, path: &str, asked_at: Timestamp, cache: &str, read: Read) -> Option<i64> {
        if cache != "HIT" {
            self.loaded.insert(path.to_owned(), asked_at);
            return None;
        }
        // Another visitor may have caused it to be loaded whose own answer is on its way.
        let loaded = *self.loaded.entry(path.to_owned()).or_insert(asked_at);
        let age = asked_at.duration_since(loaded).as_millis();
        let age = i64::try_from(age).unwrap();
        (age >= read.fresh_millis() + 1_000).then_some(age)
    }
}

fn free_days(answer: &Answer) -> Vec<Date> {
    let body = answer.json();
    let days = body["availability"].as_array().unwrap();
    days.iter()
        .filter(|day| day["available"] == true)
        .map(|day| day["date"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// Three numbers from 0 to 1, the same for the same request of every run (splitmix64).
fn chances(number: u64) -> [f64; 3] {
    [1, 2, 3].map(|part| {
        let mut mixed = number
            .wrapping_mul(3)
            .wrapping_add(part)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from(mixed >> 32).unwrap()) / f64::from(u32::MAX)
    })
}

/// A rank below `count`, the n-th of which comes up a n-th as often as the first (Zipf).
fn rank(chance: f64, count: usize) -> usize {
    let weight = |rank: usize| 1.0 / f64::from(u32::try_from(rank + 1).unwrap());
    let mut left = chance * (0..count).map(weight).sum::<f64>();
    for rank in 0..count {
        left -= weight(rank);
        if left <= 0.0 {
            return rank;
        }
    }
    count - 1
}
