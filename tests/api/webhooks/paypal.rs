//! `POST /api/webhooks/paypal`, which stores each event of PayPal once and applies it.
//!
//! Events that cannot be applied at once are in `retry.rs`.

use crate::support::{
    checkout::{self, PaidBooking, create_paid_booking, read_payment},
    client::Client,
    database::Database,
    environment::variable,
    isolation::{run_alone, share_system},
    local_system::{Forgery, advance_to_next_minute, deliver_event, deliver_forged_event},
    operator::{self, capture_now},
    paypal_dashboard,
    reconciliation::{finding_kinds, reconcile_later},
    webhook_delivery::{self, HEADERS, new_event, sign},
    webhook_inbox::{paypal_event_id, wait_until_applied},
};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn event_records_external_void() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let voided = create_paid_booking(&client, None).await;
    paypal_dashboard::void(&voided.authorization).await;
    let event = paypal_event_id(&voided.order.id, "PAYMENT.AUTHORIZATION.VOIDED").await;
    assert_eq!(deliver_event(&event, 1).await, [200]);
    assert_eq!(wait_until_applied(&database, &event).await, "applied");
    assert_eq!(read_payment(&client, &voided).await["status"], "voided");
}

/// A captured payment whose event of a refund at PayPal is applied.
async fn refund_at_paypal(client: &Client, database: &Database) -> PaidBooking {
    let paid = create_paid_booking(client, None).await;
    capture_now(client, &paid).await;
    let capture = checkout::text(&read_payment(client, &paid).await["captureId"]);
    paypal_dashboard::refund(&capture, "5.00", &paid.hold.currency).await;
    let event = paypal_event_id(&paid.order.id, "PAYMENT.CAPTURE.REFUNDED").await;
    assert_eq!(deliver_event(&event, 1).await, [200]);
    assert_eq!(wait_until_applied(database, &event).await, "applied");
    paid
}

#[tokio::test]
async fn event_records_external_refund() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = refund_at_paypal(&client, &database).await;
    let shown = read_payment(&client, &paid).await;
    assert_eq!(
        (&shown["status"], &shown["refundedAmount"]),
        (&json!("partially_refunded"), &json!("5.00"))
    );
}

/// The database already has the results of our own requests.
#[tokio::test]
async fn events_of_own_requests_change_nothing() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = refund_at_paypal(&client, &database).await;
    let shown = read_payment(&client, &paid).await;
    for event_type in ["PAYMENT.AUTHORIZATION.CREATED", "PAYMENT.CAPTURE.COMPLETED"] {
        let event = paypal_event_id(&paid.order.id, event_type).await;
        assert_eq!(deliver_event(&event, 1).await, [200]);
        assert_eq!(wait_until_applied(&database, &event).await, "nothing_new");
    }
    assert_eq!(read_payment(&client, &paid).await, shown);
}

#[tokio::test]
async fn repeated_deliveries_apply_event_once() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = create_paid_booking(&client, None).await;
    paypal_dashboard::void(&paid.authorization).await;
    let event = paypal_event_id(&paid.order.id, "PAYMENT.AUTHORIZATION.VOIDED").await;
    assert_eq!(deliver_event(&event, 5).await, [200; 5]);
    assert_eq!(wait_until_applied(&database, &event).await, "applied");
    assert_eq!(deliver_event(&event, 2).await, [200; 2]);
    let stored = database.event(&event).await.unwrap();
    assert_eq!(
        stored,
        json!({"status": "processed", "result": "applied", "attempts": null, "applied": 1})
    );
    let audited = operator::audit_entries_for_action(&client, paid.hold.id, "payment.voided").await;
    assert_eq!(audited.len(), 1);
}

#[tokio::test]
async fn forged_event_is_refused_and_not_stored() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = create_paid_booking(&client, None).await;
    paypal_dashboard::void(&paid.authorization).await;
    let event = paypal_event_id(&paid.order.id, "PAYMENT.AUTHORIZATION.VOIDED").await;
    for forgery in [
        Forgery::Body,
        Forgery::Signature,
        Forgery::CertUrl,
        Forgery::WebhookId,
    ] {
        assert_eq!(
            deliver_forged_event(&event, forgery).await,
            [401],
            "{forgery:?}"
        );
        assert_eq!(database.event(&event).await, None, "{forgery:?}");
    }
    assert_eq!(read_payment(&client, &paid).await["status"], "authorized");
    assert_eq!(deliver_event(&event, 1).await, [200]);
    assert_eq!(wait_until_applied(&database, &event).await, "applied");
}

#[tokio::test]
async fn invalid_signature_headers_are_refused() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let body = new_event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-1"}));
    let delivery = sign(body.to_string()).await;
    let mut deliveries = vec![
        delivery
            .clone()
            .without_header("paypal-transmission-time")
            .with_header("paypal-transmission-time", "yesterday"),
        delivery
            .clone()
            .without_header("paypal-transmission-sig")
            .with_header("paypal-transmission-sig", "!"),
        delivery
            .clone()
            .without_header("paypal-auth-algo")
            .with_header("paypal-auth-algo", "none"),
        delivery
            .clone()
            .without_header("paypal-transmission-id")
            .with_header("paypal-transmission-id", "another"),
    ];
    for name in HEADERS {
        deliveries.push(delivery.clone().without_header(name));
        deliveries.push(delivery.clone().with_header(name, delivery.header(name)));
        deliveries.push(delivery.clone().without_header(name).with_header(name, ""));
    }
    for delivery in &deliveries {
        delivery
            .deliver(&client)
            .await
            .expect_problem(401, "unauthenticated");
    }
    let id = checkout::text(&body["id"]);
    assert_eq!(database.event(&id).await, None);
    let response = delivery.deliver(&client).await;
    assert_eq!(
        response.expect(200),
        json!({"success": true, "eventId": id})
    );
    assert_eq!(response.header("x-ratelimit-limit"), "100");
}

#[tokio::test]
async fn signed_body_without_event_is_malformed() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let before = "SELECT count(*) FROM webhook_events WHERE event_type IN ('', 'X')";
    for body in [
        "{}",
        r#"{"id":"","event_type":"X"}"#,
        r#"{"id":"WH 1","event_type":"X"}"#,
        r#"{"id":"WH-1","event_type":""}"#,
        r#"{"id":7,"event_type":"X"}"#,
        r#"{"id":"WH-1"}"#,
    ] {
        let response = sign(body).await.deliver(&client).await;
        response.expect_problem(400, "malformed_json");
    }
    // PayPal's API verifies only JSON, so such a body counts as unsigned there.
    let is_verified_by_api = variable("PAYPAL_WEBHOOK_VERIFICATION") == "api";
    for body in [&b""[..], b"{", b"\xff\xfe"] {
        let response = sign(body).await.deliver(&client).await;
        if is_verified_by_api {
            response.expect_problem(401, "unauthenticated");
        } else {
            response.expect_problem(400, "malformed_json");
        }
    }
    let large = new_event("X", &json!({"id": "x".repeat(64 * 1024)}));
    sign(large.to_string())
        .await
        .deliver(&client)
        .await
        .expect_problem(413, "payload_too_large");
    assert_eq!(database.number(before, &[]).await, 0);
}

#[tokio::test]
async fn other_event_types_are_stored_and_ignored() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let body = new_event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-1"}));
    sign(body.to_string())
        .await
        .deliver(&client)
        .await
        .expect(200);
    let id = checkout::text(&body["id"]);
    assert_eq!(wait_until_applied(&database, &id).await, "ignored");
    let sql = "SELECT count(*) FROM webhook_events
               WHERE event_id = $1 AND raw_body = convert_to($2, 'UTF8')
               AND resource_id = 'CARD-1' AND event_type = 'VAULT.CREDIT-CARD.CREATED'";
    let count = database.number(sql, &[&id, &body.to_string()]).await;
    assert_eq!(count, 1, "the stored body has the same bytes");
}

#[tokio::test]
async fn dispute_is_reported_as_drift() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_paid_booking(&client, None).await;
        capture_now(&client, &paid).await;
        let capture = read_payment(&client, &paid).await["captureId"].clone();
        let transactions = json!([{"seller_transaction_id": capture}]);
        let dispute = json!({"dispute_id": "PP-D-4012", "disputed_transactions": transactions});
        let body = new_event("CUSTOMER.DISPUTE.CREATED", &dispute);
        sign(body.to_string())
            .await
            .deliver(&client)
            .await
            .expect(200);
        let id = checkout::text(&body["id"]);
        assert_eq!(wait_until_applied(&database, &id).await, "reported");
        let drift = operator::read(&client, "/api/admin/payments/drift").await;
        assert_eq!(finding_kinds(&drift, paid.hold.id), ["disputed"]);
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, paid.hold.id), ["disputed"]);
    })
    .await;
}

#[tokio::test]
async fn events_are_limited_to_hundred_per_minute() {
    run_alone(async {
        let client = Client::new();
        // All requests fall into one window, however slow the machine is.
        advance_to_next_minute().await;
        // Five at a time: a burst of a hundred may keep Redis busy longer than visitors wait.
        for _ in 0..20 {
            let request = || async { client.post(webhook_delivery::PATH, &json!({})).await };
            for response in join_all((0..5).map(|_| request())).await {
                response.expect_problem(401, "unauthenticated");
            }
        }
        let limited = client.post(webhook_delivery::PATH, &json!({})).await;
        limited.expect_problem(429, "rate_limited");
        limited.retry_after();
    })
    .await;
}
