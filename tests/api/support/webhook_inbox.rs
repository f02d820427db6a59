//! The inbox of webhook events, and the cron that applies them.

use super::{
    checkout::{self, Paid},
    client::Client,
    database::Database,
    environment::variable,
    local_system::{events_of, eventually, pass},
    paypal_dashboard,
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

pub(crate) const RETRY: &str = "/api/webhooks/retry";

/// Runs the cron of the inbox, and gives how many events it applied and how many it could not.
pub(crate) async fn work_inbox(client: &Client) -> (Value, Value) {
    let secret = variable("CRON_SECRET");
    let answer = client.stranger().get_as(&secret, RETRY).await.expect(200);
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(answer["message"], "Webhook retry processor is running");
    (answer["applied"].clone(), answer["failed"].clone())
}

/// Nothing was applied and nothing failed.
pub(crate) fn none() -> (Value, Value) {
    (json!(0), json!(0))
}

/// Whatever other tests left in the inbox is worked off.
pub(crate) async fn empty_inbox(client: &Client) {
    for _ in 0..7 {
        pass(SignedDuration::from_mins(61)).await;
        work_inbox(client).await;
    }
    assert_eq!(work_inbox(client).await, none());
}

/// A voided payment whose event is yet to be delivered.
pub(crate) async fn voided_elsewhere(client: &Client) -> (Paid, String) {
    let rental = Rental::far_ahead(client, 2).await;
    let paid = checkout::pay(client, &rental, None).await;
    paypal_dashboard::void(&paid.authorization).await;
    let event = event_of(&paid.order.id, "PAYMENT.AUTHORIZATION.VOIDED").await;
    (paid, event)
}

/// Waits until an event was tried so often.
pub(crate) async fn tried(database: &Database, event: &str, times: i64) {
    eventually("the event was tried", 10, || async {
        let sql = "SELECT count(*) FROM webhook_retries
                   WHERE event_id = $1 AND attempts = $2 AND lease_id IS NULL";
        let attempts = i32::try_from(times).unwrap();
        (database.number(sql, &[&event, &attempts]).await == 1).then_some(())
    })
    .await;
}

/// The id of the one event of this type that PayPal reported of an order.
pub(crate) async fn event_of(order: &str, event_type: &str) -> String {
    let events = events_of(order).await;
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
pub(crate) async fn applied(database: &Database, event: &str) -> Value {
    eventually("the event is applied", 10, || async {
        let kept = database.event(event).await.unwrap();
        (kept["status"] == "processed").then(|| kept["result"].clone())
    })
    .await
}
