//! `GET, POST /api/admin/payments/reconcile` records what PayPal did without our knowledge.

use crate::support::{
    capture_cron::{create_due_payment, run_cron},
    checkout::{
        self, Order, cancel, create_paid_booking, read_booking, read_payment,
        request_authorization, request_hold,
    },
    client::Client,
    database::Database,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::advance_clock,
    operator::{self, capture_now, create_captured_booking, request_full_refund},
    paypal::exchanges_about,
    paypal_dashboard::{self, read_paypal_order},
    reconciliation::{finding_kinds, reconcile, reconcile_later},
    rental::Rental,
};
use futures_util::future::join;
use jiff::SignedDuration;
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
        let paid = create_due_payment(&client, None).await;
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
        let paid = create_captured_booking(&client, None).await;
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

        let response = request_full_refund(&client, &paid).await;
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

/// PayPal's events never arrive, and a refund is made weeks after the capture.
#[tokio::test]
async fn late_dashboard_refund_is_recorded_within_week() {
    run_alone(async {
        let client = Client::new();
        let paid = create_captured_booking(&client, None).await;
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
