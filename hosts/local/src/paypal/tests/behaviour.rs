//! Behaviours: their JSON, their scope and their end.

use super::{Behaviour, PayPal, Unkindness, dollars};
use crate::paypal::{Call, Operation, Simulator};
use exodrive_native::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

fn read(behaviour: Value) -> Result<Behaviour, String> {
    serde_json::from_value(behaviour).map_err(|error| error.to_string())
}

#[track_caller]
fn assert_refused(behaviour: &Value, problem: &str) {
    let error = read(behaviour.clone()).unwrap_err();
    assert!(error.contains(problem), "{behaviour}: {error}");
}

#[test]
fn every_kind_is_read_and_shown() {
    for behaviour in [
        json!({"kind": "forgets_orders", "approved": false}),
        json!({"kind": "forgets_orders", "after": "PT1H", "approved": true, "operation": "orders.get"}),
        json!({"kind": "outcome", "operation": "orders.authorize", "status": "DENIED"}),
        json!({
            "kind": "outcome", "operation": "authorizations.capture", "status": "PENDING",
            "reason": "ECHECK", "after": "PT72H", "then": "DECLINED", "reopens": true,
            "events": "other", "times": 1,
        }),
        json!({
            "kind": "outcome", "operation": "captures.refund", "status": "PENDING",
            "after": "PT1H", "then": "FAILED", "unlisted": true,
        }),
        json!({"kind": "decline", "operation": "authorizations.void", "issue": "TRANSACTION_REFUSED"}),
        json!({"kind": "refuse", "status": 409, "name": "", "afterEffect": true}),
        json!({"kind": "refuse", "issue": "PERMISSION_DENIED", "afterEffect": false, "every": 2}),
        json!({"kind": "restricted", "until": "2030-01-01T00:00:00Z"}),
        json!({"kind": "revoked", "operation": "oauth2.token", "times": 3}),
        json!({"kind": "wrong_app", "order": "ABC"}),
        json!({"kind": "page", "status": 200, "afterEffect": false, "operation": "certs.get"}),
        json!({"kind": "page", "status": 502, "body": "", "afterEffect": true}),
        json!({"kind": "rate_limit", "retryAfterSeconds": 30, "asDate": true, "perMille": 250}),
        json!({"kind": "change", "remove": ["payments"], "set": {"/status": null}}),
        json!({"kind": "minimal"}),
        json!({"kind": "forgets_request_ids", "after": "PT6H"}),
        json!({"kind": "replays_created", "operation": "captures.refund"}),
        json!({"kind": "stale", "by": "PT1M"}),
        json!({"kind": "reauthorizations", "listed": false, "original": "VOIDED", "many": true}),
    ] {
        let read = read(behaviour.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), behaviour);
    }
}

#[test]
fn impossible_behaviours_are_refused() {
    let capture = "authorizations.capture";
    for (behaviour, problem) in [
        (json!({}), "missing field `kind`"),
        (json!({"kind": "rude"}), "unknown variant `rude`"),
        (
            json!({"kind": "revoked", "status": 401}),
            "unknown field `status`",
        ),
        (
            json!({"kind": "minimal", "time": 1}),
            "unknown field `time`",
        ),
        (
            json!({"kind": "minimal", "times": null}),
            "times must not be null",
        ),
        (json!({"kind": "minimal", "times": 0}), "must be at least 1"),
        (json!({"kind": "minimal", "every": 0}), "must be at least 1"),
        (
            json!({"kind": "minimal", "perMille": 1001}),
            "perMille must be from 1 to 1000",
        ),
        (
            json!({"kind": "minimal", "for": "PT0S"}),
            "for must be positive",
        ),
        (
            json!({"kind": "minimal", "for": "PT1S", "until": "2030-01-01T00:00:00Z"}),
            "exclude each other",
        ),
        (
            json!({"kind": "minimal", "operation": "orders.patch"}),
            "unknown operation",
        ),
        (
            json!({"kind": "minimal", "operation": "oauth2.token"}),
            "only operations on orders",
        ),
        (
            json!({"kind": "forgets_orders", "operation": capture}),
            "orders are forgotten by",
        ),
        (
            json!({"kind": "forgets_orders", "after": "PT0S"}),
            "after must be positive",
        ),
    ] {
        assert_refused(&behaviour, problem);
    }
}

#[test]
fn impossible_outcomes_are_refused() {
    let capture = "authorizations.capture";
    for (behaviour, problem) in [
        (
            json!({"kind": "outcome", "status": "PENDING"}),
            "operation must be",
        ),
        (
            json!({"kind": "outcome", "operation": capture, "status": "DENIED"}),
            "the operation has no such status",
        ),
        (
            json!({"kind": "outcome", "operation": capture, "status": "PENDING", "then": "FAILED"}),
            "after and then belong together",
        ),
        (
            json!({
                "kind": "outcome", "operation": capture, "status": "COMPLETED",
                "after": "PT1H", "then": "FAILED",
            }),
            "only PENDING can end",
        ),
        (
            json!({
                "kind": "outcome", "operation": "captures.refund", "status": "PENDING",
                "after": "PT1H", "then": "DECLINED",
            }),
            "no such status at its end",
        ),
        (
            json!({"kind": "outcome", "operation": capture, "status": "FAILED", "unlisted": true}),
            "only refunds can be unlisted",
        ),
        (
            json!({"kind": "outcome", "operation": "orders.authorize", "status": "DENIED", "reopens": true}),
            "reopens is for captures",
        ),
    ] {
        assert_refused(&behaviour, problem);
    }
}

#[test]
fn impossible_responses_are_refused() {
    let capture = "authorizations.capture";
    for (behaviour, problem) in [
        (
            json!({"kind": "decline", "issue": "X"}),
            "operation must be one that writes",
        ),
        (
            json!({"kind": "decline", "issue": "not now", "operation": capture}),
            "must be capitals",
        ),
        (json!({"kind": "refuse"}), "needs a status or an issue"),
        (
            json!({"kind": "refuse", "status": 399}),
            "status must be from 400 to 599",
        ),
        (
            json!({"kind": "refuse", "status": 409, "name": "x"}),
            "must be capitals",
        ),
        (json!({"kind": "page", "status": 204}), "allow a body"),
        (
            json!({"kind": "rate_limit", "asDate": true}),
            "asDate needs retryAfterSeconds",
        ),
        (json!({"kind": "change"}), "needs remove or set"),
        (
            json!({"kind": "stale", "by": "PT0S"}),
            "by must be positive",
        ),
        (
            json!({"kind": "stale", "by": "PT1S", "operation": capture}),
            "only reads are stale",
        ),
        (
            json!({"kind": "reauthorizations", "original": "DENIED"}),
            "original must be CREATED or VOIDED",
        ),
    ] {
        assert_refused(&behaviour, problem);
    }
}

#[tokio::test]
async fn times_counts_affected_responses_only() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    let capture = format!("{path}/capture");
    paypal.set(
        Behaviour::new(Unkindness::decline("PAYER_CANNOT_PAY"))
            .only(Operation::Capture)
            .times(2),
    );
    assert_eq!(
        paypal
            .post(&format!("{path}/reauthorize"), json!({}))
            .await
            .issue(),
        (422, "REAUTHORIZATION_TOO_SOON")
    );
    // A refusal for another reason does not use the behaviour up.
    assert_eq!(
        paypal.post(&capture, dollars("1000")).await.issue(),
        (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    );
    for _ in 0..2 {
        assert_eq!(
            paypal.post(&capture, json!({})).await.issue(),
            (422, "PAYER_CANNOT_PAY")
        );
    }
    assert!(paypal.simulator.behaviour().is_empty());
    assert_eq!(paypal.post(&capture, json!({})).await.status, 201);
}

#[tokio::test]
async fn duration_ends_by_simulated_clock() {
    let mut paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    paypal.set(
        Behaviour::new(Unkindness::error(503, false))
            .only(Operation::Void)
            .lasting(SignedDuration::from_hours(3)),
    );
    let void = format!("{path}/void");
    assert_eq!(paypal.post(&void, json!({})).await.status, 503);
    paypal.advance_hours(2).await;
    assert_eq!(paypal.post(&void, json!({})).await.status, 503);
    assert_eq!(paypal.simulator.behaviour()[0].fired, 2);
    paypal.advance_hours(1).await;
    assert!(paypal.simulator.behaviour().is_empty());
    assert_eq!(paypal.post(&void, json!({})).await.status, 200);
}

#[tokio::test]
async fn order_narrows_behaviour_to_its_payments() {
    let paypal = PayPal::new().await;
    let (order, first) = paypal.authorize_order("A car").await;
    let (_, second) = paypal.authorize_order("A car").await;
    paypal.set(Behaviour::new(Unkindness::page(403)).of_order(&order));
    let status = async |path: &str| paypal.get(path).await.status.as_u16();
    assert_eq!(status(&format!("/v2/checkout/orders/{order}")).await, 403);
    assert_eq!(
        status(&format!("/v2/payments/authorizations/{first}")).await,
        403
    );
    assert_eq!(
        status(&format!("/v2/payments/authorizations/{second}")).await,
        200
    );
    let capture = format!("/v2/payments/authorizations/{second}/capture");
    let capture = paypal.post(&capture, json!({})).await.id();
    let refund = format!("/v2/payments/captures/{capture}/refund");
    let refund = paypal.post(&refund, json!({})).await.id();
    assert_eq!(
        status(&format!("/v2/payments/captures/{capture}")).await,
        200
    );
    assert_eq!(status(&format!("/v2/payments/refunds/{refund}")).await, 200);
}

#[tokio::test]
async fn every_and_reset_apply() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    paypal.set(Behaviour::new(Unkindness::error(500, false)).every(3));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(paypal.get(&path).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 500, 200, 200, 500]);
    let record = &paypal.simulator.behaviour()[0];
    assert_eq!((record.matched, record.fired), (6, 2));
    paypal.simulator.reset_behaviour();
    for _ in 0..3 {
        assert_eq!(paypal.get(&path).await.status, 200);
    }
}

#[tokio::test]
async fn same_seed_gives_same_chances() {
    let statuses = async |seed| {
        let clock = Clock::default();
        let base = super::BASE.to_owned();
        let simulator = Simulator::seeded(clock.clone(), super::credentials(), base, seed);
        let paypal = PayPal::with_simulator(simulator, clock).await;
        let path = paypal.authorization_path("A car").await;
        paypal.set(Behaviour::new(Unkindness::error(500, false)).per_mille(500));
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(paypal.get(&path).await.status.as_u16());
        }
        statuses
    };
    let first = statuses(1).await;
    assert_eq!(first, statuses(1).await);
    assert_ne!(first, statuses(2).await);
    assert!(first.contains(&200) && first.contains(&500));
}

#[tokio::test]
async fn exchanges_name_the_behaviour() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    paypal.be(Unkindness::without(&["amount"]));
    paypal.get(&path).await;
    let exchanges = serde_json::to_value(paypal.simulator.exchanges()).unwrap();
    let exchanges = exchanges.as_array().unwrap();
    assert_eq!(exchanges.last().unwrap()["behaviour"], "change");
    assert_eq!(exchanges[0].get("behaviour"), None);
    assert_eq!(Call::from(Operation::Void), Call::Api(Operation::Void));
}

#[tokio::test]
async fn request_ids_are_forgotten_early() {
    let mut paypal = PayPal::new().await;
    let capture = format!("{}/capture", paypal.authorization_path("A car").await);
    let part = dollars("100.00");
    let first = paypal
        .post_with_id("c-1", &capture, part.clone())
        .await
        .id();
    paypal.be(Unkindness::ForgetsRequestIds {
        after: SignedDuration::from_hours(6),
    });
    paypal.advance_hours(5).await;
    let known = paypal.post_with_id("c-1", &capture, part.clone()).await;
    assert_eq!((known.status.as_u16(), known.id()), (200, first.clone()));
    paypal.advance_hours(1).await;
    let new = paypal.post_with_id("c-1", &capture, part).await;
    assert_eq!(new.status, 201);
    assert_ne!(new.id(), first);
}

#[tokio::test]
async fn repeated_write_is_created_again() {
    let paypal = PayPal::new().await;
    let capture = format!("{}/capture", paypal.authorization_path("A car").await);
    let first = paypal.post_with_id("c-1", &capture, json!({})).await;
    paypal.be(Unkindness::ReplaysCreated {});
    let again = paypal.post_with_id("c-1", &capture, json!({})).await;
    assert_eq!((again.status.as_u16(), again.id()), (201, first.id()));
}
