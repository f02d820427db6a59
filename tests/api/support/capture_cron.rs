//! The cron that captures payments.

use super::{client::Client, environment::variable};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const CAPTURES: &str = "/api/admin/process-payment-captures";

/// Runs the capture cron as Vercel does.
pub(crate) async fn run_cron(client: &Client) -> Value {
    let answer = client
        .stranger()
        .get_as(&variable("CRON_SECRET"), CAPTURES)
        .await
        .expect(200);
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(
        answer["message"], "Payment capture processor is running",
        "{answer}"
    );
    assert_eq!(
        answer["processed_count"],
        json!(answer["results"].as_array().unwrap().len()),
        "{answer}"
    );
    answer
}

/// What a run of the cron says about one booking.
pub(crate) fn results_of(run: &Value, booking: Uuid) -> Vec<Value> {
    let results = run["results"].as_array().unwrap();
    results
        .iter()
        .filter(|result| result["booking_id"] == json!(booking))
        .cloned()
        .collect()
}
