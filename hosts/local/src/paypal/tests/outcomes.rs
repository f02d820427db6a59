//! Outcomes that PayPal decides on later, with their events.

use super::{Behaviour, PayPal, Unkindness, dollars, event_records, event_types};
use crate::paypal::{Operation, Outcome, PaymentStatus as S, Reports};
use jiff::SignedDuration;
use serde_json::json;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn next(operation: Operation, outcome: Outcome) -> Behaviour {
    Behaviour::new(Unkindness::Outcome(outcome))
        .only(operation)
        .times(1)
}

#[tokio::test]
async fn pending_authorization_ends_well_or_badly() {
    for (then, last_event) in [
        (S::Created, "PAYMENT.AUTHORIZATION.CREATED"),
        (S::Denied, "PAYMENT.AUTHORIZATION.VOIDED"),
        (S::Voided, "PAYMENT.AUTHORIZATION.VOIDED"),
    ] {
        let mut paypal = PayPal::new().await;
        let outcome = Outcome::pending("PENDING_REVIEW", DAY, then);
        paypal.set(next(Operation::AuthorizeOrder, outcome));
        let (order, id) = paypal.authorize_order("A car").await;
        let path = format!("/v2/payments/authorizations/{id}");
        let pending = paypal.get(&path).await;
        assert_eq!(pending.body["status"], "PENDING");
        assert_eq!(
            pending.body["status_details"],
            json!({"reason": "PENDING_REVIEW"})
        );
        assert_eq!(
            paypal
                .post(&format!("{path}/capture"), json!({}))
                .await
                .issue(),
            (422, "TRANSACTION_REFUSED")
        );
        paypal.advance_hours(23).await;
        assert_eq!(paypal.status(&path).await, "PENDING");
        paypal.advance_hours(1).await;
        assert_eq!(paypal.status(&path).await, then.as_str());
        let mut events = vec!["CHECKOUT.ORDER.APPROVED", "PAYMENT.AUTHORIZATION.CREATED"];
        events.push(last_event);
        assert_eq!(event_types(&paypal, &order), events);
        // It is reported once.
        assert_eq!(event_types(&paypal, &order), events);
        let captured = paypal.post(&format!("{path}/capture"), json!({})).await;
        assert_eq!(
            captured.status == 201,
            then == S::Created,
            "{}",
            captured.text
        );
    }
}

#[tokio::test]
async fn pending_capture_ends_well_or_badly() {
    for (then, reopens, events, last_event, authorization) in [
        (
            S::Completed,
            false,
            Reports::Other,
            "PAYMENT.CAPTURE.COMPLETED",
            "CAPTURED",
        ),
        (
            S::Declined,
            false,
            Reports::Usual,
            "PAYMENT.CAPTURE.DECLINED",
            "CAPTURED",
        ),
        (
            S::Failed,
            true,
            Reports::Other,
            "PAYMENT.CAPTURE.DENIED",
            "CREATED",
        ),
    ] {
        let mut paypal = PayPal::new().await;
        let (order, id) = paypal.authorize_order("A car").await;
        let path = format!("/v2/payments/authorizations/{id}");
        let outcome = Outcome {
            reopens,
            events,
            ..Outcome::pending("ECHECK", DAY, then)
        };
        paypal.set(next(Operation::Capture, outcome));
        let capture = paypal
            .post(&format!("{path}/capture"), json!({"final_capture": true}))
            .await;
        assert_eq!(capture.body["status"], "PENDING");
        assert_eq!(capture.body["status_details"], json!({"reason": "ECHECK"}));
        assert_eq!(paypal.status(&path).await, "CAPTURED");
        paypal.advance_hours(24).await;
        let shown = format!("/v2/payments/captures/{}", capture.id());
        assert_eq!(paypal.status(&shown).await, then.as_str());
        assert_eq!(paypal.status(&path).await, authorization);
        let events = event_types(&paypal, &order);
        assert_eq!(events[2..], ["PAYMENT.CAPTURE.PENDING", last_event]);
        let again = paypal.post(&format!("{path}/capture"), json!({})).await;
        assert_eq!(again.status == 201, reopens, "{}", again.text);
    }
}

#[tokio::test]
async fn capture_is_declined_in_a_successful_response() {
    for status in [S::Declined, S::Failed] {
        let paypal = PayPal::new().await;
        let (order, id) = paypal.authorize_order("A car").await;
        paypal.set(next(Operation::Capture, Outcome::of(status)));
        let capture = format!("/v2/payments/authorizations/{id}/capture");
        let capture = paypal.post(&capture, json!({})).await;
        assert_eq!(
            (capture.status.as_u16(), &capture.body["status"]),
            (201, &json!(status))
        );
        assert_eq!(capture.body.get("seller_receivable_breakdown"), None);
        assert_eq!(
            event_types(&paypal, &order)[2..],
            ["PAYMENT.CAPTURE.DECLINED"]
        );
        let refund = format!("/v2/payments/captures/{}/refund", capture.id());
        assert_eq!(
            paypal.post(&refund, json!({})).await.issue(),
            (422, "REFUND_NOT_ALLOWED")
        );
    }
}

/// The number of refunds that an order lists.
async fn refund_count(paypal: &PayPal, order: &str) -> usize {
    let order = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
    let refunds = order.body["purchase_units"][0]["payments"]["refunds"].as_array();
    refunds.map_or(0, Vec::len)
}

#[tokio::test]
async fn pending_refund_ends_well_or_badly() {
    for (then, events, last_events, capture_status, listed) in [
        (
            S::Completed,
            Reports::Usual,
            &["PAYMENT.REFUND.PENDING", "PAYMENT.CAPTURE.REFUNDED"][..],
            "PARTIALLY_REFUNDED",
            1,
        ),
        (
            S::Completed,
            Reports::Other,
            &[
                "PAYMENT.REFUND.PENDING",
                "PAYMENT.REFUND.COMPLETED",
                "PAYMENT.CAPTURE.REFUNDED",
            ][..],
            "PARTIALLY_REFUNDED",
            1,
        ),
        (
            S::Failed,
            Reports::Usual,
            &["PAYMENT.REFUND.PENDING", "PAYMENT.REFUND.FAILED"][..],
            "COMPLETED",
            1,
        ),
        (
            S::Cancelled,
            Reports::Other,
            &["PAYMENT.REFUND.PENDING", "PAYMENT.REFUND.CANCELLED"][..],
            "COMPLETED",
            1,
        ),
        (S::Failed, Reports::Silent, &[][..], "COMPLETED", 0),
    ] {
        let mut paypal = PayPal::new().await;
        let (order, id) = paypal.authorize_order("A car").await;
        let capture = format!("/v2/payments/authorizations/{id}/capture");
        let capture = paypal.post(&capture, json!({})).await.id();
        let outcome = Outcome {
            unlisted: events == Reports::Silent,
            events,
            ..Outcome::pending("ECHECK", DAY, then)
        };
        paypal.set(next(Operation::Refund, outcome));
        let path = format!("/v2/payments/captures/{capture}");
        let refund = paypal
            .post(&format!("{path}/refund"), dollars("200.00"))
            .await;
        assert_eq!(refund.body["status"], "PENDING");
        assert_eq!(refund.body["status_details"], json!({"reason": "ECHECK"}));
        // The capture is not refunded yet, but the money on its way cannot be refunded again.
        assert_eq!(paypal.status(&path).await, "COMPLETED");
        assert_eq!(
            paypal
                .post(&format!("{path}/refund"), dollars("37.61"))
                .await
                .issue(),
            (422, "REFUND_AMOUNT_EXCEEDED")
        );
        paypal.advance_hours(24).await;
        let shown = format!("/v2/payments/refunds/{}", refund.id());
        assert_eq!(paypal.status(&shown).await, then.as_str());
        assert_eq!(paypal.status(&path).await, capture_status);
        assert_eq!(&event_types(&paypal, &order)[3..], last_events);
        assert_eq!(refund_count(&paypal, &order).await, listed);
        let is_refunded = then == S::Completed;
        let rest = if is_refunded { "37.60" } else { "237.60" };
        let rest = paypal.post(&format!("{path}/refund"), dollars(rest)).await;
        assert_eq!(rest.status, 201, "{}", rest.text);
    }
}

#[tokio::test]
async fn silent_decisions_are_not_reported() {
    let mut paypal = PayPal::new().await;
    let silent = |status| Outcome {
        events: Reports::Silent,
        ..Outcome::pending("PENDING_REVIEW", DAY, status)
    };
    paypal.set(next(Operation::AuthorizeOrder, silent(S::Denied)));
    let (denied, _) = paypal.authorize_order("A car").await;
    paypal.set(next(Operation::Capture, silent(S::Declined)));
    let (declined, id) = paypal.authorize_order("A car").await;
    let capture = format!("/v2/payments/authorizations/{id}/capture");
    assert_eq!(
        paypal.post(&capture, json!({})).await.body["status"],
        "PENDING"
    );
    paypal.advance_hours(25).await;
    let begin = ["CHECKOUT.ORDER.APPROVED", "PAYMENT.AUTHORIZATION.CREATED"];
    assert_eq!(event_types(&paypal, &denied), begin);
    assert_eq!(event_types(&paypal, &declined), begin);
}

#[tokio::test]
async fn retry_shows_the_outcome_of_the_first() {
    let paypal = PayPal::new().await;
    let path = paypal.authorization_path("A car").await;
    let outcome = Outcome::of(S::Pending);
    paypal.set(Behaviour::new(Unkindness::Outcome(outcome)).only(Operation::Capture));
    let capture = format!("{path}/capture");
    let first = paypal.post_with_id("c-1", &capture, json!({})).await;
    let again = paypal.post_with_id("c-1", &capture, json!({})).await;
    assert_eq!((again.status.as_u16(), again.id()), (200, first.id()));
    assert_eq!(again.body["status"], "PENDING");
    assert_eq!(paypal.simulator.behaviour()[0].fired, 1);
}

#[tokio::test]
async fn denied_authorization_emits_no_event() {
    let paypal = PayPal::new().await;
    paypal.set(next(Operation::AuthorizeOrder, Outcome::of(S::Denied)));
    let (order, id) = paypal.authorize_order("A car").await;
    let path = format!("/v2/payments/authorizations/{id}");
    assert_eq!(paypal.status(&path).await, "DENIED");
    assert_eq!(event_types(&paypal, &order), ["CHECKOUT.ORDER.APPROVED"]);
    assert_eq!(event_records(&paypal, &order).len(), 1);
}
