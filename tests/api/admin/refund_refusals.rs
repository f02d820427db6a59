//! PayPal refuses or delays a refund, or the request for one is wrong.

use crate::support::{
    capture_cron::run_cron,
    checkout::{self, read_payment},
    client::Client,
    database::Database,
    environment::new_uuid,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::advance_clock,
    operator::{
        capture_now, create_captured_booking, post_action_with_key, request_full_refund,
        request_refund,
    },
    paypal::exchanges_about,
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::json;

#[tokio::test]
async fn refund_past_180_days_is_refused_truthfully() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::between(&client, 2, 320, 330).await;
        let paid = checkout::pay(&client, &rental, None).await;
        capture_now(&client, &paid).await;
        advance_clock(SignedDuration::from_hours(181 * 24)).await;
        let refused = request_full_refund(&client, &paid).await;
        let refused = refused.expect_problem(409, "refund_window_over");
        assert_eq!(refused["rest"], "0.00");
        assert!(refused["refundableUntil"].is_string(), "{refused}");
        for _ in 0..2 {
            let refund = checkout::cancel(&client, &paid.hold).await;
            assert_eq!(refund["percent"], 100);
            assert_eq!(refund["status"], "refused");
            assert_eq!(refund["failureCode"], "refund_window_over");
        }
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        assert_eq!(exchanges.of("captures.refund").len(), 0);
    })
    .await;
}

#[tokio::test]
async fn refund_that_paypal_refuses_is_told() {
    run_alone(async {
        let client = Client::new();
        let paid = create_captured_booking(&client, None).await;
        let issue = "REFUND_TIME_LIMIT_EXCEEDED";
        let refusal = Fault::paypal_issue(422, issue).on_path("/refund");
        set_fault(Upstream::PayPal, refusal).await;
        let refused = request_full_refund(&client, &paid).await.expect(200);
        let canceled = checkout::cancel(&client, &paid.hold).await;
        for refund in [&refused, &canceled] {
            assert_eq!(refund["status"], "refused");
            assert_eq!(refund["failureCode"], issue);
        }
        clear_faults(Upstream::PayPal).await;
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!(refund["status"], "refused");
        // An operator orders it again.
        let again = request_refund(&client, &paid, &json!({ "amount": paid.hold.price })).await;
        assert_eq!(again.expect(200)["status"], "refunded");
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!(refund["status"], "refunded");
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
            let paid = create_captured_booking(&client, None).await;
            let refusal = Fault::respond(status, body.to_string()).on_path("/refund");
            set_fault(Upstream::PayPal, refusal.times(1)).await;
            let pending = request_full_refund(&client, &paid).await.expect(200);
            assert_eq!(pending["status"], "pending", "{body}");
            advance_clock(SignedDuration::from_mins(15)).await;
            run_cron(&client).await;
            let payment = read_payment(&client, &paid).await;
            assert_eq!(payment["status"], "refunded", "{body}");
        }
    })
    .await;
}

#[tokio::test]
async fn pending_refund_stays_pending() {
    run_alone(async {
        let client = Client::new();
        let paid = create_captured_booking(&client, None).await;
        let body = json!({
            "id": format!("R{}", new_uuid().simple()),
            "status": "PENDING",
            "status_details": { "reason": "ECHECK" },
            "amount": { "currency_code": paid.hold.currency, "value": paid.hold.price },
        });
        let pending = Fault::respond(201, body.to_string()).on_path("/refund");
        set_fault(Upstream::PayPal, pending.times(1)).await;
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!(refund["amount"], json!(paid.hold.price));
        assert_eq!(refund["status"], "pending");
        let shown = read_payment(&client, &paid).await;
        assert_eq!(shown["status"], "captured");
        assert_eq!(shown["refundedAmount"], "0.00");
        run_cron(&client).await;
        let refund = checkout::cancel(&client, &paid.hold).await;
        assert_eq!(refund["status"], "pending");
        // The money on its way is not refundable again.
        let cent = json!({ "amount": "0.01" });
        let again = post_action_with_key(&client, paid.hold.id, "refund", "again", &cent).await;
        again.expect_problem(409, "refund_not_possible");
    })
    .await;
}

#[tokio::test]
async fn half_values_of_refunds_are_refused() {
    run_alone(async {
        let client = Client::new();
        let paid = create_captured_booking(&client, None).await;
        let own = paid.hold.currency.as_str();
        let other = if own == "EUR" { "USD" } else { "EUR" };
        for (amount, pointer) in [
            (json!(null), "/amount"),
            (json!({ "amount": "1.00", "currency": other }), "/currency"),
            (
                json!({ "amount": "1.00", "currency": 12 }),
                "/amount/currency",
            ),
            (
                json!({ "amount": "1.00", "currency": null }),
                "/amount/currency",
            ),
            (json!({ "amount": null, "currency": own }), "/amount/amount"),
            (json!({ "currency": own }), "/amount/amount"),
            (
                json!({ "amount": { "amount": "1.00" }, "currency": own }),
                "/amount/amount",
            ),
            (json!({}), "/amount/amount"),
            (json!(true), "/amount"),
            (json!("0.00"), "/amount"),
        ] {
            let body = json!({ "amount": amount });
            let refused = request_refund(&client, &paid, &body).await;
            let refused = refused.expect_problem(422, "invalid_fields");
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}");
        }
        for (body, pointer) in [
            (json!({ "amount": "1.00", "currency": other }), "/currency"),
            (json!({ "amount": "1.00", "currency": null }), "/currency"),
            (json!({ "amount": "1.00", "currency": "" }), "/currency"),
            (
                json!({ "amount": "1.00", "currency": ["USD"] }),
                "/currency",
            ),
            (
                json!({ "amount": { "amount": "1.00", "currency": own }, "currency": other }),
                "/currency",
            ),
            (json!({ "currency": other }), "/currency"),
            (json!({ "Amount": "1.00" }), "/Amount"),
            (json!({ "amout": "1.00" }), "/amout"),
        ] {
            let refused = request_refund(&client, &paid, &body).await;
            let refused = refused.expect_problem(422, "invalid_fields");
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}");
        }
        assert_eq!(read_payment(&client, &paid).await["refundedAmount"], "0.00");
        let money = json!({ "amount": { "amount": "1.00", "currency": own } });
        let made = request_refund(&client, &paid, &money).await.expect(200);
        assert_eq!(made["amount"], "1.00");
        assert_eq!(made["status"], "refunded");
        let beside = json!({ "amount": "2.00", "currency": own });
        let made = request_refund(&client, &paid, &beside).await.expect(200);
        assert_eq!(
            (&made["amount"], &made["currency"]),
            (&json!("2.00"), &json!(own))
        );
    })
    .await;
}
