//! How many requests one process of a function answers: sixteen connections, each with one request at a time.

use crate::{connection::Connection, figures::Times, local::Local, places::Places, visitors};
use serde_json::{Value, json};
use std::{cell::Cell, rc::Rc};
use tokio::{task::LocalSet, time::Instant};

const CONNECTIONS: usize = 16;
const CARS: &str = "/api/cars?limit=12";

pub(crate) async fn measure(places: &Places) {
    let mut local = Local::open(places.port("local")).await;
    let today = local.pass(0).await;
    let days = visitors::days(today, 200, 3);
    let availability = format!("/api/cars/availability?carId=123&{}", days.query());
    let (cars, days_of) = (places.port("cars"), places.port("cars-availability"));
    // Once, so that it is kept.
    for (port, path) in [(cars, CARS), (days_of, availability.as_str())] {
        assert_eq!(Connection::open(port).await.get(path).await.status, 200);
    }
    let get = |path: &str| {
        let path = path.to_owned();
        move |_| (path.clone(), None)
    };
    many("GET /api/cars, hit", places, cars, 40_000, 200, get(CARS)).await;
    many(
        "GET availability, hit",
        places,
        days_of,
        20_000,
        200,
        get(&availability),
    )
    .await;
    // Prices that nobody asked for yet: a page of its own each.
    let miss = |number| {
        (
            format!("/api/cars?minPrice={}.{:02}", number / 100, number % 100),
            None,
        )
    };
    many("GET /api/cars, miss", places, cars, 5_000, 200, miss).await;
    let fleet = visitors::fleet(cars).await;
    // Three days each, between those that the other loads book; no car needs more than two days between two rentals.
    let rounds = 17;
    let bookings = fleet.len() * rounds;
    let book = move |number: usize| {
        let ahead = 75 + 7 * i64::try_from(number / fleet.len()).unwrap();
        let days = visitors::days(today, ahead, 3);
        let body = json!({"carId": fleet[number % fleet.len()], "startDate": days.start, "endDate": days.end});
        ("/api/bookings".to_owned(), Some(body))
    };
    many(
        "POST /api/bookings",
        places,
        places.port("bookings"),
        bookings,
        201,
        book,
    )
    .await;
}

/// Sends so many requests, each as soon as a connection is free, and prints how long they took.
async fn many(
    what: &str,
    places: &Places,
    port: u16,
    requests: usize,
    expected: u16,
    request: impl Fn(usize) -> (String, Option<Value>) + 'static,
) {
    let (next, others) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let request = Rc::new(request);
    let used = places.processor_millis();
    let started = Instant::now();
    let local = LocalSet::new();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (next, others) = (Rc::clone(&next), Rc::clone(&others));
            let request = Rc::clone(&request);
            local.spawn_local(async move {
                let (mut connection, mut times) = (Connection::open(port).await, Times::default());
                while next.get() < requests {
                    let (path, body) = request(next.replace(next.get() + 1));
                    let asked = Instant::now();
                    let answer = match body {
                        None => connection.get(&path).await,
                        Some(body) => connection.post(&path, &body).await,
                    };
                    times.add(asked.elapsed());
                    if answer.status != expected {
                        others.set(others.get() + 1);
                    }
                }
                times
            })
        })
        .collect();
    local.await;
    let taken = started.elapsed();
    let mut times = Times::default();
    for client in clients {
        times.append(client.await.unwrap());
    }
    let a_second = f64::from(u32::try_from(requests).unwrap()) / taken.as_secs_f64();
    println!("{what}: {a_second:.0} a second, {}", times.sorted());
    if others.get() > 0 {
        println!("  {} were not answered {expected}", others.get());
    }
    show_shares(&used, &places.processor_millis(), requests);
}

/// How much processor time each process took of what a request cost, which is what says whose time the figures are.
fn show_shares(before: &[(String, u64)], after: &[(String, u64)], requests: usize) {
    let shares: Vec<String> = before
        .iter()
        .zip(after)
        .map(|((name, before), (_, after))| {
            let micros = (after - before) * 1000 / u64::try_from(requests).unwrap();
            format!("{name} {micros} µs")
        })
        .collect();
    println!("  processor time a request: {}", shares.join(", "));
}
