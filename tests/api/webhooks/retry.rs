//! `GET /api/webhooks/retry`, which applies waiting events. Dead letters are in `dead_letters.rs`.

use crate::support::{
    checkout::{self, read_booking, request_authorization},
    client::Client,
    database::Database,
    environment::variable,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock, deliver_event, eventually},
    paypal::{self, exchanges_about},
    rental::Rental,
    webhook_inbox::{
        RETRY_PATH, drain_inbox, no_events, pay_and_void_at_paypal, paypal_event_id,
        run_inbox_cron, wait_for_attempts, wait_until_applied,
    },
};
use futures_util::future::join;
use jiff::SignedDuration;
use serde_json::json;

#[tokio::test]
async fn without_secret_cron_applies_nothing() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let (paid, event) = pay_and_void_at_paypal(&client).await;
        set_fault(
            Upstream::PayPal,
            Fault::refuse().on_path("/v2/checkout/orders/"),
        )
        .await;
        assert_eq!(deliver_event(&event, 1).await, [200]);
        wait_for_attempts(&database, &event, 1).await;
        clear_faults(Upstream::PayPal).await;
        advance_clock(SignedDuration::from_secs(61)).await;
        let response = client.get(RETRY_PATH).await.expect(200);
        assert_eq!(
            (&response["applied"], &response["failed"]),
            (&json!(0), &json!(0))
        );
        for token in [variable("ADMIN_TOKEN"), variable("CRON_SECRET") + "x"] {
            client
                .get_as(&token, RETRY_PATH)
                .await
                .expect_problem(401, "unauthenticated");
        }
        let status = read_booking(&client, &paid.hold).await["payment"]["status"].clone();
        assert_eq!(status, "authorized");

        let (applied, failed) = run_inbox_cron(&client).await;
        let status = read_booking(&client, &paid.hold).await["payment"]["status"].clone();
        assert_eq!(status, "voided");
        let last = client.get(RETRY_PATH).await.expect(200)["lastRun"].clone();
        assert_eq!(last["name"], "webhooks-retry");
        assert_eq!((&last["processed"], &last["failed"]), (&applied, &failed));
        assert!(last["finishedAt"].is_string(), "{last}");
    })
    .await;
}

#[tokio::test]
async fn event_waits_for_paypal_then_is_applied() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        drain_inbox(&client).await;
        let (paid, event) = pay_and_void_at_paypal(&client).await;
        set_fault(
            Upstream::PayPal,
            Fault::refuse().on_path("/v2/checkout/orders/"),
        )
        .await;
        assert_eq!(
            deliver_event(&event, 1).await,
            [200],
            "a stored event is accepted"
        );
        wait_for_attempts(&database, &event, 1).await;
        assert_eq!(
            run_inbox_cron(&client).await,
            no_events(),
            "the first wait is a minute"
        );
        advance_clock(SignedDuration::from_secs(61)).await;
        assert_eq!(run_inbox_cron(&client).await, (json!(0), json!(1)));
        clear_faults(Upstream::PayPal).await;
        advance_clock(SignedDuration::from_mins(4)).await;
        assert_eq!(
            run_inbox_cron(&client).await,
            no_events(),
            "the second wait is five minutes"
        );
        advance_clock(SignedDuration::from_mins(2)).await;
        assert_eq!(run_inbox_cron(&client).await, (json!(1), json!(0)));
        assert_eq!(
            database.event(&event).await.unwrap(),
            json!({"status": "processed", "result": "applied", "attempts": null, "applied": 1})
        );
        let status = read_booking(&client, &paid.hold).await["payment"]["status"].clone();
        assert_eq!(status, "voided");
    })
    .await;
}

/// The lost record leaves a claim that expires.
#[tokio::test]
async fn unrecorded_outcome_applies_event_once() {
    for fault in [Fault::refuse(), Fault::drop_response()] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            drain_inbox(&client).await;
            let (paid, event) = pay_and_void_at_paypal(&client).await;
            set_fault(
                Upstream::Database,
                fault.on_path("rpc/record_webhook_result").times(1),
            )
            .await;
            assert_eq!(deliver_event(&event, 1).await, [200]);
            eventually("the payment is voided", 10, || async {
                let payment = read_booking(&client, &paid.hold).await["payment"].clone();
                (payment["status"] == "voided").then_some(())
            })
            .await;
            if fault == Fault::drop_response() {
                assert_eq!(wait_until_applied(&database, &event).await, "applied");
            }
            advance_clock(SignedDuration::from_secs(121)).await;
            let applied = i32::from(fault == Fault::refuse());
            assert_eq!(run_inbox_cron(&client).await, (json!(applied), json!(0)));
            let stored = database.event(&event).await.unwrap();
            assert_eq!(
                (&stored["status"], &stored["applied"]),
                (&json!("processed"), &json!(1))
            );
        })
        .await;
    }
}

#[tokio::test]
async fn booking_confirmed_without_payers_browser() {
    for by_cron in [true, false] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = checkout::create_order(&client, &hold, None).await;
            paypal::approve(&order.approve_url).await;
            let event = paypal_event_id(&order.id, "CHECKOUT.ORDER.APPROVED").await;
            assert_eq!(deliver_event(&event, 1).await, [200]);
            wait_for_attempts(&database, &event, 1).await;
            assert_eq!(
                read_booking(&client, &hold).await["status"],
                "pending_payment",
                "the browser has a minute to authorize"
            );
            advance_clock(SignedDuration::from_secs(61)).await;
            if by_cron {
                run_inbox_cron(&client).await;
            } else {
                assert_eq!(deliver_event(&event, 1).await, [200]);
            }
            assert_eq!(wait_until_applied(&database, &event).await, "applied");
            let booking = read_booking(&client, &hold).await;
            assert_eq!(booking["status"], "upcoming");
            assert_eq!(booking["payment"]["status"], "authorized");
            // A late browser gets the same result.
            let response = request_authorization(&client, &order).await.expect(200);
            assert_eq!(
                response["authorizationId"],
                booking["payment"]["authorizationId"]
            );
        })
        .await;
    }
}

#[tokio::test]
async fn browser_and_event_authorize_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        let event = paypal_event_id(&order.id, "CHECKOUT.ORDER.APPROVED").await;
        assert_eq!(deliver_event(&event, 1).await, [200]);
        wait_for_attempts(&database, &event, 1).await;
        advance_clock(SignedDuration::from_secs(61)).await;
        let (response, _) = join(
            request_authorization(&client, &order),
            run_inbox_cron(&client),
        )
        .await;
        if response.status != 200 {
            response.expect_problem(409, "payment_in_progress");
        }
        advance_clock(SignedDuration::from_mins(6)).await;
        run_inbox_cron(&client).await;
        wait_until_applied(&database, &event).await;
        request_authorization(&client, &order).await.expect(200);
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.authorize"), 1);
        assert_eq!(read_booking(&client, &hold).await["status"], "upcoming");
    })
    .await;
}
