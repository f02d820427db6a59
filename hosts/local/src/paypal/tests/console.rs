//! PayPal's console: captures, refunds, voids, reversals and disputes by hand.

use super::{BASE, Behaviour, PayPal, Unkindness, dollars, event_body, event_records, event_types};
use crate::paypal::{
    ConsoleAction, ConsoleError, DisputeOutcome, MoneyBack, Operation, Outcome, PaymentStatus,
    ShownAs,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

fn act(paypal: &PayPal, action: &Value) -> Result<Value, ConsoleError> {
    let action: ConsoleAction = serde_json::from_value(action.clone()).unwrap();
    paypal.simulator.console(&action)
}

fn refused<T>(issue: &str) -> Result<T, ConsoleError> {
    Err(ConsoleError::Refused(issue.to_owned()))
}

/// The ids of an order, its authorization and its capture.
async fn captured(paypal: &PayPal) -> (String, String, String) {
    let (order, authorization) = paypal.authorize_order("A car").await;
    let capture = act(
        paypal,
        &json!({"action": "capture", "authorization": authorization}),
    );
    let capture = capture.unwrap()["id"].as_str().unwrap().to_owned();
    (order, authorization, capture)
}

#[tokio::test]
async fn authorization_is_captured_in_parts_and_each_refunded() {
    let paypal = PayPal::new().await;
    // Behaviours do not affect the console.
    paypal.set(Behaviour::new(Unkindness::error(500, false)).only(Operation::Capture));
    let (order, id) = paypal.authorize_order("A car").await;
    let path = format!("/v2/payments/authorizations/{id}");
    let capture = |amount: &str, is_final: bool| {
        let action = json!({
            "action": "capture", "authorization": id, "amount": amount, "final": is_final,
        });
        act(&paypal, &action)
    };
    let first = capture("100.00", false).unwrap();
    assert_eq!(
        (&first["status"], &first["final_capture"]),
        (&json!("COMPLETED"), &json!(false))
    );
    assert_eq!(paypal.status(&path).await, "PARTIALLY_CAPTURED");
    let second = capture("50.00", true).unwrap();
    assert_eq!(paypal.status(&path).await, "CAPTURED");
    assert_eq!(
        capture("1.00", false),
        refused("AUTHORIZATION_ALREADY_CAPTURED")
    );
    let refund = json!({"action": "refund", "capture": first["id"], "amount": "30"});
    assert_eq!(act(&paypal, &refund).unwrap()["amount"]["value"], "30.00");
    let refund = json!({"action": "refund", "capture": second["id"]});
    assert_eq!(act(&paypal, &refund).unwrap()["amount"]["value"], "50.00");
    assert_eq!(act(&paypal, &refund), refused("CAPTURE_FULLY_REFUNDED"));
    assert_eq!(
        event_types(&paypal, &order)[2..],
        [
            "PAYMENT.CAPTURE.COMPLETED",
            "PAYMENT.CAPTURE.COMPLETED",
            "PAYMENT.CAPTURE.REFUNDED",
            "PAYMENT.CAPTURE.REFUNDED"
        ]
    );
    let books = paypal.simulator.books();
    let captures: Vec<_> = books
        .captures
        .iter()
        .map(|entry| (entry.status, entry.taken, entry.given_back, entry.reversed))
        .collect();
    let amount = |units: i64| Decimal::from(units);
    for expected in [
        ("PARTIALLY_REFUNDED", amount(100), amount(30), amount(0)),
        ("REFUNDED", amount(50), amount(50), amount(0)),
    ] {
        assert!(captures.contains(&expected), "{captures:?}");
    }
    assert_eq!(books.authorizations[0].held, amount(0));
}

#[tokio::test]
async fn authorization_is_voided_once() {
    let paypal = PayPal::new().await;
    let (order, id) = paypal.authorize_order("A car").await;
    assert_eq!(
        paypal.simulator.books().authorizations[0].held.to_string(),
        "237.60"
    );
    let void = json!({"action": "void", "authorization": id});
    assert_eq!(act(&paypal, &void).unwrap()["status"], "VOIDED");
    assert_eq!(act(&paypal, &void), refused("PREVIOUSLY_VOIDED"));
    assert_eq!(
        event_types(&paypal, &order)[2..],
        ["PAYMENT.AUTHORIZATION.VOIDED"]
    );
    let unknown = json!({"action": "void", "authorization": "NONE"});
    assert_eq!(act(&paypal, &unknown), Err(ConsoleError::Unknown));
}

#[tokio::test]
async fn reversal_is_listed_or_not() {
    for listed in [false, true] {
        let paypal = PayPal::new().await;
        let (order, _, id) = captured(&paypal).await;
        let reverse = json!({"action": "reverse", "capture": id, "listed": listed});
        assert_eq!(act(&paypal, &reverse).unwrap()["status"], "REFUNDED");
        let shown = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
        let payments = &shown.body["purchase_units"][0]["payments"];
        assert_eq!(payments["captures"][0]["status"], "REFUNDED");
        let refunds = payments["refunds"].as_array().map_or(0, Vec::len);
        assert_eq!(refunds, usize::from(listed));
        let events = event_records(&paypal, &order);
        let event = events.last().unwrap();
        assert_eq!(event["type"], "PAYMENT.CAPTURE.REVERSED");
        let event = event_body(&paypal, event["id"].as_str().unwrap());
        // PayPal shows a reversal as a refund whose parent is the capture.
        assert_eq!(event["resource_type"], "refund");
        assert_eq!(event["resource"]["status"], "COMPLETED");
        assert_eq!(event["resource"]["amount"]["value"], "237.60");
        let up = &event["resource"]["links"][1];
        assert_eq!(up["rel"], "up");
        assert_eq!(up["href"], format!("{BASE}/v2/payments/captures/{id}"));
        let reversal = event["resource"]["id"].as_str().unwrap();
        let found = paypal
            .get(&format!("/v2/payments/refunds/{reversal}"))
            .await;
        assert_eq!(found.status == 200, listed);
        let refund = format!("/v2/payments/captures/{id}/refund");
        let issue = if listed {
            "CAPTURE_FULLY_REFUNDED"
        } else {
            "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK"
        };
        assert_eq!(paypal.post(&refund, json!({})).await.issue(), (422, issue));
        assert_eq!(
            act(&paypal, &reverse),
            refused("0.00 is left of the capture")
        );
    }
}

#[tokio::test]
async fn part_of_a_capture_is_reversed() {
    let paypal = PayPal::new().await;
    let (_, _, id) = captured(&paypal).await;
    let reverse = json!({"action": "reverse", "capture": id, "amount": "37.60"});
    assert_eq!(
        act(&paypal, &reverse).unwrap()["status"],
        "PARTIALLY_REFUNDED"
    );
    let entry = &paypal.simulator.books().captures[0];
    assert_eq!(
        (
            entry.taken.to_string(),
            entry.given_back.to_string(),
            entry.reversed.to_string()
        ),
        ("237.60".to_owned(), "37.60".to_owned(), "37.60".to_owned())
    );
    let beyond = json!({"action": "reverse", "capture": id, "amount": "200.01"});
    assert_eq!(
        act(&paypal, &beyond),
        refused("200.00 is left of the capture")
    );
}

/// Opens a dispute about a capture, and returns its id.
fn open_dispute(paypal: &PayPal, capture: &str) -> Value {
    let open = json!({"action": "open_dispute", "capture": capture});
    let dispute = act(paypal, &open).unwrap();
    assert_eq!(dispute["status"], "OPEN");
    assert_eq!(
        dispute["disputed_transactions"][0]["seller_transaction_id"],
        json!(capture)
    );
    dispute["dispute_id"].clone()
}

#[tokio::test]
async fn dispute_ends_for_either_side() {
    let refunded = Some("PAYMENT.CAPTURE.REFUNDED");
    let reversed = Some("PAYMENT.CAPTURE.REVERSED");
    for (outcome, money, event, capture_status, refunds) in [
        ("RESOLVED_SELLER_FAVOUR", None, None, "COMPLETED", 0),
        ("CANCELED_BY_BUYER", None, None, "COMPLETED", 0),
        ("DENIED", None, None, "COMPLETED", 0),
        ("NONE", None, None, "COMPLETED", 0),
        ("RESOLVED_WITH_PAYOUT", None, None, "COMPLETED", 0),
        (
            "RESOLVED_WITH_PAYOUT",
            Some("refunded"),
            refunded,
            "REFUNDED",
            1,
        ),
        ("ACCEPTED", Some("none"), None, "COMPLETED", 0),
        ("ACCEPTED", None, reversed, "REFUNDED", 0),
        ("RESOLVED_BUYER_FAVOUR", None, reversed, "REFUNDED", 0),
        (
            "RESOLVED_BUYER_FAVOUR",
            Some("reversed_and_listed"),
            reversed,
            "REFUNDED",
            1,
        ),
        (
            "RESOLVED_BUYER_FAVOUR",
            Some("refunded"),
            refunded,
            "REFUNDED",
            1,
        ),
    ] {
        let paypal = PayPal::new().await;
        let (order, _, capture) = captured(&paypal).await;
        let id = open_dispute(&paypal, &capture);
        let update = json!({"action": "update_dispute", "dispute": id, "status": "UNDER_REVIEW"});
        assert_eq!(act(&paypal, &update).unwrap()["status"], "UNDER_REVIEW");
        let refund = format!("/v2/payments/captures/{capture}/refund");
        assert_eq!(
            paypal.post(&refund, dollars("1.00")).await.issue(),
            (422, "TRANSACTION_DISPUTED")
        );
        let mut resolve = json!({"action": "resolve_dispute", "dispute": id, "outcome": outcome});
        if let Some(money) = money {
            resolve["money"] = json!(money);
        }
        let resolved = act(&paypal, &resolve).unwrap();
        assert_eq!(resolved["status"], "RESOLVED");
        assert_eq!(resolved["dispute_outcome"]["outcome_code"], outcome);
        let mut expected = vec!["CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.UPDATED"];
        expected.extend(event);
        expected.push("CUSTOMER.DISPUTE.RESOLVED");
        assert_eq!(event_types(&paypal, &order)[3..], expected);
        let shown = paypal.get(&format!("/v2/checkout/orders/{order}")).await;
        let payments = &shown.body["purchase_units"][0]["payments"];
        assert_eq!(payments["captures"][0]["status"], capture_status);
        assert_eq!(payments["refunds"].as_array().map_or(0, Vec::len), refunds);
        assert_eq!(act(&paypal, &resolve), refused("the dispute is resolved"));
        assert_eq!(act(&paypal, &update), refused("the dispute is resolved"));
    }
}

#[tokio::test]
async fn dispute_takes_only_what_is_left() {
    let paypal = PayPal::new().await;
    let (_, _, capture) = captured(&paypal).await;
    act(
        &paypal,
        &json!({"action": "refund", "capture": capture, "amount": "200.00"}),
    )
    .unwrap();
    let dispute = ConsoleAction::OpenDispute {
        capture,
        amount: Some(Decimal::from(100)),
        reason: Some("UNAUTHORISED".to_owned()),
        shown_as: ShownAs::default(),
    };
    let dispute = paypal.simulator.console(&dispute).unwrap();
    assert_eq!(dispute["reason"], "UNAUTHORISED");
    let resolve = ConsoleAction::ResolveDispute {
        dispute: dispute["dispute_id"].as_str().unwrap().to_owned(),
        outcome: DisputeOutcome::ResolvedBuyerFavour,
        money: Some(MoneyBack::Reversed),
    };
    paypal.simulator.console(&resolve).unwrap();
    let entry = &paypal.simulator.books().captures[0];
    assert_eq!(
        (entry.given_back.to_string(), entry.status),
        ("237.60".to_owned(), "REFUNDED")
    );
}

#[tokio::test]
async fn disputed_capture_is_shown_in_three_ways() {
    for (shown_as, status) in [
        ("unchanged", "COMPLETED"),
        ("partially_refunded", "PARTIALLY_REFUNDED"),
        ("pending", "PENDING"),
    ] {
        let paypal = PayPal::new().await;
        let (_, _, capture) = captured(&paypal).await;
        let open = json!({"action": "open_dispute", "capture": capture, "shownAs": shown_as});
        let id = act(&paypal, &open).unwrap()["dispute_id"].clone();
        let path = format!("/v2/payments/captures/{capture}");
        let shown = paypal.get(&path).await;
        assert_eq!(shown.body["status"], status);
        let reason = shown.body["status_details"]["reason"].as_str();
        assert_eq!(reason, (status == "PENDING").then_some("BUYER_COMPLAINT"));
        assert_eq!(
            paypal.simulator.books().captures[0].given_back,
            Decimal::ZERO
        );
        let outcome = "RESOLVED_SELLER_FAVOUR";
        let resolve = json!({"action": "resolve_dispute", "dispute": id, "outcome": outcome});
        act(&paypal, &resolve).unwrap();
        assert_eq!(paypal.status(&path).await, "COMPLETED");
    }
}

#[tokio::test]
async fn console_decides_about_pending_payments() {
    let paypal = PayPal::new().await;
    let pending = |operation| {
        Behaviour::new(Unkindness::Outcome(Outcome::of(PaymentStatus::Pending)))
            .only(operation)
            .times(1)
    };
    let decide = |id: &str, status: &str| {
        act(
            &paypal,
            &json!({"action": "decide", "id": id, "status": status}),
        )
    };
    paypal.set(pending(Operation::AuthorizeOrder));
    paypal.set(pending(Operation::Capture));
    paypal.set(pending(Operation::Refund));
    let (order, authorization) = paypal.authorize_order("A car").await;
    assert_eq!(
        decide(&authorization, "COMPLETED"),
        refused("it cannot end so")
    );
    assert_eq!(
        decide(&authorization, "CREATED").unwrap()["status"],
        "CREATED"
    );
    assert_eq!(
        decide(&authorization, "CREATED"),
        refused("it is not PENDING")
    );
    let capture = format!("/v2/payments/authorizations/{authorization}/capture");
    let capture = paypal.post(&capture, json!({})).await.id();
    assert_eq!(
        decide(&capture, "COMPLETED").unwrap()["status"],
        "COMPLETED"
    );
    let refund = format!("/v2/payments/captures/{capture}/refund");
    let refund = paypal.post(&refund, json!({})).await.id();
    assert_eq!(decide(&refund, "FAILED").unwrap()["status"], "FAILED");
    assert_eq!(decide("NONE", "FAILED"), Err(ConsoleError::Unknown));
    assert_eq!(
        event_types(&paypal, &order),
        [
            "CHECKOUT.ORDER.APPROVED",
            "PAYMENT.AUTHORIZATION.CREATED",
            "PAYMENT.AUTHORIZATION.CREATED",
            "PAYMENT.CAPTURE.PENDING",
            "PAYMENT.CAPTURE.COMPLETED",
            "PAYMENT.REFUND.PENDING",
            "PAYMENT.REFUND.FAILED"
        ]
    );
}

#[test]
fn unknown_members_and_actions_are_refused() {
    for action in [
        json!({"action": "burn"}),
        json!({"action": "void"}),
        json!({"action": "void", "authorization": "A", "amount": "1"}),
        json!({"action": "reverse", "capture": "C", "listed": 1}),
        json!({"action": "resolve_dispute", "dispute": "D", "outcome": "WON"}),
    ] {
        assert!(
            serde_json::from_value::<ConsoleAction>(action.clone()).is_err(),
            "{action}"
        );
    }
}
