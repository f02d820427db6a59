//! Cancellations during outages and lost responses. Each refund is settled exactly once.

use crate::support::{
    cancellation::{refund_body, split_price},
    capture_cron::run_cron,
    checkout::{PaidBooking, cancel, pay_and_wait, read_booking, request_cancellation},
    client::Client,
    database::Database,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::advance_clock,
    operator::{self, capture_now},
    paypal::exchanges_about,
    paypal_dashboard::read_paypal_order,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// One of the three ways to settle a cancellation at PayPal.
#[derive(Clone, Copy, Debug)]
struct Settlement {
    days_before_pickup: i64,
    refund_percent: u32,
    /// Whether the payment is captured before the cancellation.
    is_captured: bool,
    /// The end of the path at PayPal.
    path: &'static str,
    /// The name among the exchanges.
    operation: &'static str,
    /// The database function that claims the payment before the call.
    claim: &'static str,
    /// The database function that records the call.
    record: &'static str,
}

const SETTLEMENTS: [Settlement; 3] = [
    Settlement {
        days_before_pickup: 8,
        refund_percent: 100,
        is_captured: false,
        path: "/void",
        operation: "authorizations.void",
        claim: "rpc/begin_void",
        record: "rpc/record_void",
    },
    Settlement {
        days_before_pickup: 3,
        refund_percent: 50,
        is_captured: false,
        path: "/capture",
        operation: "authorizations.capture",
        claim: "rpc/claim_payment_capture",
        record: "rpc/record_capture",
    },
    Settlement {
        days_before_pickup: 3,
        refund_percent: 50,
        is_captured: true,
        path: "/refund",
        operation: "captures.refund",
        claim: "rpc/begin_refund",
        record: "rpc/record_refund",
    },
];

async fn pay_for_settlement(client: &Client, settlement: Settlement) -> PaidBooking {
    let paid = pay_and_wait(client, settlement.days_before_pickup, None).await;
    if settlement.is_captured {
        capture_now(client, &paid).await;
    }
    paid
}

/// The `refund` member of the response, pending and settled.
fn refund_bodies(paid: &PaidBooking, settlement: Settlement) -> [Value; 2] {
    let percent = settlement.refund_percent;
    let (refund, _) = split_price(&paid.hold.price, percent);
    let settled = if settlement.is_captured {
        "refunded"
    } else {
        "voided"
    };
    ["pending", settled].map(|status| refund_body(&paid.hold, percent, &refund, status))
}

/// Runs the cron when the claims of an interrupted request have expired.
async fn run_cron_after_claims_end(client: &Client) {
    advance_clock(SignedDuration::from_mins(16)).await;
    run_cron(client).await;
}

/// Asserts the same end as without a fault.
async fn assert_settled_once(
    client: &Client,
    database: &Database,
    paid: &PaidBooking,
    settlement: Settlement,
) {
    let [_, settled] = refund_bodies(paid, settlement);
    assert_eq!(cancel(client, &paid.hold).await, settled, "{settlement:?}");
    let (refund, kept) = split_price(&paid.hold.price, settlement.refund_percent);
    let paypal_order = read_paypal_order(&paid.order.id).await;
    let (state, captures, refunds) = match (settlement.refund_percent, settlement.is_captured) {
        (100, _) => ("VOIDED", vec![], vec![]),
        (_, false) => ("CAPTURED", vec![kept], vec![]),
        (_, true) => ("CAPTURED", vec![paid.hold.price.clone()], vec![refund]),
    };
    assert_eq!(paypal_order.authorizations(), [state], "{settlement:?}");
    assert_eq!(
        (paypal_order.captures(), paypal_order.refunds()),
        (captures, refunds),
        "{settlement:?}"
    );
    let exchanges = exchanges_about(database, paid.hold.id).await;
    assert_eq!(
        exchanges.request_ids(settlement.operation).len(),
        1,
        "{settlement:?}"
    );
    assert_eq!(
        database.open_operations(paid.hold.id).await,
        0,
        "{settlement:?}"
    );
    let entries =
        operator::audit_entries_for_action(client, paid.hold.id, "booking.cancelled").await;
    assert_eq!(entries.len(), 1, "{settlement:?}");
}

#[tokio::test]
async fn paypal_down_cron_settles_cancellation() {
    for settlement in SETTLEMENTS {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = pay_for_settlement(&client, settlement).await;
            set_fault(Upstream::PayPal, Fault::refuse()).await;
            let [pending, _] = refund_bodies(&paid, settlement);
            for _ in 0..2 {
                assert_eq!(cancel(&client, &paid.hold).await, pending, "{settlement:?}");
            }
            assert_eq!(
                read_booking(&client, &paid.hold).await["status"],
                "cancelled"
            );
            let days = client.get(&paid.hold.rental.availability_path()).await;
            assert_eq!(days.expect(200)["bookable"], true);
            run_cron_after_claims_end(&client).await;
            assert_eq!(cancel(&client, &paid.hold).await, pending, "{settlement:?}");
            clear_faults(Upstream::PayPal).await;
            // The second delay is twice the first one of 15 minutes.
            advance_clock(SignedDuration::from_mins(31)).await;
            run_cron(&client).await;
            assert_settled_once(&client, &database, &paid, settlement).await;
        })
        .await;
    }
}

/// PayPal cannot have executed a call that it refused, so nothing has to be looked up first.
#[tokio::test]
async fn paypal_busy_repeated_request_settles_cancellation() {
    let busy = Fault::respond(429, json!({"name": "RATE_LIMIT_REACHED"}).to_string());
    for settlement in SETTLEMENTS {
        let busy = busy.clone();
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = pay_for_settlement(&client, settlement).await;
            set_fault(Upstream::PayPal, busy).await;
            let [pending, _] = refund_bodies(&paid, settlement);
            assert_eq!(cancel(&client, &paid.hold).await, pending, "{settlement:?}");
            clear_faults(Upstream::PayPal).await;
            assert_settled_once(&client, &database, &paid, settlement).await;
        })
        .await;
    }
}

#[tokio::test]
async fn lost_paypal_response_settled_by_cron() {
    for settlement in SETTLEMENTS {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = pay_for_settlement(&client, settlement).await;
            set_fault(
                Upstream::PayPal,
                Fault::drop_response().on_path(settlement.path).times(1),
            )
            .await;
            let [pending, _] = refund_bodies(&paid, settlement);
            assert_eq!(cancel(&client, &paid.hold).await, pending, "{settlement:?}");
            run_cron_after_claims_end(&client).await;
            assert_settled_once(&client, &database, &paid, settlement).await;
        })
        .await;
    }
}

/// The function before or after the call to PayPal fails, or its response is lost.
#[tokio::test]
async fn lost_database_record_settled_by_cron() {
    for settlement in SETTLEMENTS {
        for (fault, function) in [
            (Fault::drop_response(), settlement.claim),
            (Fault::refuse(), settlement.claim),
            (Fault::drop_response(), settlement.record),
            (Fault::refuse(), settlement.record),
        ] {
            run_alone(async move {
                let (client, database) = (Client::new(), Database::open().await);
                let paid = pay_for_settlement(&client, settlement).await;
                set_fault(Upstream::Database, fault.on_path(function)).await;
                let [pending, settled] = refund_bodies(&paid, settlement);
                // The response shows what is recorded. A lost response of the record was recorded.
                let expected = if function == settlement.record && fault == Fault::drop_response() {
                    settled
                } else {
                    pending
                };
                let refund = cancel(&client, &paid.hold).await;
                assert_eq!(refund, expected, "{fault} of {function}");
                clear_faults(Upstream::Database).await;
                run_cron_after_claims_end(&client).await;
                assert_settled_once(&client, &database, &paid, settlement).await;
            })
            .await;
        }
    }
}

#[tokio::test]
async fn lost_cancellation_response_repeats_safely() {
    for settlement in SETTLEMENTS {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = pay_for_settlement(&client, settlement).await;
            set_fault(
                Upstream::Database,
                Fault::drop_response()
                    .on_path("rpc/cancel_booking")
                    .times(1),
            )
            .await;
            let response = request_cancellation(&client, &paid.hold.token, paid.hold.id).await;
            response.expect_problem(503, "database_unavailable");
            response.retry_after();
            assert_settled_once(&client, &database, &paid, settlement).await;
        })
        .await;
    }
}

/// Without a repeated request, the cron settles the recorded cancellation.
#[tokio::test]
async fn interrupted_cancellation_settled_by_cron() {
    for settlement in SETTLEMENTS {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = pay_for_settlement(&client, settlement).await;
            // Before captured money goes back, the first call only asks for a look at PayPal.
            let call = if settlement.is_captured { 2 } else { 1 };
            set_fault(
                Upstream::Database,
                Fault::drop_response()
                    .on_path("rpc/cancel_booking")
                    .every(call)
                    .times(1),
            )
            .await;
            request_cancellation(&client, &paid.hold.token, paid.hold.id)
                .await
                .expect_problem(503, "database_unavailable");
            run_cron_after_claims_end(&client).await;
            assert_eq!(database.open_operations(paid.hold.id).await, 0);
            let calls = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(calls.of(settlement.operation).len(), 1, "{settlement:?}");
            assert_settled_once(&client, &database, &paid, settlement).await;
        })
        .await;
    }
}
