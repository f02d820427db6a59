//! Cancellations in a race with each other, with a payment, or with the cron.

use crate::support::{
    cancellation::{refund_body, split_price},
    capture_cron::{results_for, run_cron},
    checkout::{
        self, cancel, pay_and_wait, read_booking, request_authorization, request_cancellation,
    },
    client::Client,
    database::Database,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock_past, eventually},
    operator::{self, capture_now},
    paypal::exchanges_about,
    paypal_dashboard::read_paypal_order,
    rental::Rental,
};
use futures_util::future::{join, join_all};

/// A later response may have the status `pending`, but never another amount.
#[tokio::test]
async fn concurrent_cancellations_settle_once() {
    for (days, percent, is_captured) in [(8, 100, false), (3, 50, false), (3, 50, true)] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = pay_and_wait(&client, days, None).await;
            if is_captured {
                capture_now(&client, &paid).await;
            }
            let (refund, kept) = split_price(&paid.hold.price, percent);
            let status = if is_captured { "refunded" } else { "voided" };
            let settled = refund_body(&paid.hold, percent, &refund, status);
            let pending = refund_body(&paid.hold, percent, &refund, "pending");
            let cancellations = (0..5).map(|_| cancel(&client, &paid.hold));
            let refunds = join_all(cancellations).await;
            assert!(refunds.contains(&settled), "{refunds:?}");
            assert!(
                refunds
                    .iter()
                    .all(|refund| *refund == settled || *refund == pending),
                "{refunds:?}"
            );
            assert_eq!(cancel(&client, &paid.hold).await, settled);

            let paypal_order = read_paypal_order(&paid.order.id).await;
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert!(exchanges.request_ids("authorizations.void").len() <= 1);
            let (captures, refunds) = match (percent, is_captured) {
                (100, _) => (vec![], vec![]),
                (_, false) => (vec![kept], vec![]),
                (_, true) => (vec![paid.hold.price.clone()], vec![refund]),
            };
            assert_eq!(
                (paypal_order.captures(), paypal_order.refunds()),
                (captures, refunds)
            );
            assert_eq!(
                operator::audit_entries_for_action(&client, paid.hold.id, "booking.cancelled")
                    .await
                    .len(),
                1
            );
        })
        .await;
    }
}

/// The customer cancels while PayPal authorizes the payment.
#[tokio::test]
async fn cancel_during_authorization_charges_nothing() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        let slow = Fault::delay_millis(1500).on_path("/authorize");
        set_fault(Upstream::PayPal, slow).await;
        let cancellation = async {
            eventually("the authorization has begun", 5, || async {
                let operations = "SELECT count(*) FROM payment_operations AS o
                                  JOIN payments AS p ON p.id = o.payment_id
                                  WHERE p.booking_id = $1 AND o.operation = 'authorize'";
                (database.number(operations, &[&hold.id]).await == 1).then_some(())
            })
            .await;
            cancel(&client, &hold).await
        };
        let (authorized, refund) = join(request_authorization(&client, &order), cancellation).await;
        authorized.expect_problem(409, "booking_not_payable");
        assert_eq!(refund, refund_body(&hold, 100, "0.00", "none"));
        clear_faults(Upstream::PayPal).await;

        assert_eq!(
            read_paypal_order(&order.id).await.authorizations(),
            ["VOIDED"]
        );
        let booking = read_booking(&client, &hold).await;
        assert_eq!(booking["status"], "cancelled");
        assert_eq!(booking["payment"]["status"], "voided");
        assert_eq!(database.open_operations(hold.id).await, 0);
    })
    .await;
}

#[tokio::test]
async fn cancel_during_capture_is_retryable() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
        advance_clock_past(paid.capture_at).await;
        let capture = format!("{}/capture", paid.authorization);
        set_fault(Upstream::PayPal, Fault::delay_millis(2000).on_path(capture)).await;
        let cancellation = async {
            eventually("the capture has begun", 5, || async {
                let payment = read_booking(&client, &paid.hold).await["payment"].clone();
                (payment["status"] == "capturing").then_some(())
            })
            .await;
            request_cancellation(&client, &paid.hold.token, paid.hold.id).await
        };
        let (run, response) = join(run_cron(&client), cancellation).await;
        assert_eq!(
            response.expect_problem(409, "payment_in_progress")["retryable"],
            true
        );
        response.retry_after();
        assert_eq!(
            results_for(&run, paid.hold.id)[0]["success"],
            true,
            "the cancellation does not disturb the capture: {run}"
        );
        clear_faults(Upstream::PayPal).await;
        assert_eq!(
            read_booking(&client, &paid.hold).await["status"],
            "upcoming"
        );

        // The pick-up is too close for a refund.
        let refund = cancel(&client, &paid.hold).await;
        assert_eq!(refund, refund_body(&paid.hold, 0, "0.00", "none"));
        assert_eq!(
            read_paypal_order(&paid.order.id).await.captures(),
            [paid.hold.price.as_str()]
        );
        assert_eq!(
            exchanges_about(&database, paid.hold.id)
                .await
                .of("authorizations.capture")
                .len(),
            1
        );
    })
    .await;
}
