//! Events that arrive in another order, or during an outage. PayPal redelivers refused events.

use crate::support::{
    checkout::{self, read_booking, read_payment},
    client::Client,
    database::Database,
    environment::variable,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{
        Process, advance_clock, deliver_event, eventually, start_process, stop_process,
    },
    paypal::exchanges_about,
    paypal_dashboard,
    rental::Rental,
    webhook_delivery::{new_event, sign},
    webhook_inbox::{pay_and_void_at_paypal, paypal_event_id, run_inbox_cron, wait_until_applied},
};
use jiff::SignedDuration;
use serde_json::json;

/// PayPal has already authorized and captured, but our database knows only the order.
#[tokio::test]
async fn events_apply_in_any_order() {
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
            let capture =
                paypal_dashboard::capture(&authorization, &hold.price, &hold.currency).await;
            for index in order {
                let event = paypal_event_id(&paypal_order.id, types[index]).await;
                assert_eq!(deliver_event(&event, 1).await, [200]);
                eventually("the first attempt has ended", 10, || async {
                    let stored = database.event(&event).await.unwrap();
                    let failed = "SELECT count(*) FROM webhook_retries
                                  WHERE event_id = $1 AND last_error IS NOT NULL";
                    let has_ended = stored["status"] == "processed"
                        || database.number(failed, &[&event]).await == 1;
                    has_ended.then_some(())
                })
                .await;
            }
            // An approval event waits a minute, so that the payer's browser can authorize first.
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
            assert_eq!(
                exchanges.effects("orders.authorize"),
                0,
                "the order was authorized before"
            );
        })
        .await;
    }
}

/// PayPal redelivers an event unless the response is 2xx.
#[tokio::test]
async fn database_down_event_is_redelivered_and_applied() {
    // `None` stops Postgres.
    for fault in [Some(Fault::refuse()), Some(Fault::drop_response()), None] {
        run_alone(async {
            let (client, database) = (Client::new(), Database::open().await);
            let (paid, event) = pay_and_void_at_paypal(&client).await;
            match &fault {
                Some(fault) => {
                    set_fault(Upstream::Database, fault.on_path("rpc/store_webhook_event")).await;
                }
                None => stop_process(Process::Postgres).await,
            }
            assert_eq!(deliver_event(&event, 1).await, [503], "{fault:?}");
            let database = if fault.is_none() {
                start_process(Process::Postgres).await;
                Database::open().await
            } else {
                clear_faults(Upstream::Database).await;
                database
            };
            let is_stored = database.event(&event).await.is_some();
            assert_eq!(is_stored, fault == Some(Fault::drop_response()));
            // The claim has no recorded end, so the first delivery may still be running.
            advance_clock(SignedDuration::from_secs(121)).await;
            let statuses = eventually("the event is accepted", 30, || async {
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

/// A cached certificate verifies events without PayPal.
#[tokio::test]
async fn paypal_down_event_accepted_if_verifiable() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let earlier = new_event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-1"}));
        sign(earlier.to_string())
            .await
            .deliver(&client)
            .await
            .expect(200);
        let body = new_event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-2"}));
        let (delivery, id) = (sign(body.to_string()).await, checkout::text(&body["id"]));
        set_fault(Upstream::PayPal, Fault::refuse()).await;
        let response = delivery.deliver(&client).await;
        if variable("PAYPAL_WEBHOOK_VERIFICATION") == "api" {
            response.expect_problem(503, "payment_provider_unavailable");
            response.retry_after();
            assert_eq!(database.event(&id).await, None);
        } else {
            response.expect(200);
        }
        clear_faults(Upstream::PayPal).await;
        delivery.deliver(&client).await.expect(200);
        assert_eq!(wait_until_applied(&database, &id).await, "ignored");
    })
    .await;
}
