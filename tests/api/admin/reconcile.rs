//! `GET, POST /api/admin/payments/reconcile`, which records what PayPal did without our knowledge.
//!
//! Findings that remain are in `drift.rs`.

use crate::support::{
    capture_cron::run_cron,
    checkout::{
        self, Order, cancel, create_paid_booking, read_booking, read_payment,
        request_authorization, request_hold,
    },
    client::{Client, Response},
    database::Database,
    environment::variable,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::{run_alone, share_system},
    local_system::{Role, advance_clock, advance_clock_past, sign_in},
    operator::{self, capture_now},
    paypal::exchanges_about,
    paypal_dashboard::{self, read_paypal_order},
    reconciliation::{RECONCILE_PATH, finding_kinds, reconcile, reconcile_later},
    rental::Rental,
};
use futures_util::future::join;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

/// Creates an order that PayPal has authorized. The response was lost, and the customer is gone.
async fn lose_authorization(client: &Client, hold: &checkout::Hold) -> Order {
    let order = checkout::create_approved_order(client, hold, None).await;
    set_fault(
        Upstream::PayPal,
        Fault::drop_response().on_path("/authorize"),
    )
    .await;
    let show = format!("/v2/checkout/orders/{}", order.id);
    set_fault(Upstream::PayPal, Fault::refuse().on_path(show)).await;
    request_authorization(client, &order)
        .await
        .expect_problem(503, "payment_provider_unavailable");
    clear_faults(Upstream::PayPal).await;
    order
}

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

#[tokio::test]
async fn reconciliation_records_unrecorded_capture() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        reconcile_later(&client).await;
        for fault in [Fault::drop_response(), Fault::refuse()] {
            let paid = create_paid_booking(&client, None).await;
            set_fault(Upstream::Database, fault.on_path("rpc/record_capture")).await;
            capture_now(&client, &paid).await;
            clear_faults(Upstream::Database).await;
            let run = reconcile(&client).await;
            let repaired = i32::from(fault == Fault::refuse());
            assert_eq!(
                (&run["checked"], &run["repaired"]),
                (&json!(1), &json!(repaired)),
                "{run}"
            );
            let shown = read_payment(&client, &paid).await;
            assert_eq!(shown["status"], "captured", "{fault}");
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            let [capture] = exchanges.of("authorizations.capture")[..] else {
                panic!("one capture")
            };
            assert_eq!(shown["captureId"], capture["responseBody"]["id"]);
            assert_eq!(database.open_operations(paid.hold.id).await, 0);
            assert_eq!(finding_kinds(&run, paid.hold.id), Vec::<Value>::new());
        }
    })
    .await;
}

/// Both find the same lost capture at the same time.
#[tokio::test]
async fn cron_and_reconciliation_agree_on_lost_capture() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
        advance_clock_past(paid.capture_at).await;
        let path = format!("{}/capture", paid.authorization);
        set_fault(Upstream::PayPal, Fault::drop_response().on_path(path)).await;
        run_cron(&client).await;
        clear_faults(Upstream::PayPal).await;
        advance_clock(SignedDuration::from_mins(16)).await;
        join(run_cron(&client), reconcile(&client)).await;
        assert_eq!(read_payment(&client, &paid).await["status"], "captured");
        assert_eq!(
            read_paypal_order(&paid.order.id).await.captures(),
            [paid.hold.price.as_str()]
        );
        assert_eq!(database.open_operations(paid.hold.id).await, 0);
        let duplicates = "SELECT count(*) FROM security_events
                          WHERE kind = 'duplicate_capture' AND detail ->> 'bookingId' = $1::text";
        assert_eq!(
            database
                .number(duplicates, &[&paid.hold.id.to_string()])
                .await,
            0
        );
    })
    .await;
}

/// Reconciliation runs at once, and after the hold has expired.
#[tokio::test]
async fn reconciliation_confirms_booking_with_lost_authorization() {
    for minutes in [0, 61] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = lose_authorization(&client, &hold).await;
            assert_eq!(
                read_booking(&client, &hold).await["status"],
                "pending_payment"
            );
            advance_clock(SignedDuration::from_mins(minutes)).await;
            run_cron(&client).await;
            let run = reconcile(&client).await;
            let booking = read_booking(&client, &hold).await;
            assert_eq!(booking["status"], "upcoming", "{minutes} minutes later");
            assert_eq!(booking["payment"]["status"], "authorized");
            assert!(booking["payment"]["captureScheduledAt"].is_string());
            let exchanges = exchanges_about(&database, hold.id).await;
            assert_eq!(exchanges.request_ids("orders.authorize").len(), 1);
            assert_eq!(
                read_paypal_order(&order.id).await.authorizations(),
                ["CREATED"]
            );
            assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
        })
        .await;
    }
}

#[tokio::test]
async fn unwanted_lost_authorization_is_voided() {
    for is_cancelled in [true, false] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = lose_authorization(&client, &hold).await;
            let status = if is_cancelled {
                cancel(&client, &hold).await;
                "cancelled"
            } else {
                advance_clock(SignedDuration::from_mins(61)).await;
                request_hold(&client, &hold.rental).await.expect(201);
                "expired"
            };
            let run = reconcile(&client).await;
            assert_eq!(
                read_paypal_order(&order.id).await.authorizations(),
                ["VOIDED"],
                "{status}"
            );
            let booking = read_booking(&client, &hold).await;
            assert_eq!(booking["status"], status);
            assert_eq!(booking["payment"]["status"], "voided");
            assert_eq!(database.open_operations(hold.id).await, 0);
            assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
        })
        .await;
    }
}

#[tokio::test]
async fn reconciliation_records_dashboard_refund() {
    run_alone(async {
        let client = Client::new();
        reconcile_later(&client).await;
        let paid = create_paid_booking(&client, None).await;
        capture_now(&client, &paid).await;
        let capture = checkout::text(&read_payment(&client, &paid).await["captureId"]);
        paypal_dashboard::refund(&capture, "12.34", &paid.hold.currency).await;
        let run = reconcile(&client).await;
        assert_eq!(
            (&run["checked"], &run["repaired"]),
            (&json!(1), &json!(1)),
            "{run}"
        );
        let shown = read_payment(&client, &paid).await;
        assert_eq!(
            (&shown["status"], &shown["refundedAmount"]),
            (&json!("partially_refunded"), &json!("12.34"))
        );
        assert_eq!(finding_kinds(&run, paid.hold.id), ["money_returned"]);

        let response = operator::post_action(&client, paid.hold.id, "refund", &json!({})).await;
        assert_eq!(
            response.expect(200)["status"],
            "refunded",
            "the rest is refunded"
        );
        reconcile_later(&client).await;
        let shown = read_payment(&client, &paid).await;
        assert_eq!(
            (&shown["status"], &shown["refundedAmount"]),
            (&json!("refunded"), &json!(paid.hold.price))
        );
    })
    .await;
}

#[tokio::test]
async fn unauthorized_order_expires() {
    run_alone(async {
        let client = Client::new();
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        checkout::create_order(&client, &hold, None).await;
        reconcile(&client).await;
        assert_eq!(
            read_booking(&client, &hold).await["payment"]["status"],
            "created"
        );
        advance_clock(SignedDuration::from_hours(7) + SignedDuration::from_mins(1)).await;
        let run = reconcile(&client).await;
        assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
        assert_eq!(
            read_booking(&client, &hold).await["payment"]["status"],
            "expired"
        );
    })
    .await;
}

/// The payer approved the order, and neither browser nor event authorized it. The hold may be over.
#[tokio::test]
async fn approved_order_is_authorized_by_comparison() {
    for minutes in [0, 61, 170] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = checkout::create_approved_order(&client, &hold, None).await;
            advance_clock(SignedDuration::from_mins(minutes)).await;
            let run = reconcile(&client).await;
            let booking = read_booking(&client, &hold).await;
            assert_eq!(
                (&booking["status"], &booking["payment"]["status"]),
                (&json!("upcoming"), &json!("authorized")),
                "{minutes} minutes later"
            );
            assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
            let exchanges = exchanges_about(&database, hold.id).await;
            assert_eq!(exchanges.request_ids("orders.authorize").len(), 1);
            // The browser comes after all.
            let response = request_authorization(&client, &order).await.expect(200);
            assert_eq!(response["bookingId"], json!(hold.id));
        })
        .await;
    }
}

/// The days of the approved order belong to somebody else.
#[tokio::test]
async fn approved_order_of_taken_days_is_not_authorized() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        checkout::create_approved_order(&client, &hold, None).await;
        advance_clock(SignedDuration::from_mins(61)).await;
        request_hold(&client, &hold.rental).await.expect(201);
        let run = reconcile(&client).await;
        assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.request_ids("orders.authorize").len(), 0);
        advance_clock(SignedDuration::from_hours(7)).await;
        reconcile(&client).await;
        let payment = &read_booking(&client, &hold).await["payment"];
        assert_eq!(payment["status"], "expired");
    })
    .await;
}

/// Runs the cron, and returns its response whatever its `success`.
async fn reconcile_anyway(client: &Client) -> Value {
    let secret = variable("CRON_SECRET");
    let response = client
        .with_new_address()
        .get_as(&secret, RECONCILE_PATH)
        .await;
    response.expect(200)
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
            let run = reconcile_anyway(&client).await;
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
            let run = reconcile_anyway(&client).await;
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

/// PayPal's events never arrive, and a refund is made weeks after the capture.
#[tokio::test]
async fn late_dashboard_refund_is_recorded_within_week() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        capture_now(&client, &paid).await;
        for days in [10, 90] {
            advance_clock(SignedDuration::from_hours(24 * days)).await;
            reconcile(&client).await;
        }
        let capture = checkout::text(&read_payment(&client, &paid).await["captureId"]);
        paypal_dashboard::refund(&capture, "5.00", &paid.hold.currency).await;
        advance_clock(SignedDuration::from_hours(24 * 7)).await;
        reconcile(&client).await;
        let shown = read_payment(&client, &paid).await;
        assert_eq!(
            (&shown["status"], &shown["refundedAmount"]),
            (&json!("partially_refunded"), &json!("5.00"))
        );
        let audited =
            operator::audit_entries_for_action(&client, paid.hold.id, "refund.refunded").await;
        let amounts: Vec<&Value> = audited
            .iter()
            .map(|entry| &entry["detail"]["amount"])
            .collect();
        assert_eq!(amounts, ["5.00"]);
    })
    .await;
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
            let secret = variable("CRON_SECRET");
            let response = client
                .with_new_address()
                .get_as(&secret, RECONCILE_PATH)
                .await;
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
