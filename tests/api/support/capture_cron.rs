//! The cron that captures payments.

use super::{client::Client, environment::variable};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const CAPTURES_PATH: &str = "/api/admin/process-payment-captures";

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
