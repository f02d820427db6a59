//! `POST /api/admin/bookings/{id}/capture`.
//!
//! Tests of `/void` are with the cancellations.

use crate::support::{
    capture_cron::{results_for, run_cron},
    checkout::{self, PaidBooking, create_paid_booking, read_booking, read_payment},
    client::Client,
    database::Database,
    environment::new_uuid,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::{run_alone, share_system},
    local_system::advance_clock,
    operator::{self, post_action, request_capture, request_reauthorization},
    paypal::exchanges_about,
    paypal_dashboard::read_paypal_order,
    rental::Rental,
};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;

/// The number of requests to PayPal for an operation, whatever the response.
async fn call_count(database: &Database, paid: &PaidBooking, operation: &str) -> usize {
    let exchanges = exchanges_about(database, paid.hold.id).await;
    exchanges.of(operation).len()
}

#[tokio::test]
async fn payment_is_captured_at_once_only_once() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = create_paid_booking(&client, None).await;
    let first = request_capture(&client, &paid).await;
    let response = first.expect(200);
    assert_eq!(response["success"], true);
    assert_eq!(response["bookingId"], json!(paid.hold.id));
    assert_eq!(request_capture(&client, &paid).await.expect(200), response);

    let booking = read_booking(&client, &paid.hold).await;
    assert_eq!(booking["status"], "upcoming");
    assert_eq!(booking["payment"]["status"], "captured");
    assert_eq!(booking["payment"]["captureId"], response["captureId"]);
    assert_eq!(
        read_paypal_order(&paid.order.id).await.captures(),
        [paid.hold.price.as_str()]
    );
    assert_eq!(
        call_count(&database, &paid, "authorizations.capture").await,
        1,
        "the second request does not call PayPal"
    );
    let audited =
        operator::audit_entries_for_action(&client, paid.hold.id, "capture.ordered").await;
    let [entry] = &audited[..] else {
        panic!("{audited:?}")
    };
    assert_eq!(entry["actor"], operator::OPERATOR);
    assert_eq!(entry["requestId"], first.header("x-request-id"));
}

#[tokio::test]
async fn concurrent_captures_take_money_once() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = create_paid_booking(&client, None).await;
    let responses = join_all((0..5).map(|_| request_capture(&client, &paid))).await;
    let result = request_capture(&client, &paid).await.expect(200);
    for response in &responses {
        if response.status == 200 {
            assert_eq!(response.json(), result);
        } else {
            response.expect_problem(409, "payment_in_progress");
            response.retry_after();
        }
    }
    assert_eq!(
        call_count(&database, &paid, "authorizations.capture").await,
        1
    );
}

#[tokio::test]
async fn unauthorized_payment_is_neither_captured_nor_reauthorized() {
    let _guard = share_system().await;
    let client = Client::new();
    let unpaid = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let unapproved = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    checkout::create_order(&client, &unapproved, None).await;
    let cancelled = create_paid_booking(&client, None).await.hold;
    checkout::cancel(&client, &cancelled).await;
    for action in ["capture", "reauthorize"] {
        for hold in [&unpaid, &unapproved, &cancelled] {
            post_action(&client, hold.id, action, &json!({}))
                .await
                .expect_problem(409, "payment_not_capturable");
        }
        post_action(&client, new_uuid(), action, &json!({}))
            .await
            .expect_problem(404, "booking_not_found");
        post_action(&client, unpaid.id, &format!("{action}/x"), &json!({}))
            .await
            .expect_problem(404, "not_found");
    }
    let captured = create_paid_booking(&client, None).await;
    request_capture(&client, &captured).await.expect(200);
    request_reauthorization(&client, &captured)
        .await
        .expect_problem(409, "already_captured");
}

#[tokio::test]
async fn declined_capture_is_reported_each_time() {
    let _guard = share_system().await;
    let client = Client::new();
    let declined = create_paid_booking(&client, Some("SIMULATE_CAPTURE_DECLINED")).await;
    // The authorization lives, so the payer may be able to pay another time.
    for _ in 0..2 {
        let refused = request_capture(&client, &declined).await;
        let refused = refused.expect_problem(402, "payment_declined");
        let detail = checkout::text(&refused["detail"]);
        assert!(
            detail.starts_with("PayPal answered TRANSACTION_REFUSED."),
            "{detail}"
        );
        assert_eq!(read_payment(&client, &declined).await["status"], "failed");
    }
}

#[tokio::test]
async fn capture_succeeds_after_busy_paypal() {
    let _guard = share_system().await;
    let client = Client::new();
    let busy = create_paid_booking(&client, Some("SIMULATE_CAPTURE_BUSY_ONCE")).await;
    let response = request_capture(&client, &busy).await;
    let problem = response.expect_problem(503, "payment_provider_unavailable");
    assert_eq!(problem["retryable"], true);
    response.retry_after();
    request_capture(&client, &busy).await.expect(200);
    assert_eq!(
        read_paypal_order(&busy.order.id).await.captures(),
        [busy.hold.price.as_str()]
    );
}

#[tokio::test]
async fn repeated_request_finds_lost_capture() {
    for (upstream, fault, path) in [
        (Upstream::PayPal, Fault::drop_response(), "/capture"),
        (
            Upstream::Database,
            Fault::drop_response(),
            "rpc/claim_payment_capture",
        ),
    ] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = create_paid_booking(&client, None).await;
            set_fault(upstream, fault.on_path(path).times(1)).await;
            let response = request_capture(&client, &paid).await;
            let code = match upstream {
                Upstream::PayPal => "payment_provider_unavailable",
                _ => "database_unavailable",
            };
            response.expect_problem(503, code);
            response.retry_after();
            if upstream == Upstream::Database {
                // The claim has no recorded end, so the first request may still be running.
                request_capture(&client, &paid)
                    .await
                    .expect_problem(409, "payment_in_progress");
                advance_clock(SignedDuration::from_secs(121)).await;
            }
            let response = request_capture(&client, &paid).await.expect(200);
            assert_eq!(
                read_payment(&client, &paid).await["captureId"],
                response["captureId"]
            );
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(exchanges.request_ids("authorizations.capture").len(), 1);
            assert_eq!(
                read_paypal_order(&paid.order.id).await.captures(),
                [paid.hold.price.as_str()]
            );
            assert_eq!(database.open_operations(paid.hold.id).await, 0);
        })
        .await;
    }
}

/// An operator's capture does not wait for its scheduled time, weeks ahead.
#[tokio::test]
async fn cron_retries_failed_capture() {
    for (fault, status) in [
        (Fault::drop_response(), "capturing"),
        (Fault::respond(429, ""), "authorized"),
    ] {
        run_alone(async move {
            let client = Client::new();
            let paid = create_paid_booking(&client, None).await;
            set_fault(Upstream::PayPal, fault.on_path("/capture")).await;
            request_capture(&client, &paid)
                .await
                .expect_problem(503, "payment_provider_unavailable");
            assert_eq!(read_payment(&client, &paid).await["status"], status);
            clear_faults(Upstream::PayPal).await;
            advance_clock(SignedDuration::from_mins(16)).await;
            let run = run_cron(&client).await;
            assert_eq!(results_for(&run, paid.hold.id)[0]["success"], true, "{run}");
            assert_eq!(
                read_paypal_order(&paid.order.id).await.captures(),
                [paid.hold.price.as_str()]
            );
        })
        .await;
    }
}
