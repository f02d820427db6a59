//! PayPal refuses a capture, a void or a refund: what the operator is told, and what comes next.

use crate::support::{
    capture_cron::{results_for, run_cron},
    checkout::{self, PaidBooking, create_paid_booking, read_booking, read_payment, text},
    client::Client,
    database::Database,
    environment::new_uuid,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past},
    operator::{self, capture_now, post_action, post_action_with_key},
    paypal::exchanges_about,
    paypal_dashboard::read_paypal_order,
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// PayPal's refusal with an issue.
fn refusal(status: u16, issue: &str) -> Fault {
    let body =
        json!({ "name": "UNPROCESSABLE_ENTITY", "debug_id": "d", "details": [{ "issue": issue }] });
    Fault::respond(status, body.to_string())
}

async fn due_payment(client: &Client) -> PaidBooking {
    let paid = checkout::pay(client, &Rental::soon(client, 2).await, None).await;
    advance_clock_past(paid.capture_at).await;
    paid
}

/// The error of the booking's capture in a run of the cron.
async fn capture_error(client: &Client, paid: &PaidBooking) -> Value {
    let run = run_cron(client).await;
    let [result] = &results_for(&run, paid.hold.id)[..] else {
        panic!("{run}")
    };
    assert_eq!(result["success"], false, "{run}");
    result["error"].clone()
}

async fn finding_kinds(client: &Client, paid: &PaidBooking) -> Vec<String> {
    let drift = operator::read(client, "/api/admin/payments/drift").await;
    let findings = drift["drift"].as_array().unwrap().iter();
    let own = findings.filter(|finding| finding["bookingId"] == json!(paid.hold.id));
    own.map(|finding| text(&finding["kind"])).collect()
}

#[tokio::test]
async fn payer_who_cannot_pay_is_captured_later() {
    run_alone(async {
        for issue in [
            "PAYER_CANNOT_PAY",
            "TRANSACTION_REFUSED",
            "INSTRUMENT_DECLINED",
        ] {
            let client = Client::new();
            let paid = create_paid_booking(&client, None).await;
            set_fault(
                Upstream::PayPal,
                refusal(422, issue).on_path("/capture").times(1),
            )
            .await;
            let refused = post_action(&client, paid.hold.id, "capture", &json!({})).await;
            let refused = refused.expect_problem(402, "payment_declined");
            assert!(text(&refused["detail"]).contains(issue), "{refused}");
            assert_eq!(read_payment(&client, &paid).await["status"], "failed");
            // The authorization lives, so the operator may try again.
            let captured = post_action(&client, paid.hold.id, "capture", &json!({}))
                .await
                .expect(200);
            assert_eq!(captured["status"], "captured");
            assert_eq!(read_payment(&client, &paid).await["status"], "captured");
        }
    })
    .await;
}

#[tokio::test]
async fn cron_retries_declined_capture_within_one_run() {
    run_alone(async {
        let client = Client::new();
        let paid = due_payment(&client).await;
        set_fault(
            Upstream::PayPal,
            refusal(422, "PAYER_CANNOT_PAY")
                .on_path("/capture")
                .times(1),
        )
        .await;
        assert_eq!(capture_error(&client, &paid).await, "PAYER_CANNOT_PAY");
        assert_eq!(
            results_for(&run_cron(&client).await, paid.hold.id),
            Vec::<Value>::new()
        );
        advance_clock(SignedDuration::from_mins(15)).await;
        let run = run_cron(&client).await;
        assert_eq!(results_for(&run, paid.hold.id)[0]["success"], true, "{run}");
    })
    .await;
}

#[tokio::test]
async fn refusal_of_us_ends_no_payment() {
    run_alone(async {
        let client = Client::new();
        for (status, issue) in [
            (404, "INVALID_RESOURCE_ID"),
            (403, "PERMISSION_DENIED"),
            (422, "PAYEE_ACCOUNT_RESTRICTED"),
            (401, "INVALID_TOKEN"),
        ] {
            let paid = due_payment(&client).await;
            set_fault(Upstream::PayPal, refusal(status, issue).on_path("/capture")).await;
            capture_error(&client, &paid).await;
            clear_faults(Upstream::PayPal).await;
            assert_eq!(
                read_payment(&client, &paid).await["status"],
                "authorized",
                "{issue}"
            );
            assert!(
                finding_kinds(&client, &paid)
                    .await
                    .contains(&"paypal_refuses_us".to_owned()),
                "{issue}"
            );
            advance_clock(SignedDuration::from_mins(15)).await;
            let run = run_cron(&client).await;
            assert_eq!(
                results_for(&run, paid.hold.id)[0]["success"],
                true,
                "{issue} {run}"
            );
        }
    })
    .await;
}

/// A 422 that names an end is no evidence: PayPal's own record decides.
#[tokio::test]
async fn ended_authorization_ends_payment_only_on_evidence() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        set_fault(
            Upstream::PayPal,
            refusal(422, "AUTHORIZATION_EXPIRED")
                .on_path("/capture")
                .times(1),
        )
        .await;
        let refused = post_action(&client, paid.hold.id, "capture", &json!({})).await;
        refused.expect_problem(409, "authorization_ended");
        assert_eq!(read_payment(&client, &paid).await["status"], "authorized");
        capture_now(&client, &paid).await;

        let voided = create_paid_booking(&client, None).await;
        crate::support::paypal_dashboard::void(&voided.authorization).await;
        let refused = post_action(&client, voided.hold.id, "capture", &json!({})).await;
        refused.expect_problem(409, "authorization_ended");
        assert_eq!(read_payment(&client, &voided).await["status"], "voided");
        let again = post_action(&client, voided.hold.id, "capture", &json!({})).await;
        again.expect_problem(409, "authorization_ended");
    })
    .await;
}

#[tokio::test]
async fn declined_payment_is_voided_by_cancellation() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        set_fault(
            Upstream::PayPal,
            refusal(422, "PAYER_CANNOT_PAY")
                .on_path("/capture")
                .times(1),
        )
        .await;
        post_action(&client, paid.hold.id, "capture", &json!({}))
            .await
            .expect_problem(402, "payment_declined");
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!(
            (&refund["amount"], &refund["status"]),
            (&json!(paid.hold.price), &json!("voided"))
        );
        assert_eq!(
            read_paypal_order(&paid.order.id).await.authorizations(),
            ["VOIDED"]
        );
    })
    .await;
}

#[tokio::test]
async fn pending_capture_is_told_and_waits() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, Some("SIMULATE_CAPTURE_PENDING")).await;
        let pending = post_action(&client, paid.hold.id, "capture", &json!({}))
            .await
            .expect(202);
        assert_eq!(pending["status"], "pending");
        assert_eq!(
            read_payment(&client, &paid).await["status"],
            "capture_pending"
        );
        let again = post_action(&client, paid.hold.id, "capture", &json!({}))
            .await
            .expect(202);
        assert_eq!(again, pending);
        let refund = post_action(&client, paid.hold.id, "refund", &json!({})).await;
        refund.expect_problem(409, "refund_not_possible");
        // The days are freed at once, and the money follows when PayPal has decided.
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!(
            (&refund["amount"], &refund["status"]),
            (&json!(paid.hold.price), &json!("pending"))
        );
        assert_eq!(
            read_booking(&client, &paid.hold).await["status"],
            "cancelled"
        );
    })
    .await;
}

#[tokio::test]
async fn cancellation_despite_doubtful_capture_frees_days() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_paid_booking(&client, None).await;
        // PayPal answers nothing that is understood, for hours.
        set_fault(
            Upstream::PayPal,
            Fault::respond(502, "<html>Bad gateway</html>"),
        )
        .await;
        post_action(&client, paid.hold.id, "capture", &json!({}))
            .await
            .expect_problem(503, "payment_provider_unavailable");
        assert_eq!(read_payment(&client, &paid).await["status"], "capturing");
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!(
            (&refund["amount"], &refund["status"]),
            (&json!(paid.hold.price), &json!("pending"))
        );
        checkout::request_hold(&client, &paid.hold.rental)
            .await
            .expect(201);
        clear_faults(Upstream::PayPal).await;
        // PayPal shows no capture, so it is not repeated, and the authorization is voided.
        for _ in 0..3 {
            advance_clock(SignedDuration::from_mins(16)).await;
            run_cron(&client).await;
        }
        assert_eq!(
            checkout::cancel(&client, &paid.hold).await["status"],
            "voided"
        );
        assert_eq!(
            read_paypal_order(&paid.order.id).await.authorizations(),
            ["VOIDED"]
        );
        assert_eq!(
            exchanges_about(&database, paid.hold.id)
                .await
                .effects("authorizations.capture"),
            0
        );
    })
    .await;
}

/// Voids hang for as long as PayPal may take. The due capture does not wait for them, and the run
/// is recorded with its end.
#[tokio::test]
async fn hanging_voids_delay_no_capture() {
    run_alone(async {
        let client = Client::new();
        let mut leftovers = Vec::new();
        for _ in 0..3 {
            leftovers.push(create_paid_booking(&client, None).await);
        }
        set_fault(Upstream::PayPal, Fault::refuse().on_path("/void")).await;
        for paid in &leftovers {
            assert_eq!(
                checkout::cancel(&client, &paid.hold).await["status"],
                "pending"
            );
        }
        clear_faults(Upstream::PayPal).await;
        let due = due_payment(&client).await;
        set_fault(
            Upstream::PayPal,
            Fault::delay_millis(600_000).on_path("/void"),
        )
        .await;
        let run = run_cron(&client).await;
        assert_eq!(results_for(&run, due.hold.id)[0]["success"], true, "{run}");
        clear_faults(Upstream::PayPal).await;
        let last = client
            .get(crate::support::capture_cron::CAPTURES_PATH)
            .await
            .expect(200)["lastRun"]
            .clone();
        assert!(last["finishedAt"].is_string(), "{last}");
        advance_clock(SignedDuration::from_mins(15)).await;
        run_cron(&client).await;
        for paid in &leftovers {
            assert_eq!(
                checkout::cancel(&client, &paid.hold).await["status"],
                "voided"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn refund_past_180_days_is_refused_truthfully() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::between(&client, 2, 320, 330).await;
        let paid = checkout::pay(&client, &rental, None).await;
        capture_now(&client, &paid).await;
        advance_clock(SignedDuration::from_hours(181 * 24)).await;
        let refused = post_action(&client, paid.hold.id, "refund", &json!({})).await;
        let refused = refused.expect_problem(409, "refund_window_over");
        assert_eq!(refused["rest"], "0.00");
        assert!(refused["refundableUntil"].is_string(), "{refused}");
        for _ in 0..2 {
            let refund = checkout::cancel(&client, &paid.hold).await;
            assert_eq!(
                (
                    &refund["percent"],
                    &refund["status"],
                    &refund["failureCode"]
                ),
                (&json!(100), &json!("refused"), &json!("refund_window_over"))
            );
        }
        assert_eq!(
            exchanges_about(&database, paid.hold.id)
                .await
                .of("captures.refund")
                .len(),
            0
        );
    })
    .await;
}

#[tokio::test]
async fn refund_that_paypal_refuses_is_told() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        capture_now(&client, &paid).await;
        set_fault(
            Upstream::PayPal,
            refusal(422, "REFUND_TIME_LIMIT_EXCEEDED").on_path("/refund"),
        )
        .await;
        let refused = post_action(&client, paid.hold.id, "refund", &json!({}))
            .await
            .expect(200);
        assert_eq!(
            (&refused["status"], &refused["failureCode"]),
            (&json!("refused"), &json!("REFUND_TIME_LIMIT_EXCEEDED"))
        );
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!(
            (&refund["status"], &refund["failureCode"]),
            (&json!("refused"), &json!("REFUND_TIME_LIMIT_EXCEEDED"))
        );
        clear_faults(Upstream::PayPal).await;
        assert_eq!(
            checkout::cancel(&client, &paid.hold).await["status"],
            "refused"
        );
        // An operator orders it again.
        let again = post_action_with_key(
            &client,
            paid.hold.id,
            "refund",
            &new_uuid().to_string(),
            &json!({ "amount": paid.hold.price }),
        )
        .await;
        assert_eq!(again.expect(200)["status"], "refunded");
        assert_eq!(
            checkout::cancel(&client, &paid.hold).await["status"],
            "refunded"
        );
    })
    .await;
}

#[tokio::test]
async fn refund_waits_for_funds_and_for_paypal() {
    run_alone(async {
        let client = Client::new();
        for (status, body) in [
            (
                422,
                json!({ "details": [{ "issue": "REFUND_FAILED_INSUFFICIENT_FUNDS" }] }),
            ),
            (
                403,
                json!({ "name": "NOT_AUTHORIZED", "details": [{ "issue": "PERMISSION_DENIED" }] }),
            ),
            (403, json!("<html>Access denied</html>")),
        ] {
            let paid = create_paid_booking(&client, None).await;
            capture_now(&client, &paid).await;
            set_fault(
                Upstream::PayPal,
                Fault::respond(status, body.to_string())
                    .on_path("/refund")
                    .times(1),
            )
            .await;
            let pending = post_action(&client, paid.hold.id, "refund", &json!({}))
                .await
                .expect(200);
            assert_eq!(pending["status"], "pending", "{body}");
            advance_clock(SignedDuration::from_mins(15)).await;
            run_cron(&client).await;
            assert_eq!(
                read_payment(&client, &paid).await["status"],
                "refunded",
                "{body}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn pending_refund_stays_pending() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        capture_now(&client, &paid).await;
        let body = json!({ "id": format!("R{}", new_uuid().simple()), "status": "PENDING", "status_details": { "reason": "ECHECK" },
            "amount": { "currency_code": paid.hold.currency, "value": paid.hold.price } });
        set_fault(Upstream::PayPal, Fault::respond(201, body.to_string()).on_path("/refund").times(1)).await;
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!((&refund["amount"], &refund["status"]), (&json!(paid.hold.price), &json!("pending")));
        let shown = read_payment(&client, &paid).await;
        assert_eq!((&shown["status"], &shown["refundedAmount"]), (&json!("captured"), &json!("0.00")));
        run_cron(&client).await;
        assert_eq!(checkout::cancel(&client, &paid.hold).await["status"], "pending");
        // The money on its way is not refundable again.
        let again = post_action_with_key(&client, paid.hold.id, "refund", "again", &json!({ "amount": "0.01" })).await;
        again.expect_problem(409, "refund_not_possible");
    })
    .await;
}

#[tokio::test]
async fn half_values_of_refunds_are_refused() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        capture_now(&client, &paid).await;
        let other = if paid.hold.currency == "EUR" { "USD" } else { "EUR" };
        for (body, pointer) in [
            (json!({ "amount": null }), "/amount"),
            (json!({ "amount": { "amount": "1.00", "currency": other } }), "/currency"),
            (json!({ "amount": "1.00", "currency": other }), "/currency"),
            (json!({ "amount": "1.00", "currency": null }), "/currency"),
            (json!({ "amount": "1.00", "currency": "" }), "/currency"),
            (json!({ "amount": "1.00", "currency": ["USD"] }), "/currency"),
            (json!({ "amount": { "amount": "1.00", "currency": paid.hold.currency }, "currency": other }), "/currency"),
            (json!({ "currency": other }), "/currency"),
            (json!({ "Amount": "1.00" }), "/Amount"),
            (json!({ "amout": "1.00" }), "/amout"),
            (json!({ "value": "1.00", "currency_code": "USD" }), "/currency_code"),
            (json!({ "amount": { "amount": "1.00", "currency": 12 } }), "/amount/currency"),
            (json!({ "amount": { "amount": "1.00", "currency": null } }), "/amount/currency"),
            (json!({ "amount": { "amount": null, "currency": paid.hold.currency } }), "/amount/amount"),
            (json!({ "amount": { "currency": paid.hold.currency } }), "/amount/amount"),
            (json!({ "amount": { "amount": { "amount": "1.00" }, "currency": paid.hold.currency } }), "/amount/amount"),
            (json!({ "amount": {} }), "/amount/amount"),
            (json!({ "amount": true }), "/amount"),
            (json!({ "amount": "0.00" }), "/amount"),
        ] {
            let refused = post_action_with_key(&client, paid.hold.id, "refund", &new_uuid().to_string(), &body).await;
            let refused = refused.expect_problem(422, "invalid_fields");
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}");
        }
        assert_eq!(read_payment(&client, &paid).await["refundedAmount"], "0.00");
        let money = json!({ "amount": { "amount": "1.00", "currency": paid.hold.currency } });
        let made = post_action_with_key(&client, paid.hold.id, "refund", &new_uuid().to_string(), &money).await.expect(200);
        assert_eq!((&made["amount"], &made["status"]), (&json!("1.00"), &json!("refunded")));
        let flat = json!({ "amount": "2.00", "currency": paid.hold.currency });
        let made = post_action_with_key(&client, paid.hold.id, "refund", &new_uuid().to_string(), &flat).await.expect(200);
        assert_eq!((&made["amount"], &made["currency"]), (&json!("2.00"), &json!(paid.hold.currency)));
    })
    .await;
}
