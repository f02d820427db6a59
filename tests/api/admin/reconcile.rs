//! `GET, POST /api/admin/payments/reconcile`: its callers, and runs in which comparisons fail.
//!
//! Its repairs are in `reconcile_repairs.rs`, and findings that remain in `drift.rs`.

use crate::support::{
    checkout::{self, create_paid_booking, read_payment},
    client::{Client, Response},
    environment::variable,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::{run_alone, share_system},
    local_system::{Role, sign_in},
    operator, paypal_dashboard,
    reconciliation::{
        RECONCILE_PATH, finding_kinds, reconcile, reconcile_later, request_reconciliation,
    },
    rental::Rental,
};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn only_cron_and_operators_reconcile() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        paypal_dashboard::void(&paid.authorization).await;
        let admin = variable("ADMIN_TOKEN");
        let wrong_tokens = [
            admin[1..].to_owned(),
            variable("CRON_SECRET") + "x",
            paid.hold.token.clone(),
            sign_in(Role::Customer).await,
            String::new(),
        ];
        for method in [Method::GET, Method::POST] {
            let request = || {
                client
                    .with_new_address()
                    .request(method.clone(), RECONCILE_PATH)
            };
            for token in &wrong_tokens {
                Response::to(request().bearer_auth(token))
                    .await
                    .expect_problem(401, "unauthenticated");
            }
            Response::to(request())
                .await
                .expect_problem(401, "unauthenticated");
        }
        assert_eq!(read_payment(&client, &paid).await["status"], "authorized");

        let tokens = [admin, variable("CRON_SECRET"), sign_in(Role::Admin).await];
        let mut checked = Vec::new();
        for (token, method) in tokens.iter().zip([Method::POST, Method::POST, Method::GET]) {
            let request = client.with_new_address().request(method, RECONCILE_PATH);
            let response = Response::to(request.bearer_auth(token)).await.expect(200);
            assert_eq!(finding_kinds(&response, paid.hold.id), ["unpaid_booking"]);
            checked.push(response["checked"].as_i64().unwrap());
        }
        assert!(checked[0] > 0);
        assert_eq!(
            checked[1..],
            [0, 0],
            "nothing is compared twice within the hour"
        );
        assert_eq!(read_payment(&client, &paid).await["status"], "voided");
    })
    .await;
}

#[tokio::test]
async fn drift_is_for_operators_only() {
    let _guard = share_system().await;
    let client = Client::new();
    let drift = operator::read(&client, "/api/admin/payments/drift").await;
    assert_eq!(drift["success"], true);
    assert!(
        drift["drift"].is_array() && drift["deadLetters"].is_array(),
        "{drift}"
    );
    client
        .get_as(&variable("CRON_SECRET"), "/api/admin/payments/drift")
        .await
        .expect_problem(401, "unauthenticated");
}

const FORGOTTEN: &str =
    r#"{"name":"RESOURCE_NOT_FOUND","details":[{"issue":"INVALID_RESOURCE_ID"}]}"#;

/// PayPal forgets orders that nobody approved, or has no readable answer about them.
#[tokio::test]
async fn failing_comparisons_delay_no_other() {
    for (status, body, failed) in [(404, FORGOTTEN, 0), (404, "<html>", 52), (500, "{}", 52)] {
        run_alone(async move {
            let client = Client::new();
            reconcile_later(&client).await;
            for _ in 0..52 {
                let client = client.with_new_address();
                let rental = Rental::far_ahead(&client, 2).await;
                let hold = checkout::create_hold(&client, &rental).await;
                let order = checkout::create_order(&client, &hold, None).await;
                let show = format!("/v2/checkout/orders/{}", order.id);
                let answer = Fault::respond(status, body).on_path(show);
                set_fault(Upstream::PayPal, answer).await;
            }
            let paid = create_paid_booking(&client, None).await;
            paypal_dashboard::void(&paid.authorization).await;
            let run = request_reconciliation(&client).await.expect(200);
            assert_eq!(
                (&run["checked"], &run["failed"]),
                (&json!(53 - failed), &json!(failed)),
                "{status} {body}"
            );
            assert_eq!(read_payment(&client, &paid).await["status"], "voided");
        })
        .await;
    }
}

/// Our credentials, permissions or account are refused, or the rate is limited: no payment fails.
#[tokio::test]
async fn refused_account_stops_run_without_ending_payments() {
    let restricted = r#"{"name":"NOT_AUTHORIZED","details":[{"issue":"PERMISSION_DENIED"}]}"#;
    for (status, body, stopped, kind) in [
        (401, "{}", "paypal_refuses_us", Some("paypal_refuses_us")),
        (
            403,
            restricted,
            "paypal_refuses_us",
            Some("paypal_refuses_us"),
        ),
        (429, "{}", "rate_limited", None),
    ] {
        run_alone(async move {
            let client = Client::new();
            reconcile_later(&client).await;
            let mut paid = Vec::new();
            for _ in 0..10 {
                paid.push(create_paid_booking(&client.with_new_address(), None).await);
            }
            let refusal = Fault::respond(status, body).on_path("/v2/checkout/orders/");
            set_fault(Upstream::PayPal, refusal).await;
            let run = request_reconciliation(&client).await.expect(200);
            assert_eq!(
                (
                    &run["stopped"],
                    &run["checked"],
                    &run["failed"],
                    &run["success"]
                ),
                (&json!(stopped), &json!(0), &json!(1), &json!(false)),
                "{status}"
            );
            clear_faults(Upstream::PayPal).await;
            let mut kinds = Vec::new();
            for paid in &paid {
                assert_eq!(read_payment(&client, paid).await["status"], "authorized");
                kinds.extend(finding_kinds(&run, paid.hold.id));
            }
            assert_eq!(kinds, kind.into_iter().collect::<Vec<_>>(), "one finding");
            let run = reconcile(&client).await;
            assert_eq!(
                (&run["checked"], &run["stopped"]),
                (&json!(9), &Value::Null),
                "the rest is due at once"
            );
            let later = reconcile_later(&client).await;
            for paid in &paid {
                assert_eq!(finding_kinds(&later, paid.hold.id), Vec::<Value>::new());
            }
        })
        .await;
    }
}

#[tokio::test]
async fn failed_comparison_is_retried() {
    run_alone(async {
        let client = Client::new();
        reconcile_later(&client).await;
        let paid = create_paid_booking(&client, None).await;
        paypal_dashboard::void(&paid.authorization).await;
        for (upstream, code) in [(Upstream::PayPal, 200), (Upstream::Database, 503)] {
            let path = match upstream {
                Upstream::PayPal => "/v2/checkout/orders",
                _ => "rpc/payments_to_reconcile",
            };
            set_fault(upstream, Fault::refuse().on_path(path)).await;
            let response = request_reconciliation(&client).await;
            if code == 200 {
                let run = response.expect(200);
                assert_eq!(
                    (&run["success"], &run["checked"], &run["failed"]),
                    (&json!(false), &json!(0), &json!(1)),
                    "{run}"
                );
            } else {
                response.expect_problem(503, "database_unavailable");
            }
            clear_faults(upstream).await;
            assert_eq!(read_payment(&client, &paid).await["status"], "authorized");
        }
        let run = reconcile_later(&client).await;
        assert_eq!(run["repaired"], 1, "{run}");
        assert_eq!(read_payment(&client, &paid).await["status"], "voided");
    })
    .await;
}
