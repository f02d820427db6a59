//! The throughput of one process of a function: sixteen connections, one request at a time each.

use crate::{connection::Connection, local::Local, targets::Targets, times::Times, visitors};
use serde_json::{Value, json};
use std::{cell::Cell, rc::Rc};
use tokio::{task::LocalSet, time::Instant};

const CONNECTIONS: usize = 16;
const CARS: &str = "/api/cars?limit=12";

pub(crate) async fn measure(targets: &Targets) {
    let mut local = Local::open(targets.port("local")).await;
    let today = local.advance_clock(0).await;
    let days = visitors::days(today, 200, 3);
    let availability = format!("/api/cars/availability?carId=123&{}", days.query());
    let (cars, availability_port) = (targets.port("cars"), targets.port("cars-availability"));
    // Fills the cache.
    for (port, path) in [(cars, CARS), (availability_port, availability.as_str())] {
        assert_eq!(Connection::open(port).await.get(path).await.status, 200);
    }
    let get = |path: &str| {
        let path = path.to_owned();
        move |_| (path.clone(), None)
    };
    send_many("GET /api/cars, hit", targets, cars, 40_000, 200, get(CARS)).await;
    send_many(
        "GET availability, hit",
        targets,
        availability_port,
        20_000,
        200,
        get(&availability),
    )
    .await;
    // Each request has a price of its own, so it needs a new cache entry.
    let miss = |number| {
        (
            format!("/api/cars?minPrice={}.{:02}", number / 100, number % 100),
            None,
        )
    };
    send_many("GET /api/cars, miss", targets, cars, 5_000, 200, miss).await;
    let fleet = visitors::fleet(cars).await;
    // Each booking has three days, and a car's bookings start a week apart. The other
    // loads use other days. No car needs more than two days between rentals.
    let rounds = 17;
    let bookings = fleet.len() * rounds;
    let book = move |number: usize| {
        let ahead = 75 + 7 * i64::try_from(number / fleet.len()).unwrap();
        let days = visitors::days(today, ahead, 3);
        let body = json!({"carId": fleet[number % fleet.len()], "startDate": days.start, "endDate": days.end});
        ("/api/bookings".to_owned(), Some(body))
    };
    send_many(
        "POST /api/bookings",
        targets,
        targets.port("bookings"),
        bookings,
        201,
        book,
    )
    .await;
}

/// Sends `requests` requests over all connections, and prints the rate and the times.
async fn send_many(
    name: &str,
    targets: &Targets,
    port: u16,
    requests: usize,
    expected: u16,
    request: impl Fn(usize) -> (String, Option<Value>) + 'static,
) {
    let (next, failures) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let request = Rc::new(request);
    let processor_before = targets.processor_millis();
    let started = Instant::now();
    let local = LocalSet::new();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (next, failures) = (Rc::clone(&next), Rc::clone(&failures));
            let request = Rc::clone(&request);
            local.spawn_local(async move {
                let (mut connection, mut times) = (Connection::open(port).await, Times::default());
                while next.get() < requests {
                    let (path, body) = request(next.replace(next.get() + 1));
                    let started = Instant::now();
                    let response = match body {
                        None => connection.get(&path).await,
                        Some(body) => connection.post(&path, &body).await,
                    };
                    times.add(started.elapsed());
                    if response.status != expected {
                        failures.set(failures.get() + 1);
                    }
                }
                times
            })
        })
        .collect();
    local.await;
    let elapsed = started.elapsed();
    let mut times = Times::default();
    for client in clients {
        times.append(client.await.unwrap());
    }
    let rate = f64::from(u32::try_from(requests).unwrap()) / elapsed.as_secs_f64();
    println!("{name}: {rate:.0} per second, {}", times.sorted());
    if failures.get() > 0 {
        println!(
            "  {} responses had another status than {expected}",
            failures.get()
        );
    }
    show_shares(&processor_before, &targets.processor_millis(), requests);
}

/// Prints each process's share of a request's processor time.
fn show_shares(before: &[(String, u64)], after: &[(String, u64)], requests: usize) {
    let shares: Vec<String> = before
        .iter()
        .zip(after)
        .map(|((name, before), (_, after))| {
            let micros = (after - before) * 1000 / u64::try_from(requests).unwrap();
            format!("{name} {micros} µs")
        })
        .collect();
    println!("  processor time per request: {}", shares.join(", "));
}
