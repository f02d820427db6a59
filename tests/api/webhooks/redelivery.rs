//! Events that come in another order, or while something is down: PayPal repeats them, and none is lost.

use crate::support::{
    checkout::{self, payment, read_back},
    client::Client,
    database::Database,
    environment::variable,
    isolation::alone,
    local_system::{deliver, eventually, fault, no_faults, pass, start, stop},
    paypal::exchanges_about,
    paypal_dashboard,
    rental::Rental,
    webhook_delivery::{event, signed},
    webhook_inbox::{applied, event_of, voided_elsewhere, work_inbox},
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
        alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let paypal_order = checkout::approved_order(&client, &hold, None).await;
            let authorization = paypal_dashboard::authorize(&paypal_order.id).await;
            let capture = paypal_dashboard::capture(&authorization, &hold.price, &hold.currency).await;
            for place in order {
                let event = event_of(&paypal_order.id, types[place]).await;
                assert_eq!(deliver(&event, 1).await, [200]);
                eventually("the event was tried", 10, || async {
                    let kept = database.event(&event).await.unwrap();
                    let is_over = kept["status"] == "processed"
                        || database.number("SELECT count(*) FROM webhook_retries WHERE event_id = $1 AND last_error IS NOT NULL", &[&event]).await == 1;
                    is_over.then_some(())
                })
                .await;
            }
            // The approval leaves a minute to the payer's browser.
            pass(SignedDuration::from_secs(61)).await;
            work_inbox(&client).await;
            for event_type in types {
                let event = event_of(&paypal_order.id, event_type).await;
                applied(&database, &event).await;
            }
            let booking = read_back(&client, &hold).await;
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
        alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let (paid, event) = voided_elsewhere(&client).await;
            if trouble == "stop" {
                stop("postgres").await;
            } else {
                let about = json!({"kind": trouble, "path": "rpc/store_webhook_event"});
                fault("database", about).await;
            }
            assert_eq!(deliver(&event, 1).await, [503], "{trouble}");
            let database = if trouble == "stop" {
                start("postgres").await;
                Database::open().await
            } else {
                no_faults("database").await;
                database
            };
            let is_stored = database.event(&event).await.is_some();
            assert_eq!(is_stored, trouble == "drop_answer");
            // Whoever stored it may still be at work, as far as the database knows.
            pass(SignedDuration::from_secs(121)).await;
            let statuses = eventually("the event is taken", 30, || async {
                let statuses = deliver(&event, 1).await;
                (statuses != [503]).then_some(statuses)
            })
            .await;
            assert_eq!(statuses, [200]);
            assert_eq!(applied(&database, &event).await, "applied");
            assert_eq!(payment(&client, &paid).await["status"], "voided");
            assert_eq!(database.event(&event).await.unwrap()["applied"], 1);
        })
        .await;
    }
}

/// A certificate that was fetched before needs no PayPal.
#[tokio::test]
async fn without_paypal_an_event_is_taken_where_it_can_be_verified() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let known = event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-1"}));
        signed(known.to_string())
            .await
            .deliver(&client)
            .await
            .expect(200);
        let body = event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-2"}));
        let (letter, id) = (signed(body.to_string()).await, checkout::text(&body["id"]));
        fault("paypal", json!({"kind": "refuse"})).await;
        let answer = letter.deliver(&client).await;
        if variable("PAYPAL_WEBHOOK_VERIFICATION") == "api" {
            answer.problem(503, "payment_provider_unavailable");
            answer.retry_after();
            assert_eq!(database.event(&id).await, None);
        } else {
            answer.expect(200);
        }
        no_faults("paypal").await;
        letter.deliver(&client).await.expect(200);
        assert_eq!(applied(&database, &id).await, "ignored");
    })
    .await;
}
