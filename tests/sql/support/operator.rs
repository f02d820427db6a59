//! Operations that an operator requests on a booking.

use crate::support::database::call;
use serde_json::{Value, json};
use tokio_postgres::Client;

/// The arguments with which an operator requests an operation on a booking.
pub(crate) fn operator_request(booking_id: &str, now: &str) -> Value {
    json!({ "p_booking_id": booking_id, "p_actor": "operator:1", "p_request_id": "req-2", "p_now": now })
}

pub(crate) async fn claim_capture(client: &Client, booking_id: &str, now: &str) -> Value {
    call(
        client,
        "claim_payment_capture",
        operator_request(booking_id, now),
    )
    .await
}

pub(crate) async fn claim_reauthorization(client: &Client, booking_id: &str, now: &str) -> Value {
    call(
        client,
        "claim_reauthorization",
        operator_request(booking_id, now),
    )
    .await
}
