//! Many captures that are due at once: all are made in one run, each once, and PayPal is left alone when it asks for that.
//! `script/bench` does so with a thousand, by `DUE_CAPTURES`.

use crate::support::{
    capture_cron::run_cron,
    checkout::{self, PaidBooking},
    client::Client,
    database::Database,
    environment::variable_or,
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past, clear_faults, set_fault},
    paypal::exchanges_about,
    rental::Rental,
};
use futures_util::{StreamExt as _, stream};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::time::Instant;
use uuid::Uuid;

/// Bookings made at the same time.
const AT_ONCE: usize = 8;

/// So many bookings whose money is due, and nobody else's.
async fn due(client: &Client, count: usize) -> BTreeMap<Uuid, PaidBooking> {
    // A month later nothing is left of what others began.
    advance_clock(SignedDuration::from_hours(29 * 24)).await;
    run_cron(client).await;
    let all: Vec<PaidBooking> = stream::iter(0..count)
        .map(|_| async {
            // As short as can be, so that a thousand find room within a year.
            let rental = Rental::between(client, 1, 30, 360).await;
            checkout::pay(client, &rental, None).await
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let last = all.iter().map(|paid| paid.capture_at).max().unwrap();
    advance_clock_past(last).await;
    all.into_iter().map(|paid| (paid.hold.id, paid)).collect()
}

/// What a run says of our bookings: the id of each capture, or why there is none.
fn results(
    run: &Value,
    ours: &BTreeMap<Uuid, PaidBooking>,
) -> BTreeMap<Uuid, Result<String, String>> {
    let mut results = BTreeMap::new();
    for result in run["results"].as_array().unwrap() {
        let booking: Uuid = checkout::text(&result["booking_id"]).parse().unwrap();
        let outcome = if result["success"] == true {
            Ok(checkout::text(&result["capture_id"]))
        } else {
            Err(checkout::text(&result["error"]))
        };
        if ours.contains_key(&booking) {
            let earlier = results.insert(booking, outcome);
            assert_eq!(earlier, None, "{booking} is in it twice: {run}");
        }
    }
    results
}

/// Each of them was captured, once.
async fn assert_captured_once(database: &Database, ours: &BTreeMap<Uuid, PaidBooking>) {
    for booking in ours.keys() {
        let exchanges = exchanges_about(database, *booking).await;
        assert_eq!(exchanges.effects("authorizations.capture"), 1, "{booking}");
        assert_eq!(database.open_operations(*booking).await, 0, "{booking}");
        let payments = database.payments(*booking).await;
        assert_eq!(payments[0]["status"], "captured", "{booking}");
    }
}

#[tokio::test]
async fn all_that_is_due_is_captured_in_one_run() {
    let count: usize = variable_or("DUE_CAPTURES", "200").parse().unwrap();
    run_alone(async move {
        let (client, database) = (Client::new(), Database::open().await);
        let begun = Instant::now();
        let ours = due(&client, count).await;
        println!("{count} bookings were made in {:?}", begun.elapsed());
        let slow = json!({"kind": "delay", "delayMs": 100, "path": "/v2/"});
        set_fault("paypal", slow).await;
        let begun = Instant::now();
        let run = results(&run_cron(&client).await, &ours);
        println!("{count} captures were made in {:?}", begun.elapsed());
        clear_faults("paypal").await;
        assert_eq!(run.len(), count);
        for (booking, result) in &run {
            assert!(result.is_ok(), "{booking}: {result:?}");
        }
        let again = results(&run_cron(&client).await, &ours);
        assert_eq!(again, BTreeMap::new());
        assert_captured_once(&database, &ours).await;
    })
    .await;
}

/// PayPal wants to be left alone for two minutes: nothing more is asked in this run, and all the rest of it two minutes later.
#[tokio::test]
async fn a_run_ends_when_paypal_asks_to_slow_down_and_the_next_goes_on() {
    const COUNT: usize = 60;
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let ours = due(&client, COUNT).await;
        let busy = json!({"kind": "answer", "status": 429, "headers": {"retry-after": "120"},
            "body": json!({"name": "RATE_LIMIT_REACHED"}).to_string(), "path": "/capture", "every": 3, "times": 1});
        set_fault("paypal", busy).await;
        let run = results(&run_cron(&client).await, &ours);
        let (made, not_made): (Vec<_>, Vec<_>) = run.values().partition(|result| result.is_ok());
        // Sixteen are under way when the answer to the third comes; of thirty-two that were claimed the rest are not asked for.
        assert!((2..=18).contains(&made.len()), "{run:?}");
        assert_eq!(run.len(), 32, "and no more are claimed: {run:?}");
        for result in not_made {
            assert_eq!(*result, Err("rate_limited".to_owned()));
        }

        advance_clock(SignedDuration::from_secs(121)).await;
        let next = results(&run_cron(&client).await, &ours);
        assert_eq!(next.len(), COUNT - made.len());
        assert!(next.values().all(Result::is_ok), "{next:?}");
        assert_captured_once(&database, &ours).await;
    })
    .await;
}
