//! `GET /api/webhooks/retry`: events that could not be applied at once. What is given up is in `dead_letters.rs`.

use crate::support::{
    checkout::{self, ask_to_authorize, read_back},
    client::Client,
    database::Database,
    environment::variable,
    isolation::alone,
    local_system::{deliver, eventually, fault, no_faults, pass},
    paypal::{self, exchanges_about},
    rental::Rental,
    webhook_inbox::{
        RETRY, applied, empty_inbox, event_of, none, tried, voided_elsewhere, work_inbox,
    },
};
use futures_util::future::join;
use jiff::SignedDuration;
use serde_json::json;

#[tokio::test]
async fn without_the_secret_nothing_is_applied() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let (paid, event) = voided_elsewhere(&client).await;
        fault(
            "paypal",
            json!({"kind": "refuse", "path": "/v2/checkout/orders/"}),
        )
        .await;
        assert_eq!(deliver(&event, 1).await, [200]);
        tried(&database, &event, 1).await;
        no_faults("paypal").await;
        pass(SignedDuration::from_secs(61)).await;
        let answer = client.get(RETRY).await.expect(200);
        assert_eq!(
            (&answer["applied"], &answer["failed"]),
            (&json!(0), &json!(0))
        );
        for token in [variable("ADMIN_TOKEN"), variable("CRON_SECRET") + "x"] {
            client
                .get_as(&token, RETRY)
                .await
                .problem(401, "unauthenticated");
        }
        let status = read_back(&client, &paid.hold).await["payment"]["status"].clone();
        assert_eq!(status, "authorized");

        let (applied, failed) = work_inbox(&client).await;
        let status = read_back(&client, &paid.hold).await["payment"]["status"].clone();
        assert_eq!(status, "voided");
        let last = client.get(RETRY).await.expect(200)["lastRun"].clone();
        assert_eq!(last["name"], "webhooks-retry");
        assert_eq!((&last["processed"], &last["failed"]), (&applied, &failed));
        assert!(last["finishedAt"].is_string(), "{last}");
    })
    .await;
}

#[tokio::test]
async fn while_paypal_is_down_an_event_waits_ever_longer_and_is_applied() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        empty_inbox(&client).await;
        let (paid, event) = voided_elsewhere(&client).await;
        fault(
            "paypal",
            json!({"kind": "refuse", "path": "/v2/checkout/orders/"}),
        )
        .await;
        assert_eq!(
            deliver(&event, 1).await,
            [200],
            "it is kept, that is enough"
        );
        tried(&database, &event, 1).await;
        assert_eq!(work_inbox(&client).await, none(), "not before a minute");
        pass(SignedDuration::from_secs(61)).await;
        assert_eq!(work_inbox(&client).await, (json!(0), json!(1)));
        no_faults("paypal").await;
        pass(SignedDuration::from_mins(4)).await;
        assert_eq!(
            work_inbox(&client).await,
            none(),
            "not before five minutes more"
        );
        pass(SignedDuration::from_mins(2)).await;
        assert_eq!(work_inbox(&client).await, (json!(1), json!(0)));
        assert_eq!(
            database.event(&event).await.unwrap(),
            json!({"status": "processed", "result": "applied", "attempts": null, "applied": 1})
        );
        let status = read_back(&client, &paid.hold).await["payment"]["status"].clone();
        assert_eq!(status, "voided");
    })
    .await;
}

/// A worker that is cut off leaves a lease, which lapses.
#[tokio::test]
async fn an_event_whose_outcome_was_not_noted_is_applied_again_without_harm() {
    for trouble in ["refuse", "drop_answer"] {
        alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            empty_inbox(&client).await;
            let (paid, event) = voided_elsewhere(&client).await;
            fault(
                "database",
                json!({"kind": trouble, "path": "rpc/record_webhook_result", "times": 1}),
            )
            .await;
            assert_eq!(deliver(&event, 1).await, [200]);
            eventually("it was applied", 10, || async {
                let payment = read_back(&client, &paid.hold).await["payment"].clone();
                (payment["status"] == "voided").then_some(())
            })
            .await;
            if trouble == "drop_answer" {
                assert_eq!(applied(&database, &event).await, "applied");
            }
            pass(SignedDuration::from_secs(121)).await;
            let again = i32::from(trouble == "refuse");
            assert_eq!(work_inbox(&client).await, (json!(again), json!(0)));
            let kept = database.event(&event).await.unwrap();
            assert_eq!(
                (&kept["status"], &kept["applied"]),
                (&json!("processed"), &json!(1))
            );
        })
        .await;
    }
}

#[tokio::test]
async fn a_payer_whose_browser_never_comes_back_has_booked_all_the_same() {
    for by_cron in [true, false] {
        alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = checkout::order(&client, &hold, None).await;
            paypal::approve(&order.approve_url).await;
            let event = event_of(&order.id, "CHECKOUT.ORDER.APPROVED").await;
            assert_eq!(deliver(&event, 1).await, [200]);
            tried(&database, &event, 1).await;
            assert_eq!(
                read_back(&client, &hold).await["status"],
                "pending_payment",
                "for a minute it is left to the browser"
            );
            pass(SignedDuration::from_secs(61)).await;
            if by_cron {
                work_inbox(&client).await;
            } else {
                assert_eq!(deliver(&event, 1).await, [200]);
            }
            assert_eq!(applied(&database, &event).await, "applied");
            let booking = read_back(&client, &hold).await;
            assert_eq!(booking["status"], "upcoming");
            assert_eq!(booking["payment"]["status"], "authorized");
            // And if it comes back after all:
            let answer = ask_to_authorize(&client, &order).await.expect(200);
            assert_eq!(
                answer["authorizationId"],
                booking["payment"]["authorizationId"]
            );
        })
        .await;
    }
}

#[tokio::test]
async fn the_browser_and_the_event_authorize_once() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::approved_order(&client, &hold, None).await;
        let event = event_of(&order.id, "CHECKOUT.ORDER.APPROVED").await;
        assert_eq!(deliver(&event, 1).await, [200]);
        tried(&database, &event, 1).await;
        pass(SignedDuration::from_secs(61)).await;
        let (answer, _) = join(ask_to_authorize(&client, &order), work_inbox(&client)).await;
        if answer.status != 200 {
            answer.problem(409, "payment_in_progress");
        }
        pass(SignedDuration::from_mins(6)).await;
        work_inbox(&client).await;
        applied(&database, &event).await;
        ask_to_authorize(&client, &order).await.expect(200);
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.authorize"), 1);
        assert_eq!(read_back(&client, &hold).await["status"], "upcoming");
    })
    .await;
}
