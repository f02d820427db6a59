//! Ten thousand requests with Zipf-distributed targets, one in a hundred a booking, while the clock
//! moves. Reports the database calls that the cache saves and the responses that are too old.

use crate::{
    connection::{Connection, Response},
    local::Local,
    targets::Targets,
    visitors,
};
use jiff::{Timestamp, civil::Date};
use serde_json::json;
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};
use tokio::task::LocalSet;

const REQUESTS: u64 = 10_000;
const CONNECTIONS: usize = 16;
/// The clock moves by one second after each batch.
const REQUESTS_PER_SECOND: u64 = 100;

#[derive(Clone, Copy)]
enum Read {
    List { page: usize },
    Car,
    Availability { month: usize },
}

impl Read {
    /// The freshness of the response (docs/API.md), in milliseconds.
    fn fresh_millis(self) -> i64 {
        match self {
            Self::List { .. } => 60_000,
            Self::Car => 300_000,
            Self::Availability { .. } => 30_000,
        }
    }
}

/// The state that all visitors share.
struct Visits {
    now: Timestamp,
    fleet: Vec<String>,
    /// Requests that were sent.
    sent: u64,
    /// The booked days by car, recorded after the booking's response.
    booked: BTreeMap<String, Vec<Date>>,
    /// The latest possible time of each path's last load or refresh.
    loaded: BTreeMap<String, Timestamp>,
    outcomes: BTreeMap<String, u64>,
    bookings: i64,
    errors: Vec<String>,
}

pub(crate) async fn measure(targets: &Targets) {
    let mut local = Local::open(targets.port("local")).await;
    let port = targets.port("product");
    let with = visit(port, &mut local, 40).await;
    // Redis refuses everything, so the product's breaker opens and every read goes to the database.
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

/// Runs the whole load and returns the calls to the database. The first booking is `ahead` days
/// ahead.
async fn visit(port: u16, local: &mut Local, ahead: i64) -> u64 {
    let visits = Rc::new(RefCell::new(Visits {
        now: local.advance_clock(0).await,
        fleet: visitors::fleet(port).await,
        sent: 0,
        booked: BTreeMap::new(),
        loaded: BTreeMap::new(),
        outcomes: BTreeMap::new(),
        bookings: 0,
        errors: Vec::new(),
    }));
    let before = local.requests().await.database;
    while visits.borrow().sent < REQUESTS {
        let until = visits.borrow().sent + REQUESTS_PER_SECOND;
        let (tasks, mut handles) = (LocalSet::new(), Vec::new());
        for _ in 0..CONNECTIONS {
            let visits = Rc::clone(&visits);
            handles.push(tasks.spawn_local(async move {
                let mut connection = Connection::open(port).await;
                while visits.borrow().sent < until {
                    visits.borrow_mut().sent += 1;
                    let number = visits.borrow().sent;
                    if number.is_multiple_of(100) {
                        book(&visits, &mut connection, ahead).await;
                    } else {
                        read(&visits, &mut connection, number, ahead).await;
                    }
                }
            }));
        }
        tasks.await;
        for handle in handles {
            handle.await.unwrap();
        }
        let now = local.advance_clock(1).await;
        visits.borrow_mut().now = now;
    }
    let calls = local.requests().await.database - before;
    let visits = visits.borrow();
    let served = |outcome: &str| visits.outcomes.get(outcome).copied().unwrap_or(0);
    let reads = visits.outcomes.values().sum();
    println!(
        "{reads} reads, {} bookings: {:?}, {:.1} % from the cache, {calls} database calls, {} wrong",
        visits.bookings,
        visits.outcomes,
        percent(served("200 HIT") + served("200 STALE"), reads),
        visits.errors.len()
    );
    for error in visits.errors.iter().take(5) {
        println!("  wrong: {error}");
    }
    calls
}

/// Books the next free days of the next car.
async fn book(visits: &RefCell<Visits>, connection: &mut Connection, ahead: i64) {
    let (car, days) = {
        let mut visits = visits.borrow_mut();
        let number = visits.bookings;
        visits.bookings += 1;
        let cars = i64::try_from(visits.fleet.len()).unwrap();
        let car = visits.fleet[usize::try_from(number % cars).unwrap()].clone();
        (
            car,
            visitors::days(visits.now, ahead + 7 * (number / cars), 3),
        )
    };
    let body = json!({"carId": car, "startDate": days.start, "endDate": days.end});
    let response = connection.post("/api/bookings", &body).await;
    assert_eq!(response.status, 201, "{response:?}");
    let mut visits = visits.borrow_mut();
    visits
        .booked
        .entry(car)
        .or_default()
        .extend(days.each_day());
}

async fn read(visits: &RefCell<Visits>, connection: &mut Connection, number: u64, ahead: i64) {
    let chance = chances(number);
    let (car, path, read, booked, sent_at) = {
        let visits = visits.borrow();
        let car = visits.fleet[rank(chance[0], visits.fleet.len())].clone();
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
                let days =
                    visitors::days(visits.now, ahead + 30 * i64::try_from(month).unwrap(), 30);
                format!("/api/cars/availability?carId={car}&{}", days.query())
            }
        };
        let booked = visits.booked.get(&car).cloned().unwrap_or_default();
        (car, path, read, booked, visits.now)
    };
    let response = connection.get(&path).await;
    let mut visits = visits.borrow_mut();
    let outcome = format!("{} {}", response.status, response.header("x-cache"));
    if let Some(age) = visits.excessive_age(&path, sent_at, response.header("x-cache"), read) {
        visits
            .errors
            .push(format!("{path} is {age} ms old and a {outcome}"));
    }
    if matches!(read, Read::Availability { .. }) {
        for day in free_days(&response)
            .iter()
            .filter(|day| booked.contains(day))
        {
            visits.errors.push(format!(
                "{car} is free on {day}, which was booked before: {outcome}"
            ));
        }
    }
    *visits.outcomes.entry(outcome).or_insert(0) += 1;
}

impl Visits {
    /// The age of a hit that is older than allowed. Every other response records the time of a
    /// load. A stale response stands for the refresh that follows it.
    fn excessive_age(
        &mut self,
        path: &str,
        sent_at: Timestamp,
        cache: &str,
        read: Read,
    ) -> Option<i64> {
        if cache != "HIT" {
            self.loaded.insert(path.to_owned(), sent_at);
            return None;
        }
        // The request that loaded the entry may still wait for its response.
        let loaded = *self.loaded.entry(path.to_owned()).or_insert(sent_at);
        let age = sent_at.duration_since(loaded).as_millis();
        let age = i64::try_from(age).unwrap();
        (age >= read.fresh_millis() + 1_000).then_some(age)
    }
}

fn free_days(response: &Response) -> Vec<Date> {
    let body = response.json();
    let days = body["availability"].as_array().unwrap();
    days.iter()
        .filter(|day| day["available"] == true)
        .map(|day| day["date"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// Three numbers from 0 to 1, deterministic for a request's number (splitmix64).
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

/// A rank from 0 to `count - 1`. The n-th rank has one n-th of the first rank's weight (Zipf).
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
