//! Crowds before several instances of the product, which share nothing but their upstreams.

use crate::support::{
    cache::clear_cache,
    client::Client,
    environment::new_number,
    instance::{self, Instance, Upstream, get, header, post, random_ip},
    isolation::run_alone,
    local_system::now,
    rental::Rental,
};
use futures_util::future::{join, join_all};
use jiff::civil::Date;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};

const GENEROUS: [(&str, &str); 2] = [
    ("RATE_LIMIT_PUBLIC", "1000000/60s"),
    ("RATE_LIMIT_BOOKING", "1000000/60s"),
];

async fn instances(count: usize, changes: &[(&str, &str)]) -> Vec<Instance> {
    let moment = now().await;
    (0..count)
        .map(|_| Instance::start(moment, changes))
        .collect()
}

#[tokio::test]
async fn a_crowd_that_wants_a_cold_answer_asks_the_database_once() {
    run_alone(async {
        let instances = instances(8, &GENEROUS).await;
        let path = format!("/api/cars?search=crowd{}", new_number(1 << 30));
        // Also when it was loaded before, by whatever instance.
        for _ in 0..3 {
            clear_cache(&json!({})).await;
            let asking = (0..200).map(async |number: usize| {
                // What comes after the answer is the leader's to do, or nobody else ever sees it.
                instances[number % 8].serve(random_ip(), get(&path)).await
            });
            let responses = join_all(asking).await;
            let calls: Vec<_> = instances.iter().flat_map(Instance::take_calls).collect();
            let loads = calls
                .iter()
                .filter(|call| call.upstream == Upstream::Database);
            assert_eq!(loads.count(), 1);
            let outcome = |cache: &str| {
                responses
                    .iter()
                    .filter(|response| header(response, "x-cache") == cache)
                    .count()
            };
            assert_eq!((outcome("MISS"), outcome("HIT")), (1, 199));
            assert!(
                responses
                    .iter()
                    .all(|response| response.body() == responses[0].body())
            );
        }
    })
    .await;
}

/// The days of a range, and which of them are booked as far as the customers were told.
#[derive(Default)]
struct Told(RefCell<Vec<Date>>);

#[tokio::test]
async fn nobody_is_shown_a_day_as_free_that_was_booked_before_they_asked() {
    run_alone(async {
        let instances = instances(4, &GENEROUS).await;
        let free = Rental::far_ahead(&Client::new(), 14).await;
        let (told, is_over) = (Told::default(), Cell::new(false));
        let booking = async {
            for number in 0..4 {
                // Two days each, and two for the turnaround.
                let rental = free.part(number * 4, 2);
                let instance = &instances[usize::try_from(number).unwrap()];
                let made = instance
                    .serve(random_ip(), post("/api/bookings", &rental.body()))
                    .await;
                instance::json(201, &made);
                told.0
                    .borrow_mut()
                    .extend([rental.start, rental.part(1, 1).start]);
            }
            is_over.set(true);
        };
        let reading = join_all((0..8).map(async |reader: usize| {
            let (path, mut reads) = (free.availability_path(), 0);
            // Once more when all is booked.
            let mut is_last = false;
            while !is_last {
                is_last = is_over.get();
                let known = told.0.borrow().clone();
                let response = instances[reader % 4].serve(random_ip(), get(&path)).await;
                let response = instance::json(200, &response);
                for day in free_days(&response) {
                    assert!(!known.contains(&day), "{day} was booked before: {response}");
                }
                reads += 1;
            }
            reads
        }));
        let ((), reads) = join(booking, reading).await;
        assert_eq!(told.0.borrow().len(), 8);
        assert!(reads.iter().all(|reads| *reads >= 2), "{reads:?}");
    })
    .await;
}

fn free_days(response: &Value) -> Vec<Date> {
    let days = response["availability"].as_array().unwrap();
    days.iter()
        .filter(|day| day["available"] == true)
        .map(|day| day["date"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// The limit belongs to the client, not to the process that happens to answer.
#[tokio::test]
async fn instances_share_the_limit_of_a_client() {
    run_alone(async {
        let instances = instances(4, &[("RATE_LIMIT_PUBLIC", "10/60s")]).await;
        let client = random_ip();
        let asking =
            (0..40).map(|number: usize| instances[number % 4].serve(client, get("/api/health")));
        let responses = join_all(asking).await;
        let served = responses
            .iter()
            .filter(|response| response.status() == 200)
            .count();
        let limited = responses
            .iter()
            .filter(|response| response.status() == 429)
            .count();
        assert_eq!((served, limited), (10, 30));
    })
    .await;
}
