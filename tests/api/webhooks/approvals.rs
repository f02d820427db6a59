//! `CHECKOUT.ORDER.APPROVED` of an order that is not the payment's latest, or that comes late.

use crate::support::{
    checkout::{self, read_booking},
    client::Client,
    database::Database,
    isolation::run_alone,
    local_system::{advance_clock, deliver_event},
    paypal::{self, exchanges_about},
    paypal_dashboard::read_paypal_order,
    reconciliation::reconcile,
    rental::Rental,
    webhook_inbox::{paypal_event_id, run_inbox_cron, wait_for_attempts, wait_until_applied},
};
use jiff::SignedDuration;
use serde_json::json;

/// The browser has the older of two orders, and does not come back.
#[tokio::test]
async fn approval_of_older_order_confirms_booking() {
    for by_event in [true, false] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let older = checkout::create_order(&client, &hold, None).await;
            // The checkout gives out another order, as after a refusal that ends one.
            let end =
                "UPDATE payments SET order_id = NULL, order_created_at = NULL, approve_url = NULL
                       WHERE booking_id = $1 RETURNING to_jsonb(id)";
            assert_eq!(database.rows(end, &[&hold.id]).await.len(), 1);
            let newer = checkout::create_order(&client, &hold, None).await;
            assert_ne!(older.id, newer.id);
            paypal::approve(&older.approve_url).await;
            if by_event {
                let event = paypal_event_id(&older.id, "CHECKOUT.ORDER.APPROVED").await;
                assert_eq!(deliver_event(&event, 1).await, [200]);
                wait_for_attempts(&database, &event, 1).await;
                advance_clock(SignedDuration::from_secs(61)).await;
                run_inbox_cron(&client).await;
                assert_eq!(wait_until_applied(&database, &event).await, "applied");
            } else {
                reconcile(&client).await;
            }
            let booking = read_booking(&client, &hold).await;
            assert_eq!(
                (&booking["status"], &booking["payment"]["status"]),
                (&json!("upcoming"), &json!("authorized"))
            );
            assert_eq!(
                read_paypal_order(&older.id).await.authorizations(),
                ["CREATED"]
            );
            let order = "SELECT to_jsonb(order_id) FROM payments WHERE booking_id = $1";
            assert_eq!(database.rows(order, &[&hold.id]).await, [json!(older.id)]);
        })
        .await;
    }
}

/// PayPal was down for longer than the six attempts of an event, and the payer has left.
#[tokio::test]
async fn approval_after_long_trouble_confirms_booking() {
    use crate::support::faults::{Fault, Upstream, clear_faults, set_fault};
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
