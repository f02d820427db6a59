//! `POST /api/webhooks/paypal`: what PayPal reports is taken in once, and applied. Events that cannot be applied at once are
//! in `retry.rs`.

use crate::support::{
    checkout::{self, paid, payment},
    client::Client,
    database::Database,
    environment::variable,
    isolation::{alone, together},
    local_system::{deliver, deliver_forged},
    operator::{self, captured_now},
    paypal_dashboard,
    reconciliation::{found, reconcile_later},
    webhook_delivery::{self, HEADERS, event, signed},
    webhook_inbox::{applied, event_of},
};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn what_happened_at_paypal_is_learnt_from_its_events() {
    let _turn = together().await;
    let (client, database) = (Client::new(), Database::open().await);
    let voided = paid(&client, None).await;
    paypal_dashboard::void(&voided.authorization).await;
    let event = event_of(&voided.order.id, "PAYMENT.AUTHORIZATION.VOIDED").await;
    assert_eq!(deliver(&event, 1).await, [200]);
    assert_eq!(applied(&database, &event).await, "applied");
    assert_eq!(payment(&client, &voided).await["status"], "voided");

    let refunded = paid(&client, None).await;
    captured_now(&client, &refunded).await;
    let capture = checkout::text(&payment(&client, &refunded).await["captureId"]);
    paypal_dashboard::refund(&capture, "5.00", &refunded.hold.currency).await;
    let event = event_of(&refunded.order.id, "PAYMENT.CAPTURE.REFUNDED").await;
    assert_eq!(deliver(&event, 1).await, [200]);
    assert_eq!(applied(&database, &event).await, "applied");
    let shown = payment(&client, &refunded).await;
    assert_eq!(
        (&shown["status"], &shown["refundedAmount"]),
        (&json!("partially_refunded"), &json!("5.00"))
    );
    // What we did ourselves is no news.
    for event_type in ["PAYMENT.AUTHORIZATION.CREATED", "PAYMENT.CAPTURE.COMPLETED"] {
        let event = event_of(&refunded.order.id, event_type).await;
        assert_eq!(deliver(&event, 1).await, [200]);
        assert_eq!(applied(&database, &event).await, "nothing_new");
    }
    assert_eq!(payment(&client, &refunded).await, shown);
}

#[tokio::test]
async fn an_event_that_comes_five_times_at_once_and_again_is_applied_once() {
    let _turn = together().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = paid(&client, None).await;
    paypal_dashboard::void(&paid.authorization).await;
    let event = event_of(&paid.order.id, "PAYMENT.AUTHORIZATION.VOIDED").await;
    assert_eq!(deliver(&event, 5).await, [200; 5]);
    assert_eq!(applied(&database, &event).await, "applied");
    assert_eq!(deliver(&event, 2).await, [200; 2]);
    let kept = database.event(&event).await.unwrap();
    assert_eq!(
        kept,
        json!({"status": "processed", "result": "applied", "attempts": null, "applied": 1})
    );
    let audited = operator::audited(&client, paid.hold.id, "payment.voided").await;
    assert_eq!(audited.len(), 1);
}

#[tokio::test]
async fn a_forged_event_is_refused_and_not_stored() {
    let _turn = together().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = paid(&client, None).await;
    paypal_dashboard::void(&paid.authorization).await;
    let event = event_of(&paid.order.id, "PAYMENT.AUTHORIZATION.VOIDED").await;
    for tamper in ["body", "signature", "certUrl", "webhookId"] {
        assert_eq!(deliver_forged(&event, tamper).await, [401], "{tamper}");
        assert_eq!(database.event(&event).await, None, "{tamper}");
    }
    assert_eq!(payment(&client, &paid).await["status"], "authorized");
    assert_eq!(deliver(&event, 1).await, [200]);
    assert_eq!(applied(&database, &event).await, "applied");
}

#[tokio::test]
async fn a_header_that_is_missing_doubled_or_odd_is_not_paypals() {
    let _turn = together().await;
    let (client, database) = (Client::new(), Database::open().await);
    let body = event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-1"}));
    let letter = signed(body.to_string()).await;
    let mut letters = vec![
        letter
            .clone()
            .without("paypal-transmission-time")
            .with("paypal-transmission-time", "yesterday"),
        letter
            .clone()
            .without("paypal-transmission-sig")
            .with("paypal-transmission-sig", "!"),
        letter
            .clone()
            .without("paypal-auth-algo")
            .with("paypal-auth-algo", "none"),
        letter
            .clone()
            .without("paypal-transmission-id")
            .with("paypal-transmission-id", "another"),
    ];
    for name in HEADERS {
        letters.push(letter.clone().without(name));
        letters.push(letter.clone().with(name, letter.header(name)));
        letters.push(letter.clone().without(name).with(name, ""));
    }
    for letter in &letters {
        letter
            .deliver(&client)
            .await
            .problem(401, "unauthenticated");
    }
    let id = checkout::text(&body["id"]);
    assert_eq!(database.event(&id).await, None);
    let answer = letter.deliver(&client).await;
    assert_eq!(answer.expect(200), json!({"success": true, "eventId": id}));
    assert_eq!(answer.header("x-ratelimit-limit"), "100");
}

#[tokio::test]
async fn a_signed_body_that_is_no_event_is_malformed() {
    let _turn = together().await;
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
        let answer = signed(body).await.deliver(&client).await;
        answer.problem(400, "malformed_json");
    }
    // PayPal itself is not asked about what is no JSON.
    let is_asked = variable("PAYPAL_WEBHOOK_VERIFICATION") == "api";
    for body in [&b""[..], b"{", b"\xff\xfe"] {
        let answer = signed(body).await.deliver(&client).await;
        if is_asked {
            answer.problem(401, "unauthenticated");
        } else {
            answer.problem(400, "malformed_json");
        }
    }
    let large = event("X", &json!({"id": "x".repeat(64 * 1024)}));
    signed(large.to_string())
        .await
        .deliver(&client)
        .await
        .problem(413, "payload_too_large");
    assert_eq!(database.number(before, &[]).await, 0);
}

/// Whatever is not about money is kept, and changes nothing.
#[tokio::test]
async fn an_event_of_another_kind_is_kept_and_ignored() {
    let _turn = together().await;
    let (client, database) = (Client::new(), Database::open().await);
    let body = event("VAULT.CREDIT-CARD.CREATED", &json!({"id": "CARD-1"}));
    signed(body.to_string())
        .await
        .deliver(&client)
        .await
        .expect(200);
    let id = checkout::text(&body["id"]);
    assert_eq!(applied(&database, &id).await, "ignored");
    let raw = "SELECT count(*) FROM webhook_events WHERE event_id = $1 AND raw_body = convert_to($2, 'UTF8')
               AND resource_id = 'CARD-1' AND event_type = 'VAULT.CREDIT-CARD.CREATED'";
    let kept = database.number(raw, &[&id, &body.to_string()]).await;
    assert_eq!(kept, 1, "to the byte");
}

#[tokio::test]
async fn a_dispute_is_told_to_operators_until_they_have_looked() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = paid(&client, None).await;
        captured_now(&client, &paid).await;
        let capture = payment(&client, &paid).await["captureId"].clone();
        let dispute = json!({"dispute_id": "PP-D-4012", "disputed_transactions": [{"seller_transaction_id": capture}]});
        let body = event("CUSTOMER.DISPUTE.CREATED", &dispute);
        signed(body.to_string()).await.deliver(&client).await.expect(200);
        let id = checkout::text(&body["id"]);
        assert_eq!(applied(&database, &id).await, "reported");
        let drift = operator::read(&client, "/api/admin/payments/drift").await;
        assert_eq!(found(&drift, paid.hold.id), ["disputed"]);
        let run = reconcile_later(&client).await;
        assert_eq!(found(&run, paid.hold.id), ["disputed"]);
    })
    .await;
}

#[tokio::test]
async fn events_are_limited_to_a_hundred_a_minute() {
    let _turn = together().await;
    let client = Client::new().at("192.0.2.77");
    // A few at a time: a Redis that does not answer soon enough is done without.
    for _ in 0..20 {
        let knock = || async { client.post(webhook_delivery::PATH, &json!({})).await };
        for answer in join_all((0..5).map(|_| knock())).await {
            assert_eq!(answer.status, 401);
        }
    }
    let limited = client.post(webhook_delivery::PATH, &json!({})).await;
    limited.problem(429, "rate_limited");
    limited.retry_after();
}
