//! Events that failed six times, and `POST /api/admin/webhooks/{id}/replay`.

use crate::support::{
    checkout::{self, read_booking},
    client::{Client, Response},
    database::Database,
    environment::{new_uuid, variable},
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::{run_alone, share_system},
    local_system::{advance_clock, deliver_event},
    operator,
    webhook_delivery::{new_event, sign},
    webhook_inbox::{
        drain_inbox, no_events, pay_and_void_at_paypal, run_inbox_cron, wait_for_attempts,
    },
};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

async fn dead_letters(client: &Client, event: &str) -> Vec<Value> {
    let drift = operator::read(client, "/api/admin/payments/drift").await;
    let letters = drift["deadLetters"].as_array().unwrap().iter();
    letters
        .filter(|delivery| delivery["eventId"] == event)
        .cloned()
        .collect()
}

async fn replay(client: &Client, event: &str) -> Response {
    let path = format!("/api/admin/webhooks/{event}/replay");
    let request = client.with_new_address().request(Method::POST, &path);
    Response::to(request.bearer_auth(variable("ADMIN_TOKEN"))).await
}

/// Lets six attempts fail: the first has run, the others follow after their waits.
async fn fail_until_dead(client: &Client, database: &Database, event: &str) {
    for (attempt, minutes) in [(1, 1), (2, 5), (3, 15), (4, 60), (5, 60)] {
        wait_for_attempts(database, event, attempt).await;
        advance_clock(SignedDuration::from_mins(minutes) - SignedDuration::from_secs(30)).await;
        assert_eq!(
            run_inbox_cron(client).await,
            no_events(),
            "before {minutes} minutes"
        );
        advance_clock(SignedDuration::from_secs(31)).await;
        let one_failed = (json!(0), json!(1));
        assert_eq!(
            run_inbox_cron(client).await,
            one_failed,
            "after {minutes} minutes"
        );
    }
    let stored = database.event(event).await.unwrap();
    assert_eq!(
        (&stored["status"], &stored["applied"]),
        (&json!("dead_letter"), &json!(0))
    );
    advance_clock(SignedDuration::from_hours(24)).await;
    assert_eq!(
        run_inbox_cron(client).await,
        no_events(),
        "dead letters are not retried"
    );
}

#[tokio::test]
async fn six_failures_dead_letter_event_until_replayed() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        drain_inbox(&client).await;
        let (paid, event) = pay_and_void_at_paypal(&client).await;
        let down = Fault::refuse().on_path("/v2/checkout/orders/");
        set_fault(Upstream::PayPal, down.clone()).await;
        assert_eq!(deliver_event(&event, 1).await, [200]);
        fail_until_dead(&client, &database, &event).await;
        assert_eq!(
            deliver_event(&event, 1).await,
            [200],
            "PayPal need not redeliver it"
        );
        let letters = dead_letters(&client, &event).await;
        let [delivery] = &letters[..] else {
            panic!("{letters:?}")
        };
        assert_eq!(delivery["eventType"], "PAYMENT.AUTHORIZATION.VOIDED");
        assert_eq!(delivery["resourceId"], json!(paid.authorization));
        assert_eq!(delivery["error"], "unknown");
        assert!(delivery["receivedAt"].is_string(), "{delivery}");

        // PayPal is still down, so the event waits like a new one.
        let response = replay(&client, &event).await.expect(200);
        assert_eq!(
            response,
            json!({"success": true, "eventId": event, "status": "waiting"})
        );
        assert_eq!(dead_letters(&client, &event).await, Vec::<Value>::new());
        assert_eq!(
            replay(&client, &event).await.expect(200)["status"],
            "waiting"
        );
        fail_until_dead(&client, &database, &event).await;
        clear_faults(Upstream::PayPal).await;
        for _ in 0..2 {
            assert_eq!(
                replay(&client, &event).await.expect(200)["status"],
                "processed"
            );
        }
        let status = read_booking(&client, &paid.hold).await["payment"]["status"].clone();
        assert_eq!(status, "voided");
        assert_eq!(database.event(&event).await.unwrap()["applied"], 1);
        assert_eq!(dead_letters(&client, &event).await, Vec::<Value>::new());
        let path = format!("/api/admin/audit?subject={event}&action=webhook.replayed");
        let audited = operator::read(&client, &path).await;
        assert_eq!(audited["pagination"]["total"], 2);
        assert_eq!(audited["entries"][0]["actor"], operator::OPERATOR);
    })
    .await;
}

#[tokio::test]
async fn unknown_event_cannot_be_replayed() {
    let _guard = share_system().await;
    let client = Client::new();
    for event in [format!("WH-{}", new_uuid()), "%20".to_owned()] {
        replay(&client, &event)
            .await
            .expect_problem(404, "event_not_found");
    }
}

/// The payment is another shop's, or our record of it comes later. In the end a person decides.
#[tokio::test]
async fn event_about_unknown_payment_becomes_dead_letter() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        drain_inbox(&client).await;
        let unknown = json!({"id": "5O190127TN364715T"});
        let transactions = json!([{"seller_transaction_id": "X"}]);
        let dispute = json!({"dispute_id": "PP-D-1", "disputed_transactions": transactions});
        for (event_type, resource) in [
            ("CHECKOUT.ORDER.APPROVED", unknown.clone()),
            ("PAYMENT.CAPTURE.COMPLETED", unknown),
            ("CUSTOMER.DISPUTE.CREATED", dispute),
        ] {
            let body = new_event(event_type, &resource);
            let id = checkout::text(&body["id"]);
            sign(body.to_string())
                .await
                .deliver(&client)
                .await
                .expect(200);
            fail_until_dead(&client, &database, &id).await;
            let letters = dead_letters(&client, &id).await;
            assert_eq!(letters.len(), 1);
            assert_eq!(letters[0]["error"], "unknown_payment", "{event_type}");
        }
    })
    .await;
}
