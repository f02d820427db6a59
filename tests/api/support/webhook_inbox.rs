//! The inbox of webhook events, and the cron that applies them.

use super::{
    checkout::{self, PaidBooking},
    client::Client,
    database::Database,
    environment::variable,
    local_system::{advance_clock, eventually, paypal_events},
    paypal_dashboard,
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

pub(crate) const RETRY_PATH: &str = "/api/webhooks/retry";

/// Runs the cron of the inbox, and gives how many events it applied and how many it could not.
pub(crate) async fn run_inbox_cron(client: &Client) -> (Value, Value) {
    let secret = variable("CRON_SECRET");
    let response = client
        .with_new_address()
        .get_as(&secret, RETRY_PATH)
        .await
        .expect(200);
    assert_eq!(response["success"], true, "{response}");
    assert_eq!(response["message"], "Webhook retry processor is running");
    (response["applied"].clone(), response["failed"].clone())
}

/// Nothing was applied and nothing failed.
pub(crate) fn no_events() -> (Value, Value) {
    (json!(0), json!(0))
}

/// Whatever other tests left in the inbox is worked off.
pub(crate) async fn drain_inbox(client: &Client) {
    for _ in 0..7 {
        advance_clock(SignedDuration::from_mins(61)).await;
        run_inbox_cron(client).await;
    }
    assert_eq!(run_inbox_cron(client).await, no_events());
}

/// A voided payment whose event is yet to be delivered.
pub(crate) async fn pay_and_void_at_paypal(client: &Client) -> (PaidBooking, String) {
    let rental = Rental::far_ahead(client, 2).await;
    let paid = checkout::pay(client, &rental, None).await;
    paypal_dashboard::void(&paid.authorization).await;
    let event = paypal_event_id(&paid.order.id, "PAYMENT.AUTHORIZATION.VOIDED").await;
    (paid, event)
}

/// Waits until an event was tried so often.
pub(crate) async fn wait_for_attempts(database: &Database, event: &str, times: i64) {
    eventually("the event was tried", 10, || async {
        let sql = "SELECT count(*) FROM webhook_retries
                   WHERE event_id = $1 AND attempts = $2 AND lease_id IS NULL";
        let attempts = i32::try_from(times).unwrap();
        (database.number(sql, &[&event, &attempts]).await == 1).then_some(())
    })
    .await;
}

/// The id of the one event of this type that PayPal reported of an order.
pub(crate) async fn paypal_event_id(order: &str, event_type: &str) -> String {
    let events = paypal_events(order).await;
    let of_type: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == event_type)
        .collect();
    let [event] = of_type[..] else {
        panic!("{events:?}")
    };
    checkout::text(&event["id"])
}

/// Waits until an event is applied, and gives what that came to.
pub(crate) async fn wait_until_applied(database: &Database, event: &str) -> Value {
    eventually("the event is applied", 10, || async {
        let kept = database.event(event).await.unwrap();
        (kept["status"] == "processed").then(|| kept["result"].clone())
    })
    .await
}
