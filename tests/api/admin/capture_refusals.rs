//! PayPal refuses, delays or reviews a capture: the response, the payment's state and the way on.

use crate::support::{
    capture_cron::{create_due_payment, results_for, run_cron, run_cron_for},
    checkout::{self, Hold, create_paid_booking, read_booking, read_payment, text},
    client::Client,
    database::Database,
    faults::{Fault, Upstream, clear_faults, refuse_once, set_fault},
    isolation::run_alone,
    local_system::advance_clock,
    operator::{self, capture_now, request_capture, request_full_refund},
    paypal::exchanges_about,
    paypal_behaviour::decline_capture_once,
    paypal_dashboard::{read_paypal_order, void},
    reconciliation::finding_kinds,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Cancels and asserts that the whole price goes back, with this status.
async fn assert_full_return(client: &Client, hold: &Hold, status: &str) {
    let refund = checkout::cancel(client, hold).await;
    assert_eq!(
        (&refund["amount"], &refund["status"]),
        (&json!(hold.price), &json!(status))
    );
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
            refuse_once("/capture", issue).await;
            let refused = request_capture(&client, &paid).await;
            let refused = refused.expect_problem(402, "payment_declined");
            assert!(text(&refused["detail"]).contains(issue), "{refused}");
            assert_eq!(read_payment(&client, &paid).await["status"], "failed");
            // The authorization lives, so the operator may try again.
            let captured = request_capture(&client, &paid).await.expect(200);
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
        let paid = create_due_payment(&client, None).await;
        decline_capture_once(&paid.order.id, "PAYER_CANNOT_PAY").await;
        let refused = run_cron_for(&client, &paid).await;
        assert_eq!(refused["success"], false);
        assert_eq!(refused["error"], "PAYER_CANNOT_PAY");
        assert_eq!(
            results_for(&run_cron(&client).await, paid.hold.id),
            Vec::<Value>::new()
        );
        advance_clock(SignedDuration::from_mins(15)).await;
        let retried = run_cron_for(&client, &paid).await;
        assert_eq!(retried["success"], true, "{retried}");
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
            let paid = create_due_payment(&client, None).await;
            let refusal = Fault::paypal_issue(status, issue).on_path("/capture");
            set_fault(Upstream::PayPal, refusal).await;
            assert_eq!(run_cron_for(&client, &paid).await["success"], false);
            clear_faults(Upstream::PayPal).await;
            let payment = read_payment(&client, &paid).await;
            assert_eq!(payment["status"], "authorized", "{issue}");
            let drift = operator::read(&client, "/api/admin/payments/drift").await;
            let kinds = finding_kinds(&drift, paid.hold.id);
            assert!(kinds.contains(&json!("paypal_refuses_us")), "{issue}");
            advance_clock(SignedDuration::from_mins(15)).await;
            let retried = run_cron_for(&client, &paid).await;
            assert_eq!(retried["success"], true, "{issue} {retried}");
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
        refuse_once("/capture", "AUTHORIZATION_EXPIRED").await;
        let refused = request_capture(&client, &paid).await;
        refused.expect_problem(409, "authorization_ended");
        assert_eq!(read_payment(&client, &paid).await["status"], "authorized");
        capture_now(&client, &paid).await;

        let voided = create_paid_booking(&client, None).await;
        void(&voided.authorization).await;
        let refused = request_capture(&client, &voided).await;
        refused.expect_problem(409, "authorization_ended");
        assert_eq!(read_payment(&client, &voided).await["status"], "voided");
        let again = request_capture(&client, &voided).await;
        again.expect_problem(409, "authorization_ended");
    })
    .await;
}

#[tokio::test]
async fn declined_payment_is_voided_by_cancellation() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        refuse_once("/capture", "PAYER_CANNOT_PAY").await;
        let refused = request_capture(&client, &paid).await;
        refused.expect_problem(402, "payment_declined");
        assert_full_return(&client, &paid.hold, "voided").await;
        let order = read_paypal_order(&paid.order.id).await;
        assert_eq!(order.authorizations(), ["VOIDED"]);
    })
    .await;
}

#[tokio::test]
async fn pending_capture_is_told_and_waits() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, Some("SIMULATE_CAPTURE_PENDING")).await;
        let pending = request_capture(&client, &paid).await.expect(202);
        assert_eq!(pending["status"], "pending");
        let payment = read_payment(&client, &paid).await;
        assert_eq!(payment["status"], "capture_pending");
        let again = request_capture(&client, &paid).await.expect(202);
        assert_eq!(again, pending);
        let refund = request_full_refund(&client, &paid).await;
        refund.expect_problem(409, "refund_not_possible");
        // The days are freed at once, and the money follows when PayPal has decided.
        assert_full_return(&client, &paid.hold, "pending").await;
        let booking = read_booking(&client, &paid.hold).await;
        assert_eq!(booking["status"], "cancelled");
    })
    .await;
}

#[tokio::test]
async fn cancellation_despite_doubtful_capture_frees_days() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_paid_booking(&client, None).await;
        // PayPal returns nothing that can be decoded, for hours.
        let page = Fault::respond(502, "<html>Bad gateway</html>");
        set_fault(Upstream::PayPal, page).await;
        let doubtful = request_capture(&client, &paid).await;
        doubtful.expect_problem(503, "payment_provider_unavailable");
        assert_eq!(read_payment(&client, &paid).await["status"], "capturing");
        assert_full_return(&client, &paid.hold, "pending").await;
        let next_hold = checkout::request_hold(&client, &paid.hold.rental).await;
        next_hold.expect(201);
        clear_faults(Upstream::PayPal).await;
        // PayPal shows no capture, so it is not repeated, and the authorization is voided.
        for _ in 0..3 {
            advance_clock(SignedDuration::from_mins(16)).await;
            run_cron(&client).await;
        }
        assert_full_return(&client, &paid.hold, "voided").await;
        let order = read_paypal_order(&paid.order.id).await;
        assert_eq!(order.authorizations(), ["VOIDED"]);
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        assert_eq!(exchanges.effects("authorizations.capture"), 0);
    })
    .await;
}
