//! Answers that decide nothing: outages, an order without its authorization, and other currencies.

use crate::support::{
    capture_cron::{results_for, run_cron},
    checkout::{self, PaidBooking, create_paid_booking, read_payment, text},
    client::Client,
    database::Database,
    environment::variable,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past},
    operator::{self, capture_now},
    paypal::exchanges_about,
    paypal_behaviour::{reset_behaviours, set_behaviour},
    paypal_dashboard,
    reconciliation::{RECONCILE_PATH, finding_kinds, reconcile_later},
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

async fn due_payment(client: &Client) -> PaidBooking {
    let paid = checkout::pay(client, &Rental::soon(client, 2).await, None).await;
    advance_clock_past(paid.capture_at).await;
    paid
}

async fn detail_of(client: &Client, booking: Uuid, kind: &str) -> Vec<String> {
    let drift = operator::read(client, "/api/admin/payments/drift").await;
    let findings = drift["drift"].as_array().unwrap().iter();
    findings
        .filter(|it| it["bookingId"] == json!(booking) && it["kind"] == kind)
        .map(|it| text(&it["detail"]))
        .collect()
}

/// However long PayPal was away, a due capture is made within an hour after its return.
#[tokio::test]
async fn capture_is_made_within_hour_after_outage() {
    for outage in [
        Fault::respond(503, "{}"),
        Fault::refuse(),
        Fault::respond(401, json!({"error": "invalid_client"}).to_string()),
    ] {
        run_alone(async move {
            let client = Client::new();
            let paid = due_payment(&client).await;
            set_fault(Upstream::PayPal, outage.clone()).await;
            for _ in 0..26 {
                run_cron(&client).await;
                advance_clock(SignedDuration::from_mins(15)).await;
            }
            clear_faults(Upstream::PayPal).await;
            let mut results = Vec::new();
            for _ in 0..4 {
                results.append(&mut results_for(&run_cron(&client).await, paid.hold.id));
                advance_clock(SignedDuration::from_mins(15)).await;
            }
            let last = results.last().expect("an attempt within the hour");
            assert_eq!(last["success"], true, "{outage}: {results:?}");
            assert_eq!(read_payment(&client, &paid).await["status"], "captured");
        })
        .await;
    }
}

/// PayPal fails for one payment alone. It is tried once an hour, and an operator sees it.
#[tokio::test]
async fn poisoned_capture_is_tried_hourly_and_found() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let poisoned = due_payment(&client).await;
        set_behaviour(&json!({
            "kind": "refuse", "status": 500, "operation": "authorizations.capture", "order": poisoned.order.id,
        }))
        .await;
        let mut attempts = 0;
        for _ in 0..24 {
            let run = run_cron(&client).await;
            attempts += results_for(&run, poisoned.hold.id).len();
            advance_clock(SignedDuration::from_mins(15)).await;
        }
        assert!((6..=9).contains(&attempts), "{attempts} attempts in six hours");
        reconcile_later(&client).await;
        assert_eq!(detail_of(&client, poisoned.hold.id, "capture_delayed").await.len(), 1);
        // Another capture is due now, and is made at once.
        let healthy = create_paid_booking(&client, None).await;
        capture_now(&client, &healthy).await;
        reset_behaviours().await;
        advance_clock(SignedDuration::from_mins(60)).await;
        let run = run_cron(&client).await;
        assert_eq!(results_for(&run, poisoned.hold.id)[0]["success"], true, "{run}");
        let exchanges = exchanges_about(&database, poisoned.hold.id).await;
        assert_eq!(exchanges.effects("authorizations.capture"), 1);
        reconcile_later(&client).await;
        assert_eq!(detail_of(&client, poisoned.hold.id, "capture_delayed").await, [""; 0]);
    })
    .await;
}

/// PayPal completed the order, and shows no authorization of it.
#[tokio::test]
async fn unlisted_authorization_is_found_after_a_day() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::far_ahead(&client, 2).await;
        let hold = checkout::create_hold(&client, &rental).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        paypal_dashboard::authorize(&order.id).await;
        set_behaviour(&json!({
            "kind": "change", "operation": "orders.get", "order": order.id, "remove": ["payments"],
        }))
        .await;
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
        advance_clock(SignedDuration::from_mins(10)).await;
        run_cron(&client).await;
        assert_eq!(
            database.live_bookings(&rental).await,
            0,
            "the days are free"
        );
        advance_clock(SignedDuration::from_hours(24)).await;
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, hold.id), ["order_unclear"]);
        assert_eq!(
            detail_of(&client, hold.id, "order_unclear").await,
            [order.id.as_str()]
        );
        // PayPal shows the authorization after all.
        reset_behaviours().await;
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
    })
    .await;
}

/// Shows the money of a booking's captures or refunds in another currency.
async fn show_in_francs(paid: &PaidBooking, kind: &str, operations: &[&str]) {
    assert_ne!(paid.hold.currency, "CHF");
    let listed = format!("/purchase_units/*/payments/{kind}/*/amount/currency_code");
    let own = ("/amount/currency_code", operations);
    for (path, operations) in [(listed.as_str(), &["orders.get"][..]), own] {
        for operation in operations {
            set_behaviour(&json!({
                "kind": "change", "operation": operation, "order": paid.order.id, "set": {path: "CHF"},
            }))
            .await;
        }
    }
}

#[tokio::test]
async fn capture_in_other_currency_is_no_sum() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = due_payment(&client).await;
        let operations = ["authorizations.capture", "captures.get"];
        show_in_francs(&paid, "captures", &operations).await;
        for _ in 0..3 {
            let run = run_cron(&client).await;
            let [result] = &results_for(&run, paid.hold.id)[..] else {
                panic!("{run}")
            };
            assert_eq!(result["error"], "capture_in_other_currency");
            advance_clock(SignedDuration::from_mins(61)).await;
        }
        let run = reconcile_later(&client).await;
        let kinds = finding_kinds(&run, paid.hold.id);
        assert!(kinds.contains(&json!("amount_mismatch")), "{kinds:?}");
        let payment = read_payment(&client, &paid).await;
        assert_eq!(payment["capturedAmount"], "0.00", "{payment}");
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        assert_eq!(exchanges.of("authorizations.capture").len(), 1);
        reset_behaviours().await;
    })
    .await;
}

#[tokio::test]
async fn refund_in_other_currency_is_no_sum() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        capture_now(&client, &paid).await;
        let capture = text(&read_payment(&client, &paid).await["captureId"]);
        paypal_dashboard::refund(&capture, "10.00", &paid.hold.currency).await;
        show_in_francs(&paid, "refunds", &["refunds.get"]).await;
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, paid.hold.id), ["amount_mismatch"]);
        let payment = read_payment(&client, &paid).await;
        assert_eq!(
            (&payment["status"], &payment["refundedAmount"]),
            (&json!("captured"), &json!("0.00"))
        );
        reset_behaviours().await;
    })
    .await;
}

/// An answer with other money than the ordered is none. PayPal is asked by the capture's id.
#[tokio::test]
async fn capture_answer_with_other_money_is_not_believed() {
    run_alone(async {
        let client = Client::new();
        for money in [
            json!({"currency_code": "CHF", "value": "1.00"}),
            json!({"currency_code": "USD", "value": "1.00"}),
        ] {
            let paid = create_paid_booking(&client, None).await;
            set_behaviour(&json!({
                "kind": "change", "operation": "authorizations.capture", "order": paid.order.id, "times": 1,
                "set": {"/amount": money},
            }))
            .await;
            capture_now(&client, &paid).await;
            let payment = read_payment(&client, &paid).await;
            assert_eq!(
                (&payment["status"], &payment["capturedAmount"]),
                (&json!("captured"), &json!(paid.hold.price)),
            );
            reset_behaviours().await;
        }
    })
    .await;
}

/// PayPal shows an amount of a capture, and of a refund, that was wrong.
#[tokio::test]
async fn wrong_amounts_are_corrected() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        let (price, currency) = (&paid.hold.price, &paid.hold.currency);
        let capture = paypal_dashboard::capture(&paid.authorization, price, currency).await;
        let value = "/purchase_units/*/payments/captures/*/amount/value";
        for (operation, path) in [("orders.get", value), ("captures.get", "/amount/value")] {
            set_behaviour(&json!({
                "kind": "change", "operation": operation, "order": paid.order.id, "set": {path: "1.00"},
            }))
            .await;
        }
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, paid.hold.id), ["amount_mismatch"]);
        assert_eq!(read_payment(&client, &paid).await["capturedAmount"], "1.00");
        reset_behaviours().await;
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, paid.hold.id), Vec::<Value>::new());
        assert_eq!(read_payment(&client, &paid).await["capturedAmount"], json!(price));

        paypal_dashboard::refund(&capture, "10.00", currency).await;
        let value = "/purchase_units/*/payments/refunds/*/amount/value";
        for (operation, path) in [("orders.get", value), ("refunds.get", "/amount/value")] {
            set_behaviour(&json!({
                "kind": "change", "operation": operation, "order": paid.order.id, "set": {path: "1.00"},
            }))
            .await;
        }
        reconcile_later(&client).await;
        assert_eq!(read_payment(&client, &paid).await["refundedAmount"], "1.00");
        reset_behaviours().await;
        reconcile_later(&client).await;
        assert_eq!(read_payment(&client, &paid).await["refundedAmount"], "10.00");
    })
    .await;
}

/// A pause of weeks is none that PayPal can mean.
#[tokio::test]
async fn requested_pause_is_an_hour_at_most() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        set_behaviour(&json!({
            "kind": "rate_limit", "retryAfterSeconds": 4_000_000, "operation": "authorizations.void",
            "order": paid.order.id, "times": 1,
        }))
        .await;
        assert_eq!(checkout::cancel(&client, &paid.hold).await["status"], "pending");
        advance_clock(SignedDuration::from_mins(61)).await;
        run_cron(&client).await;
        assert_eq!(checkout::cancel(&client, &paid.hold).await["status"], "voided");
    })
    .await;
}

/// A word that PayPal does not document is no answer.
#[tokio::test]
async fn unknown_word_is_not_comparable_after_a_day() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        let listed = "/purchase_units/*/payments/authorizations/*/status";
        for (operation, path) in [("orders.get", listed), ("authorizations.get", "/status")] {
            set_behaviour(&json!({
                "kind": "change", "operation": operation, "order": paid.order.id, "set": {path: "WEIRD"},
            }))
            .await;
        }
        for _ in 0..26 {
            advance_clock(SignedDuration::from_hours(1)).await;
            let secret = variable("CRON_SECRET");
            client.with_new_address().get_as(&secret, RECONCILE_PATH).await;
        }
        assert_eq!(detail_of(&client, paid.hold.id, "not_comparable").await, ["unknown_status"]);
        assert_eq!(read_payment(&client, &paid).await["status"], "authorized");
        reset_behaviours().await;
        advance_clock(SignedDuration::from_hours(25)).await;
        reconcile_later(&client).await;
        assert_eq!(detail_of(&client, paid.hold.id, "not_comparable").await, [""; 0]);
    })
    .await;
}

/// A comparison reads, so its success says nothing about a call that PayPal refuses.
#[tokio::test]
async fn refusal_of_us_is_found_until_success() {
    run_alone(async {
        let client = Client::new();
        let captured = create_paid_booking(&client, None).await;
        capture_now(&client, &captured).await;
        let due = due_payment(&client).await;
        for (operation, paid) in [("authorizations.capture", &due), ("captures.refund", &captured)] {
            set_behaviour(&json!({
                "kind": "refuse", "status": 403, "issue": "PERMISSION_DENIED", "operation": operation,
                "order": paid.order.id,
            }))
            .await;
        }
        assert_eq!(checkout::cancel(&client, &captured.hold).await["status"], "pending");
        for hour in 1..6 {
            run_cron(&client).await;
            reconcile_later(&client).await;
            for paid in [&due, &captured] {
                let refusals = detail_of(&client, paid.hold.id, "paypal_refuses_us").await;
                assert_eq!(refusals, ["PERMISSION_DENIED"], "hour {hour}");
            }
        }
        assert_eq!(detail_of(&client, due.hold.id, "capture_delayed").await.len(), 1);
        assert_eq!(detail_of(&client, captured.hold.id, "refund_delayed").await.len(), 1);
        reset_behaviours().await;
        advance_clock(SignedDuration::from_mins(61)).await;
        run_cron(&client).await;
        reconcile_later(&client).await;
        for paid in [&due, &captured] {
            for kind in ["paypal_refuses_us", "capture_delayed", "refund_delayed"] {
                assert_eq!(detail_of(&client, paid.hold.id, kind).await, [""; 0], "{kind}");
            }
        }
        assert_eq!(checkout::cancel(&client, &captured.hold).await["status"], "refunded");
    })
    .await;
}

/// A payment source may end refunds earlier than PayPal's 180 days.
#[tokio::test]
async fn refund_past_limit_of_payment_source_is_refused() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        capture_now(&client, &paid).await;
        let issue = "REFUND_TIME_EXCEEDED_FOR_PAYMENT_SOURCE";
        set_behaviour(&json!({
            "kind": "decline", "operation": "captures.refund", "order": paid.order.id, "issue": issue,
        }))
        .await;
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!(
            (&refund["status"], &refund["failureCode"]),
            (&json!("refused"), &json!(issue))
        );
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, paid.hold.id), ["refund_refused"]);
        reset_behaviours().await;
    })
    .await;
}
