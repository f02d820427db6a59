//! Many captures that are due at once. `DUE_CAPTURES` is their number: `script/bench` sets 1000.

use crate::support::{
    capture_cron::run_cron,
    checkout::{self, PaidBooking},
    client::Client,
    database::Database,
    environment::variable_or,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past},
    paypal::exchanges_about,
    rental::Rental,
};
use futures_util::{StreamExt as _, stream};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::time::Instant;
use uuid::Uuid;

/// Bookings that are created at the same time.
const CONCURRENCY: usize = 8;

/// Creates `count` bookings whose captures are due, and no other is.
async fn create_due_payments(client: &Client, count: usize) -> BTreeMap<Uuid, PaidBooking> {
    // After a month no operation of another test is still open.
    advance_clock(SignedDuration::from_hours(29 * 24)).await;
    run_cron(client).await;
    let paid_bookings: Vec<PaidBooking> = stream::iter(0..count)
        .map(|_| async {
            // The shortest rental: a thousand must fit into a year.
            let rental = Rental::between(client, 1, 30, 360).await;
            checkout::pay(client, &rental, None).await
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let last = paid_bookings
        .iter()
        .map(|paid| paid.capture_at)
        .max()
        .unwrap();
    advance_clock_past(last).await;
    paid_bookings
        .into_iter()
        .map(|paid| (paid.hold.id, paid))
        .collect()
}

/// A run's results for our bookings: the id of each capture, or its error.
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
            assert_eq!(earlier, None, "{booking} has two results: {run}");
        }
    }
    results
}

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
async fn all_due_captures_made_in_one_run() {
    let count: usize = variable_or("DUE_CAPTURES", "200").parse().unwrap();
    run_alone(async move {
        let (client, database) = (Client::new(), Database::open().await);
        let started = Instant::now();
        let ours = create_due_payments(&client, count).await;
        println!("{count} bookings were made in {:?}", started.elapsed());
        let slow = Fault::delay_millis(100).on_path("/v2/");
        set_fault(Upstream::PayPal, slow).await;
        let started = Instant::now();
        let run = results(&run_cron(&client).await, &ours);
        println!("{count} captures were made in {:?}", started.elapsed());
        clear_faults(Upstream::PayPal).await;
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

/// PayPal asks for a pause of two minutes, so this run sends no more captures.
#[tokio::test]
async fn rate_limited_run_stops_next_run_resumes() {
    const COUNT: usize = 60;
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let ours = create_due_payments(&client, COUNT).await;
        let body = json!({"name": "RATE_LIMIT_REACHED"}).to_string();
        let rate_limited = Fault::respond(429, body)
            .with_header("retry-after", "120")
            .on_path("/capture")
            .every(3)
            .times(1);
        set_fault(Upstream::PayPal, rate_limited).await;
        // No capture ends before the run has seen the third response, so none replaces it.
        let slow_records = Fault::delay_millis(3000)
            .on_path("rpc/record_capture")
            .times(16);
        set_fault(Upstream::Database, slow_records).await;
        let run = results(&run_cron(&client).await, &ours);
        let (captured, skipped): (Vec<_>, Vec<_>) = run.values().partition(|result| result.is_ok());
        // Sixteen captures run when the third response arrives, and the others of these succeed.
        // The rest of the 32 claimed payments are not sent.
        assert_eq!(captured.len(), 15, "{run:?}");
        assert_eq!(run.len(), 32, "only one batch is claimed: {run:?}");
        for result in skipped {
            assert_eq!(*result, Err("rate_limited".to_owned()));
        }

        advance_clock(SignedDuration::from_secs(121)).await;
        let next = results(&run_cron(&client).await, &ours);
        assert_eq!(next.len(), COUNT - captured.len());
        assert!(next.values().all(Result::is_ok), "{next:?}");
        assert_captured_once(&database, &ours).await;
    })
    .await;
}
