//! Crowds at several instances of the product, which share only their upstreams.

use crate::support::{
    cache::clear_cache,
    client::Client,
    environment::new_number,
    faults::Upstream,
    instance::{self, Instance, get, header, post, random_ip},
    isolation::run_alone,
    local_system::now,
    rental::Rental,
};
use futures_util::future::{join, join_all};
use jiff::civil::Date;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};

const HIGH_LIMITS: [(&str, &str); 2] = [
    ("RATE_LIMIT_PUBLIC", "1000000/60s"),
    ("RATE_LIMIT_BOOKING", "1000000/60s"),
];

async fn start_instances(count: usize, changes: &[(&str, &str)]) -> Vec<Instance> {
    let moment = now().await;
    (0..count)
        .map(|_| Instance::start(moment, changes))
        .collect()
}

#[tokio::test]
async fn crowd_loads_cold_key_once() {
    run_alone(async {
        let instances = start_instances(8, &HIGH_LIMITS).await;
        let path = format!("/api/cars?search=crowd{}", new_number(1 << 30));
        // The later rounds begin with instances that know the key.
        for _ in 0..3 {
            clear_cache(&json!({})).await;
            let requests = (0..200).map(async |number: usize| {
                // `serve` also stores the leader's entry, which the others wait for.
                instances[number % 8].serve(random_ip(), get(&path)).await
            });
            let responses = join_all(requests).await;
            let calls: Vec<_> = instances.iter().flat_map(Instance::take_calls).collect();
            let loads = calls
                .iter()
                .filter(|call| call.upstream == Upstream::Database);
            assert_eq!(loads.count(), 1);
            let count = |status: &str| {
                responses
                    .iter()
                    .filter(|response| header(response, "x-cache") == status)
                    .count()
            };
            assert_eq!((count("MISS"), count("HIT")), (1, 199));
            assert!(
                responses
                    .iter()
                    .all(|response| response.body() == responses[0].body())
            );
        }
    })
    .await;
}

#[tokio::test]
async fn booked_day_is_never_shown_free() {
    run_alone(async {
        let instances = start_instances(4, &HIGH_LIMITS).await;
        let free = Rental::far_ahead(&Client::new(), 14).await;
        // The days of bookings whose response has arrived.
        let booked_days: RefCell<Vec<Date>> = RefCell::default();
        let is_finished = Cell::new(false);
        let booking = async {
            for number in 0..4 {
                // Each booking has two days, and two more for the turnaround.
                let rental = free.part(number * 4, 2);
                let instance = &instances[usize::try_from(number).unwrap()];
                let response = instance
                    .serve(random_ip(), post("/api/bookings", &rental.body()))
                    .await;
                instance::json(201, &response);
                booked_days
                    .borrow_mut()
                    .extend([rental.start, rental.part(1, 1).start]);
            }
            is_finished.set(true);
        };
        let reading = join_all((0..8).map(async |reader: usize| {
            let (path, mut reads) = (free.availability_path(), 0);
            // Each reader reads once more after the last booking.
            let mut is_last = false;
            while !is_last {
                is_last = is_finished.get();
                let booked_before = booked_days.borrow().clone();
                let response = instances[reader % 4].serve(random_ip(), get(&path)).await;
                let response = instance::json(200, &response);
                for day in free_days(&response) {
                    assert!(
                        !booked_before.contains(&day),
                        "{day} was booked before: {response}"
                    );
                }
                reads += 1;
            }
            reads
        }));
        let ((), reads) = join(booking, reading).await;
        assert_eq!(booked_days.borrow().len(), 8);
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

#[tokio::test]
async fn instances_share_client_limit() {
    run_alone(async {
        let instances = start_instances(4, &[("RATE_LIMIT_PUBLIC", "10/60s")]).await;
        let client = random_ip();
        let requests =
            (0..40).map(|number: usize| instances[number % 4].serve(client, get("/api/health")));
        let responses = join_all(requests).await;
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
