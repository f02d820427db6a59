//! Events that come in another order, or while something is down: PayPal repeats them, and none is lost.

use crate::support::{
    checkout::{self, read_booking, read_payment},
    client::Client,
    database::Database,
    environment::variable,
    isolation::run_alone,
    local_system::{
        advance_clock, clear_faults, deliver_event, eventually, set_fault, start_process,
        stop_process,
    },
    paypal::exchanges_about,
    paypal_dashboard,
    rental::Rental,
    webhook_delivery::{new_event, sign},
    webhook_inbox::{pay_and_void_at_paypal, paypal_event_id, run_inbox_cron, wait_until_applied},
};
use jiff::SignedDuration;
use serde_json::json;

/// PayPal made all of it while we knew of nothing but the order.
#[tokio::test]
async fn the_order_of_events_does_not_matter() {
    let types = [
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.AUTHORIZATION.CREATED",
        "PAYMENT.CAPTURE.COMPLETED",
    ];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let paypal_order = checkout::create_approved_order(&client, &hold, None).await;
            let authorization = paypal_dashboard::authorize(&paypal_order.id).await;
            let capture = paypal_dashboard::capture(&authorization, &hold.price, &hold.currency).await;
            for place in order {
                let event = paypal_event_id(&paypal_order.id, types[place]).await;
                assert_eq!(deliver_event(&event, 1).await, [200]);
                eventually("the event was tried", 10, || async {
                    let kept = database.event(&event).await.unwrap();
                    let is_over = kept["status"] == "processed"
                        || database.number("SELECT count(*) FROM webhook_retries WHERE event_id = $1 AND last_error IS NOT NULL", &[&event]).await == 1;
                    is_over.then_some(())
                })
                .await;
            }
            // The approval leaves a minute to the payer's browser.
            advance_clock(SignedDuration::from_secs(61)).await;
            run_inbox_cron(&client).await;
            for event_type in types {
                let event = paypal_event_id(&paypal_order.id, event_type).await;
                wait_until_applied(&database, &event).await;
            }
            let booking = read_booking(&client, &hold).await;
            assert_eq!(booking["status"], "upcoming", "{order:?}");
            let payment = &booking["payment"];
            assert_eq!(payment["status"], "captured", "{order:?}");
            assert_eq!(payment["authorizationId"], json!(authorization));
            assert_eq!(payment["captureId"], json!(capture));
            assert_eq!(database.open_operations(hold.id).await, 0);
            let exchanges = exchanges_about(&database, hold.id).await;
            assert_eq!(exchanges.effects("orders.authorize"), 0, "PayPal had done it");
        })
        .await;
    }
}

/// Anything but 2xx has PayPal send it again.
#[tokio::test]
async fn without_a_database_an_event_is_not_taken_and_not_lost() {
    for trouble in ["refuse", "drop_answer", "stop"] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let (paid, event) = pay_and_void_at_paypal(&client).await;
            if trouble == "stop" {
                stop_process("postgres").await;
            } else {
                let about = json!({"kind": trouble, "path": "rpc/store_webhook_event"});
                set_fault("database", about).await;
            }
            assert_eq!(deliver_event(&event, 1).await, [503], "{trouble}");
            let database = if trouble == "stop" {
                start_process("postgres").await;
                Database::open().await
            } else {
                clear_faults("database").await;
                database
            };
            let is_stored = database.event(&event).await.is_some();
            assert_eq!(is_stored, trouble == "drop_answer");
            // Whoever stored it may still be at work, as far as the database knows.
            advance_clock(SignedDuration::from_secs(121)).await;
            let statuses = eventually("the event is taken", 30, || async {
                let statuses = deliver_event(&event, 1).await;
                (statuses != [503]).then_some(statuses)
            })
            .await;
            assert_eq!(statuses, [200]);
            assert_eq!(wait_until_applied(&database, &event).await, "applied");
            assert_eq!(read_payment(&client, &paid).await["status"], "voided");
            assert_eq!(database.event(&event).await.unwrap()["applied"], 1);
        })
        .await;
    }
}

/// A certificate that was fetched before needs no PayPal.
#[tokio::test]
async fn without_paypal_an_event_is_taken_where_it_can_be_verified() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let known = new_event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-1"}));
        sign(known.to_string())
            .await
            .deliver(&client)
            .await
            .expect(200);
        let body = new_event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-2"}));
        let (delivery, id) = (sign(body.to_string()).await, checkout::text(&body["id"]));
        set_fault("paypal", json!({"kind": "refuse"})).await;
        let response = delivery.deliver(&client).await;
        if variable("PAYPAL_WEBHOOK_VERIFICATION") == "api" {
            response.expect_problem(503, "payment_provider_unavailable");
            response.retry_after();
            assert_eq!(database.event(&id).await, None);
        } else {
            response.expect(200);
        }
        clear_faults("paypal").await;
        delivery.deliver(&client).await.expect(200);
        assert_eq!(wait_until_applied(&database, &id).await, "ignored");
    })
    .await;
}
