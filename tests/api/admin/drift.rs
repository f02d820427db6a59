//! Findings that reconciliation cannot repair. Each is listed with advice until it is resolved.

use crate::support::{
    capture_cron::run_cron,
    checkout::{self, create_paid_booking, read_booking, read_payment, request_hold},
    client::Client,
    database::Database,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past, now},
    operator::{self, capture_now, post_action, request_capture, request_full_refund},
    paypal_dashboard::{self, read_paypal_order},
    reconciliation::{finding_kinds, reconcile, reconcile_later},
    rental::Rental,
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

/// The only finding about a booking.
fn single_finding(drift: &Value, booking: Uuid) -> Value {
    let findings = drift["drift"].as_array().unwrap().iter();
    let about: Vec<&Value> = findings
        .filter(|finding| finding["bookingId"] == json!(booking))
        .collect();
    let [finding] = about[..] else {
        panic!("{about:?}")
    };
    finding.clone()
}

#[tokio::test]
async fn external_void_is_reported_as_unpaid_booking() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_paid_booking(&client, None).await;
        paypal_dashboard::void(&paid.authorization).await;
        let run = reconcile(&client).await;
        let finding = single_finding(&run, paid.hold.id);
        let booking = read_booking(&client, &paid.hold).await;
        assert_eq!(booking["status"], "upcoming", "an operator decides");
        assert_eq!(booking["payment"]["status"], "voided");
        let found_at: Timestamp = checkout::text(&finding["foundAt"]).parse().unwrap();
        assert!(now().await.duration_since(found_at) < SignedDuration::from_mins(1));
        let advice = checkout::text(&finding["repair"]);
        assert!(
            advice.contains("POST /api/admin/bookings/{id}/void"),
            "{advice}"
        );
        assert_eq!(
            finding,
            json!({
                "kind": "unpaid_booking", "detail": "authorization_voided",
                "foundAt": finding["foundAt"],
                "bookingId": paid.hold.id, "reference": booking["reference"],
                "paymentId": booking["payment"]["paymentId"], "repair": advice,
            })
        );
        let drift = operator::read(&client, "/api/admin/payments/drift").await;
        assert_eq!(single_finding(&drift, paid.hold.id), finding);

        let later = reconcile_later(&client).await;
        assert_eq!(
            single_finding(&later, paid.hold.id),
            finding,
            "it stays as it was found"
        );
        let response = post_action(&client, paid.hold.id, "void", &json!({})).await;
        assert_eq!(response.expect(200)["refund"]["status"], "none");
        let later = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&later, paid.hold.id), Vec::<Value>::new());
        let drift = operator::read(&client, "/api/admin/payments/drift").await;
        assert_eq!(finding_kinds(&drift, paid.hold.id), Vec::<Value>::new());
        let resolved = "SELECT count(*) FROM payment_findings AS f
                        JOIN payments AS p ON p.id = f.payment_id
                        WHERE p.booking_id = $1 AND f.resolved_at IS NOT NULL";
        assert_eq!(database.number(resolved, &[&paid.hold.id]).await, 1);
    })
    .await;
}

/// PayPal neither reauthorizes nor captures, until it recovers or the 29 days end.
#[tokio::test]
async fn expiring_authorization_is_reported_in_time() {
    for is_in_time in [true, false] {
        run_alone(async move {
            let client = Client::new();
            let paid = create_paid_booking(&client, None).await;
            let issue = json!({"issue": "REAUTHORIZATION_NOT_SUPPORTED"});
            let not_supported = json!({"name": "UNPROCESSABLE_ENTITY", "details": [issue]});
            for (status, body, call) in [
                (422, not_supported.to_string(), "reauthorize"),
                (503, String::new(), "capture"),
            ] {
                let path = format!("{}/{call}", paid.authorization);
                let failure = Fault::respond(status, body).on_path(path);
                set_fault(Upstream::PayPal, failure).await;
            }
            advance_clock_past(paid.capture_at).await;
            run_cron(&client).await;
            let run = reconcile(&client).await;
            assert_eq!(
                finding_kinds(&run, paid.hold.id),
                Vec::<Value>::new(),
                "two days are left"
            );
            advance_clock(SignedDuration::from_hours(24)).await;
            run_cron(&client).await;
            let run = reconcile(&client).await;
            let findings = run["drift"].as_array().unwrap().iter();
            let mut own = findings.filter(|finding| finding["bookingId"] == json!(paid.hold.id));
            let finding = own.find(|finding| finding["kind"] == "lapsing").unwrap();
            assert_eq!(
                finding_kinds(&run, paid.hold.id).len(),
                2,
                "and capture_delayed"
            );
            let end = &read_payment(&client, &paid).await["authorizationExpiresAt"];
            let end: Timestamp = checkout::text(end).parse().unwrap();
            let reported: Timestamp = checkout::text(&finding["detail"]).parse().unwrap();
            assert_eq!(reported, end);

            if is_in_time {
                clear_faults(Upstream::PayPal).await;
                request_capture(&client, &paid).await.expect(200);
            } else {
                advance_clock_past(end).await;
                clear_faults(Upstream::PayPal).await;
            }
            let later = reconcile_later(&client).await;
            let (status, kinds) = if is_in_time {
                ("captured", vec![])
            } else {
                ("expired", vec!["unpaid_booking"])
            };
            assert_eq!(read_payment(&client, &paid).await["status"], status);
            assert_eq!(finding_kinds(&later, paid.hold.id), kinds);
        })
        .await;
    }
}

#[tokio::test]
async fn second_capture_is_reported_until_refunded() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        let currency = &paid.hold.currency;
        let stray = paypal_dashboard::capture(&paid.authorization, "1.00", currency).await;
        // PayPal's times have whole seconds, so the captures need different ones.
        advance_clock(SignedDuration::from_secs(1)).await;
        let ours = checkout::text(&request_capture(&client, &paid).await.expect(200)["captureId"]);
        let run = reconcile(&client).await;
        let finding = single_finding(&run, paid.hold.id);
        assert_eq!(
            (&finding["kind"], &finding["detail"]),
            (&json!("captured_twice"), &json!(format!("{stray} {ours}")))
        );
        paypal_dashboard::refund(&stray, "1.00", currency).await;
        let later = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&later, paid.hold.id), Vec::<Value>::new());
    })
    .await;
}

/// The desk captures in two parts, of which the first alone is too little.
#[tokio::test]
async fn captures_in_parts_are_compared_by_their_sum() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        let (price, currency) = (&paid.hold.price, &paid.hold.currency);
        let first = paypal_dashboard::capture(&paid.authorization, "1.00", currency).await;
        let run = reconcile(&client).await;
        let finding = single_finding(&run, paid.hold.id);
        let mismatch = format!("1.00 {currency} instead of {price} {currency}");
        assert_eq!(
            (&finding["kind"], &finding["detail"]),
            (&json!("amount_mismatch"), &json!(mismatch))
        );
        // A part is not the capture that the operator asks for.
        request_capture(&client, &paid)
            .await
            .expect_problem(409, "already_captured");
        advance_clock(SignedDuration::from_secs(1)).await;
        let rest = price.parse::<Decimal>().unwrap() - Decimal::ONE;
        paypal_dashboard::capture(&paid.authorization, &rest.to_string(), currency).await;
        let later = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&later, paid.hold.id), Vec::<Value>::new());
        let payment = read_payment(&client, &paid).await;
        assert_eq!(payment["captureId"], json!(first));
        // Each capture is in the audit log with its amount.
        let entries =
            operator::audit_entries_for_action(&client, paid.hold.id, "capture.completed").await;
        let amounts: Vec<&Value> = entries
            .iter()
            .map(|entry| &entry["detail"]["amount"])
            .collect();
        assert_eq!(amounts, [&json!("1.00"), &json!(rest.to_string())]);
    })
    .await;
}

/// PayPal holds money for days that another customer has booked. The crons give it back.
#[tokio::test]
async fn payment_without_booking_is_voided() {
    run_alone(async {
        let client = Client::new();
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        advance_clock(SignedDuration::from_mins(61)).await;
        request_hold(&client, &hold.rental).await.expect(201);
        paypal_dashboard::authorize(&order.id).await;
        let run = reconcile(&client).await;
        assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
        assert_eq!(read_booking(&client, &hold).await["status"], "expired");
        advance_clock(SignedDuration::from_mins(3)).await;
        run_cron(&client).await;
        let authorizations = read_paypal_order(&order.id).await.authorizations();
        assert_eq!(authorizations, ["VOIDED"]);
        let later = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&later, hold.id), Vec::<Value>::new());
        let payment = &read_booking(&client, &hold).await["payment"];
        assert_eq!(payment["status"], "voided");
    })
    .await;
}

#[tokio::test]
async fn pending_capture_is_reported_until_decided() {
    for (script, status, kinds) in [
        ("SIMULATE_CAPTURE_CHECK_CLEARS", "captured", vec![]),
        (
            "SIMULATE_CAPTURE_CHECK_BOUNCES",
            "failed",
            vec!["capture_declined", "unpaid_booking"],
        ),
    ] {
        run_alone(async move {
            let client = Client::new();
            let paid = create_paid_booking(&client, Some(script)).await;
            let response = request_capture(&client, &paid).await.expect(202);
            assert_eq!(response["status"], "pending");
            let payment = read_payment(&client, &paid).await;
            assert_eq!(payment["status"], "capture_pending");
            let run = reconcile(&client).await;
            assert_eq!(
                single_finding(&run, paid.hold.id)["kind"],
                "capture_pending"
            );
            advance_clock(SignedDuration::from_hours(73)).await;
            run_cron(&client).await;
            let later = reconcile(&client).await;
            assert_eq!(read_payment(&client, &paid).await["status"], status);
            assert_eq!(finding_kinds(&later, paid.hold.id), kinds, "{script}");
        })
        .await;
    }
}

#[tokio::test]
async fn refused_refund_is_reported() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        capture_now(&client, &paid).await;
        let capture = checkout::text(&read_payment(&client, &paid).await["captureId"]);
        paypal_dashboard::refund(&capture, "1.00", &paid.hold.currency).await;
        let response = request_full_refund(&client, &paid).await;
        assert_eq!(response.expect(200)["status"], "refused");
        // The dashboard's refund was not ours either.
        let run = reconcile(&client).await;
        let kinds = finding_kinds(&run, paid.hold.id);
        assert_eq!(kinds, ["money_returned", "refund_refused"]);
        let response = request_full_refund(&client, &paid).await;
        assert_eq!(response.expect(200)["status"], "refunded");
        let later = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&later, paid.hold.id), ["money_returned"]);
    })
    .await;
}
