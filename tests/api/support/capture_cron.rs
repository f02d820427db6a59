//! The cron that captures payments.

use super::{
    checkout::{self, PaidBooking},
    client::Client,
    environment::variable,
    local_system::advance_clock_past,
    rental::Rental,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const CAPTURES_PATH: &str = "/api/admin/process-payment-captures";

/// Creates a booking whose capture is due, before the cron has run.
pub(crate) async fn create_due_payment(client: &Client, description: Option<&str>) -> PaidBooking {
    let rental = Rental::soon(client, 2).await;
    let paid = checkout::pay(client, &rental, description).await;
    advance_clock_past(paid.capture_at).await;
    paid
}

/// Runs the capture cron as Vercel does.
pub(crate) async fn run_cron(client: &Client) -> Value {
    let response = client
        .with_new_address()
        .get_as(&variable("CRON_SECRET"), CAPTURES_PATH)
        .await
        .expect(200);
    assert_eq!(response["success"], true, "{response}");
    assert_eq!(
        response["message"], "Payment capture processor is running",
        "{response}"
    );
    assert_eq!(
        response["processed_count"],
        json!(response["results"].as_array().unwrap().len()),
        "{response}"
    );
    response
}

/// The results of one booking in a run of the cron.
pub(crate) fn results_for(run: &Value, booking: Uuid) -> Vec<Value> {
    let results = run["results"].as_array().unwrap();
    results
        .iter()
        .filter(|result| result["booking_id"] == json!(booking))
        .cloned()
        .collect()
}

/// Runs the cron and returns its only result for the booking.
pub(crate) async fn run_cron_for(client: &Client, paid: &PaidBooking) -> Value {
    let run = run_cron(client).await;
    let [result] = &results_for(&run, paid.hold.id)[..] else {
        panic!("{run}")
    };
    result.clone()
}
