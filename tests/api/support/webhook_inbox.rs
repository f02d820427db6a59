//! The inbox of webhook events, and the cron that applies its events.

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

/// Runs the cron of the inbox, and returns the numbers of applied and failed events.
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

/// The result of a cron run without applied or failed events.
pub(crate) fn no_events() -> (Value, Value) {
    (json!(0), json!(0))
}

/// Applies the events that other tests left in the inbox, or makes them dead letters.
pub(crate) async fn drain_inbox(client: &Client) {
    for _ in 0..7 {
        advance_clock(SignedDuration::from_mins(61)).await;
        run_inbox_cron(client).await;
    }
    assert_eq!(run_inbox_cron(client).await, no_events());
}

/// A payment that was voided at PayPal, and the id of its event, which is not delivered yet.
pub(crate) async fn pay_and_void_at_paypal(client: &Client) -> (PaidBooking, String) {
    let rental = Rental::far_ahead(client, 2).await;
    let paid = checkout::pay(client, &rental, None).await;
    paypal_dashboard::void(&paid.authorization).await;
    let event = paypal_event_id(&paid.order.id, "PAYMENT.AUTHORIZATION.VOIDED").await;
    (paid, event)
}

/// Waits until an event has `count` attempts and none is running.
pub(crate) async fn wait_for_attempts(database: &Database, event: &str, count: i64) {
    eventually("the event has its attempts", 10, || async {
        let sql = "SELECT count(*) FROM webhook_retries
                   WHERE event_id = $1 AND attempts = $2 AND lease_id IS NULL";
        let attempts = i32::try_from(count).unwrap();
        (database.number(sql, &[&event, &attempts]).await == 1).then_some(())
    })
    .await;
}

/// The id of the only event of this type about an order.
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

/// Waits until an event is applied, and returns its result.
pub(crate) async fn wait_until_applied(database: &Database, event: &str) -> Value {
    eventually("the event is applied", 10, || async {
        let stored = database.event(event).await.unwrap();
        (stored["status"] == "processed").then(|| stored["result"].clone())
    })
    .await
}
