//! `CHECKOUT.ORDER.APPROVED` that comes late.

use crate::support::{
    checkout::{self, read_booking},
    client::Client,
    database::Database,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock, deliver_event},
    paypal::exchanges_about,
    reconciliation::reconcile,
    rental::Rental,
    webhook_inbox::{paypal_event_id, run_inbox_cron, wait_for_attempts},
};
use jiff::SignedDuration;
use serde_json::json;

/// PayPal was down for longer than the six attempts of an event, and the payer has left.
#[tokio::test]
async fn approval_after_long_trouble_confirms_booking() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        let event = paypal_event_id(&order.id, "CHECKOUT.ORDER.APPROVED").await;
        let trouble = Fault::respond(503, "").on_path("/v2/checkout/orders/");
        set_fault(Upstream::PayPal, trouble).await;
        assert_eq!(deliver_event(&event, 1).await, [200]);
        wait_for_attempts(&database, &event, 1).await;
        for minutes in [1, 5, 15, 60, 60] {
            advance_clock(SignedDuration::from_mins(minutes) + SignedDuration::from_secs(1)).await;
            run_inbox_cron(&client).await;
        }
        let stored = database.event(&event).await.unwrap();
        assert_eq!(stored["status"], "dead_letter");
        clear_faults(Upstream::PayPal).await;
        reconcile(&client).await;
        let booking = read_booking(&client, &hold).await;
        assert_eq!(
            (&booking["status"], &booking["payment"]["status"]),
            (&json!("upcoming"), &json!("authorized"))
        );
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.authorize"), 1);
    })
    .await;
}
