//! Every n-th response of PayPal, or of the database to a record, is lost after its effect.
//!
//! Customers, an operator and the crons retry as the responses say. In the end every effect
//! happened once. Single losses are in `lost_responses.rs`.

use crate::support::{
    cancellation::{refund_body, split_price},
    capture_cron::CAPTURES_PATH,
    checkout::{
        self, Hold, Order, PaidBooking, cancel, read_payment, request_authorization, request_order,
    },
    client::{Client, Response},
    database::Database,
    environment::{new_uuid, variable},
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past},
    operator, paypal,
    paypal_dashboard::read_paypal_order,
    reconciliation::{finding_kinds, reconcile_later},
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::future::Future;

/// Retries a request until it succeeds, each time after the seconds in `Retry-After`.
async fn retry<F: Future<Output = Response>>(name: &str, send: impl Fn() -> F) -> Value {
    for _ in 0..100 {
        let response = send().await;
        if response.status < 300 {
            return response.json();
        }
        assert!(matches!(response.status, 409 | 503), "{name}: {response}");
        assert_eq!(response.json()["retryable"], true, "{name}: {response}");
        let wait = i64::try_from(response.retry_after()).unwrap();
        advance_clock(SignedDuration::from_secs(wait)).await;
    }
    panic!("{name} failed a hundred times");
}

/// Pays a rental as a customer does, with retries.
async fn pay_with_retries(client: &Client, rental: &Rental) -> PaidBooking {
    let hold = checkout::create_hold(client, rental).await;
    let response = retry("the order", || request_order(client, &hold, None)).await;
    let order = Order {
        id: checkout::text(&response["orderID"]),
        approve_url: checkout::text(&response["approveUrl"]),
    };
    paypal::approve(&order.approve_url).await;
    let paid = retry("the authorization", || {
        request_authorization(client, &order)
    })
    .await;
    assert_eq!(paid["status"], "upcoming", "{paid}");
    PaidBooking {
        hold,
        order,
        authorization: checkout::text(&paid["authorizationId"]),
        capture_at: checkout::text(&paid["captureScheduledAt"]).parse().unwrap(),
    }
}

/// Runs the cron every 16 minutes, until no operation of these bookings is open.
async fn run_cron_until_settled(client: &Client, database: &Database, bookings: [&PaidBooking; 3]) {
    for _ in 0..40 {
        advance_clock(SignedDuration::from_mins(16)).await;
        let secret = variable("CRON_SECRET");
        let run = client
            .with_new_address()
            .get_as(&secret, CAPTURES_PATH)
            .await;
        if run.status != 200 {
            // The next run resumes this one.
            run.expect_problem(503, "database_unavailable");
            continue;
        }
        let mut open = 0;
        for paid in bookings {
            open += database.open_operations(paid.hold.id).await;
        }
        if open == 0 {
            return;
        }
    }
    panic!("an operation is still open after forty runs");
}

/// Asserts that the cancellation is settled and was made once. The first response may be lost.
async fn assert_cancelled(client: &Client, hold: &Hold, percent: u32) {
    let (back, _) = split_price(&hold.price, percent);
    assert_eq!(
        cancel(client, hold).await,
        refund_body(hold, percent, &back, "voided")
    );
    let audited = operator::audit_entries_for_action(client, hold.id, "booking.cancelled").await;
    assert_eq!(audited.len(), 1);
}

#[tokio::test]
async fn lost_paypal_responses_repeat_no_effect() {
    for every in 1..=7 {
        run_alone(lose_responses(Upstream::PayPal, "/v2/", every)).await;
    }
}

#[tokio::test]
async fn lost_database_records_repeat_no_effect() {
    for every in 1..=7 {
        run_alone(lose_responses(Upstream::Database, "rpc/record_", every)).await;
    }
}

/// Settles three bookings: one captured and partly refunded, one voided, one captured by half.
async fn lose_responses(upstream: Upstream, path: &str, every: u32) {
    let (client, database) = (Client::new(), Database::open().await);
    let (early, late, soon) = (
        Rental::between(&client, 2, 4, 5).await,
        Rental::far_ahead(&client, 2).await,
        Rental::soon(&client, 2).await,
    );
    // If all responses were lost, no payment would ever succeed.
    let times = if every == 1 { 10 } else { 1_000 };
    let drop_responses = Fault::drop_response()
        .on_path(path)
        .every(every)
        .times(times);
    set_fault(upstream, drop_responses).await;

    let half = pay_with_retries(&client, &early).await;
    let all = pay_with_retries(&client, &late).await;
    let kept = pay_with_retries(&client, &soon).await;
    let bookings = [&half, &all, &kept];
    cancel(&client, &all.hold).await;
    advance_clock_past(early.noon_before(3)).await;
    cancel(&client, &half.hold).await;
    advance_clock_past(kept.capture_at).await;
    run_cron_until_settled(&client, &database, bookings).await;
    assert_eq!(
        read_payment(&client, &kept).await["status"],
        "captured",
        "every {every}"
    );
    let (key, part) = (new_uuid().to_string(), json!({"amount": "10.00"}));
    retry("the refund", || {
        operator::post_action_with_key(&client, kept.hold.id, "refund", &key, &part)
    })
    .await;
    run_cron_until_settled(&client, &database, bookings).await;
    clear_faults(upstream).await;
    assert_settled_once(&client, &database, bookings, every).await;
}

/// Asserts that each booking was settled exactly once.
async fn assert_settled_once(
    client: &Client,
    database: &Database,
    [half, all, kept]: [&PaidBooking; 3],
    every: u32,
) {
    let paypal_order = read_paypal_order(&kept.order.id).await;
    assert_eq!(
        (paypal_order.captures(), paypal_order.refunds()),
        (vec![kept.hold.price.clone()], vec!["10.00".to_owned()]),
        "every {every}"
    );
    let shown = read_payment(client, kept).await;
    assert_eq!(
        (&shown["status"], &shown["refundedAmount"]),
        (&json!("partially_refunded"), &json!("10.00"))
    );

    let paypal_order = read_paypal_order(&all.order.id).await;
    assert_eq!(
        (paypal_order.authorizations(), paypal_order.captures()),
        (vec!["VOIDED".to_owned()], vec![]),
        "every {every}"
    );
    assert_eq!(read_payment(client, all).await["status"], "voided");
    assert_cancelled(client, &all.hold, 100).await;

    let paypal_order = read_paypal_order(&half.order.id).await;
    let (_, rest) = split_price(&half.hold.price, 50);
    assert_eq!(
        (paypal_order.captures(), paypal_order.refunds()),
        (vec![rest], vec![]),
        "every {every}"
    );
    assert_eq!(read_payment(client, half).await["status"], "captured");
    assert_cancelled(client, &half.hold, 50).await;

    let drift = reconcile_later(client).await;
    for paid in [half, all, kept] {
        assert_eq!(
            database.payments(paid.hold.id).await.len(),
            1,
            "every {every}"
        );
        assert_eq!(
            finding_kinds(&drift, paid.hold.id),
            Vec::<Value>::new(),
            "every {every}"
        );
    }
}
