//! Disputes: `CUSTOMER.DISPUTE.CREATED`, `UPDATED` and `RESOLVED`, in any order.

use crate::support::{
    capture_cron::run_cron,
    checkout::{PaidBooking, cancel, create_paid_booking, read_booking, read_payment},
    client::Client,
    database::Database,
    environment::new_uuid,
    isolation::run_alone,
    local_system::advance_clock,
    operator::{self, capture_now, post_action_with_key},
    paypal::exchanges_about,
    paypal_behaviour::{reset_behaviours, set_behaviour},
    reconciliation::{finding_kinds, reconcile_later},
    webhook_delivery::{new_event, sign},
    webhook_inbox::{run_inbox_cron, wait_until_applied},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

async fn captured_booking(client: &Client) -> (PaidBooking, Value) {
    let paid = create_paid_booking(client, None).await;
    capture_now(client, &paid).await;
    let capture = read_payment(client, &paid).await["captureId"].clone();
    (paid, capture)
}

/// Delivers an event about a dispute, and waits until it is reported.
async fn report(client: &Client, event_type: &str, dispute: &str, capture: &Value) {
    let mut resource = json!({
        "dispute_id": dispute,
        "disputed_transactions": [{"seller_transaction_id": capture}],
        "status": "UNDER_REVIEW",
    });
    if event_type.ends_with("RESOLVED") {
        resource["status"] = json!("RESOLVED");
        resource["dispute_outcome"] = json!({"outcome_code": "RESOLVED_SELLER_FAVOUR"});
    }
    let body = new_event(event_type, &resource);
    sign(body.to_string())
        .await
        .deliver(client)
        .await
        .expect(200);
    let id = body["id"].as_str().unwrap();
    let database = Database::open().await;
    assert_eq!(wait_until_applied(&database, id).await, "reported");
}

async fn open_kinds(client: &Client, paid: &PaidBooking) -> Vec<Value> {
    let drift = operator::read(client, "/api/admin/payments/drift").await;
    finding_kinds(&drift, paid.hold.id)
}

#[tokio::test]
async fn finding_ends_when_dispute_is_resolved() {
    run_alone(async {
        let client = Client::new();
        let (paid, capture) = captured_booking(&client).await;
        let dispute = format!("PP-D-{}", new_uuid());
        for event_type in ["CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.UPDATED"] {
            report(&client, event_type, &dispute, &capture).await;
            assert_eq!(open_kinds(&client, &paid).await, ["disputed"]);
        }
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, paid.hold.id), ["disputed"]);
        report(&client, "CUSTOMER.DISPUTE.RESOLVED", &dispute, &capture).await;
        assert_eq!(open_kinds(&client, &paid).await, Vec::<Value>::new());
        let entries =
            operator::audit_entries_for_action(&client, paid.hold.id, "dispute.resolved").await;
        let outcomes: Vec<&Value> = entries
            .iter()
            .map(|entry| &entry["detail"]["outcome"])
            .collect();
        assert_eq!(outcomes, ["RESOLVED_SELLER_FAVOUR"]);
    })
    .await;
}

#[tokio::test]
async fn late_creation_does_not_open_resolved_dispute() {
    run_alone(async {
        let client = Client::new();
        let (paid, capture) = captured_booking(&client).await;
        let dispute = format!("PP-D-{}", new_uuid());
        for event_type in [
            "CUSTOMER.DISPUTE.RESOLVED",
            "CUSTOMER.DISPUTE.CREATED",
            "CUSTOMER.DISPUTE.UPDATED",
        ] {
            report(&client, event_type, &dispute, &capture).await;
            assert_eq!(open_kinds(&client, &paid).await, Vec::<Value>::new());
        }
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, paid.hold.id), Vec::<Value>::new());
        // Another dispute is another finding.
        let other = format!("PP-D-{}", new_uuid());
        report(&client, "CUSTOMER.DISPUTE.CREATED", &other, &capture).await;
        assert_eq!(open_kinds(&client, &paid).await, ["disputed"]);
    })
    .await;
}

async fn refund_attempts(paid: &PaidBooking) -> usize {
    let database = Database::open().await;
    let exchanges = exchanges_about(&database, paid.hold.id).await;
    exchanges.of("captures.refund").len()
}

/// PayPal refuses refunds of a disputed payment. Customer and operator read it, and the end of the
/// dispute makes the refund due.
#[tokio::test]
async fn refund_waits_for_end_of_dispute() {
    for by_customer in [true, false] {
        run_alone(async move {
            let client = Client::new();
            let (paid, capture) = captured_booking(&client).await;
            let dispute = format!("PP-D-{}", new_uuid());
            report(&client, "CUSTOMER.DISPUTE.CREATED", &dispute, &capture).await;
            set_behaviour(&json!({
                "kind": "decline", "operation": "captures.refund", "order": paid.order.id, "issue": "TRANSACTION_DISPUTED",
            }))
            .await;
            if by_customer {
                let refund = cancel(&client, &paid.hold).await;
                let waiting = (&json!("pending"), &json!("TRANSACTION_DISPUTED"));
                assert_eq!((&refund["status"], &refund["failureCode"]), waiting);
                let shown = read_booking(&client, &paid.hold).await["cancellation"]["refund"].clone();
                assert_eq!((&shown["status"], &shown["failureCode"]), waiting);
            } else {
                let body = json!({"amount": "10.00"});
                let refund = post_action_with_key(&client, paid.hold.id, "refund", "half", &body).await.expect(200);
                assert_eq!(
                    (&refund["status"], &refund["failureCode"]),
                    (&json!("pending"), &json!("TRANSACTION_DISPUTED"))
                );
            }
            let mut kinds = open_kinds(&client, &paid).await;
            kinds.sort_by_key(ToString::to_string);
            assert_eq!(kinds, ["disputed", "refund_delayed"]);
            for _ in 0..8 {
                advance_clock(SignedDuration::from_hours(2)).await;
                run_cron(&client).await;
            }
            assert_eq!(refund_attempts(&paid).await, 1, "it waits");
            let run = reconcile_later(&client).await;
            assert_eq!(finding_kinds(&run, paid.hold.id).len(), 2);
            reset_behaviours().await;
            report(&client, "CUSTOMER.DISPUTE.RESOLVED", &dispute, &capture).await;
            run_cron(&client).await;
            assert_eq!(refund_attempts(&paid).await, 2);
            let status = if by_customer { "refunded" } else { "partially_refunded" };
            assert_eq!(read_payment(&client, &paid).await["status"], status);
            reconcile_later(&client).await;
            assert_eq!(open_kinds(&client, &paid).await, Vec::<Value>::new());
        })
        .await;
    }
}

#[tokio::test]
async fn dispute_about_unknown_transaction_becomes_dead_letter() {
    run_alone(async {
        let client = Client::new();
        let database = Database::open().await;
        let resource = json!({
            "dispute_id": "PP-D-UNKNOWN",
            "disputed_transactions": [{"seller_transaction_id": "UNKNOWN"}],
        });
        let body = new_event("CUSTOMER.DISPUTE.CREATED", &resource);
        sign(body.to_string())
            .await
            .deliver(&client)
            .await
            .expect(200);
        for _ in 0..6 {
            advance_clock(SignedDuration::from_mins(61)).await;
            run_inbox_cron(&client).await;
        }
        let stored = database.event(body["id"].as_str().unwrap()).await.unwrap();
        assert_eq!(
            (&stored["status"], &stored["result"]),
            (&json!("dead_letter"), &json!("unknown_payment"))
        );
    })
    .await;
}
