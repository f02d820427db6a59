//! `POST /api/admin/bookings/{id}/capture` and `/reauthorize`.
//!
//! Tests of `/void` are with the cancellations, and those of `/refund` in `refund.rs`.

use crate::support::{
    cancellation::refund_body,
    capture_cron::{results_for, run_cron},
    checkout::{self, PaidBooking, create_paid_booking, read_booking, read_payment},
    client::{Client, Response},
    database::Database,
    environment::new_uuid,
    faults::{Fault, Upstream, clear_faults, set_fault},
    instance::{Instance, as_operator, post, random_ip},
    isolation::{run_alone, share_system},
    local_system::{advance_clock, advance_clock_past, now},
    operator::{self, post_action},
    paypal::exchanges_about,
    paypal_dashboard::read_paypal_order,
    rental::Rental,
};
use futures_util::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use jiff::SignedDuration;
use serde_json::{Value, json};

async fn capture(client: &Client, paid: &PaidBooking) -> Response {
    post_action(client, paid.hold.id, "capture", &json!({})).await
}

async fn reauthorize(client: &Client, paid: &PaidBooking) -> Response {
    post_action(client, paid.hold.id, "reauthorize", &json!({})).await
}

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
    let first = capture(&client, &paid).await;
    let response = first.expect(200);
    assert_eq!(response["success"], true);
    assert_eq!(response["bookingId"], json!(paid.hold.id));
    assert_eq!(capture(&client, &paid).await.expect(200), response);

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
    let responses = join_all((0..5).map(|_| capture(&client, &paid))).await;
    let result = capture(&client, &paid).await.expect(200);
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
    capture(&client, &captured).await.expect(200);
    reauthorize(&client, &captured)
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
        let refused = capture(&client, &declined).await;
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
    let response = capture(&client, &busy).await;
    let problem = response.expect_problem(503, "payment_provider_unavailable");
    assert_eq!(problem["retryable"], true);
    response.retry_after();
    capture(&client, &busy).await.expect(200);
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
            let response = capture(&client, &paid).await;
            let code = match upstream {
                Upstream::PayPal => "payment_provider_unavailable",
                _ => "database_unavailable",
            };
            response.expect_problem(503, code);
            response.retry_after();
            if upstream == Upstream::Database {
                // The claim has no recorded end, so the first request may still be running.
                capture(&client, &paid)
                    .await
                    .expect_problem(409, "payment_in_progress");
                advance_clock(SignedDuration::from_secs(121)).await;
            }
            let response = capture(&client, &paid).await.expect(200);
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
            capture(&client, &paid)
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

/// An interrupted reauthorization must not make the cron capture.
#[tokio::test]
async fn interrupted_reauthorization_captures_nothing_early() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        advance_clock(SignedDuration::from_hours(73)).await;
        let lost_claim = Fault::drop_response().on_path("rpc/claim_reauthorization");
        set_fault(Upstream::Database, lost_claim).await;
        reauthorize(&client, &paid)
            .await
            .expect_problem(503, "database_unavailable");
        clear_faults(Upstream::Database).await;
        advance_clock(SignedDuration::from_mins(16)).await;
        let run = run_cron(&client).await;
        assert_eq!(results_for(&run, paid.hold.id), Vec::<Value>::new());
        capture(&client, &paid).await.expect(200);
    })
    .await;
}

/// PayPal reauthorizes once, from the fourth day on.
#[tokio::test]
async fn new_authorization_is_captured() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_paid_booking(&client, None).await;
        let refused = reauthorize(&client, &paid).await;
        let refused = refused.expect_problem(502, "payment_provider_refused");
        assert_eq!(
            refused["detail"],
            "PayPal answered REAUTHORIZATION_TOO_SOON."
        );
        assert_eq!(read_payment(&client, &paid).await["status"], "authorized");

        advance_clock(SignedDuration::from_hours(73)).await;
        let response = reauthorize(&client, &paid).await;
        let new_id = checkout::text(&response.expect(200)["authorizationId"]);
        assert_ne!(new_id, paid.authorization);
        let shown = read_payment(&client, &paid).await;
        assert_eq!(
            (&shown["status"], &shown["authorizationId"]),
            (&json!("authorized"), &json!(new_id))
        );
        reauthorize(&client, &paid)
            .await
            .expect_problem(502, "payment_provider_refused");
        let audited =
            operator::audit_entries_for_action(&client, paid.hold.id, "reauthorization.ordered")
                .await;
        assert_eq!(audited.len(), 3);
        assert_eq!(audited[1]["actor"], operator::OPERATOR);
        assert_eq!(audited[1]["requestId"], response.header("x-request-id"));

        capture(&client, &paid).await.expect(200);
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        let paths: Vec<&Value> = exchanges
            .of("authorizations.capture")
            .iter()
            .map(|exchange| &exchange["path"])
            .collect();
        assert_eq!(
            paths,
            [&format!("/v2/payments/authorizations/{new_id}/capture")]
        );
        assert_eq!(exchanges.effects("authorizations.reauthorize"), 1);
        assert_eq!(
            read_paypal_order(&paid.order.id).await.captures(),
            [paid.hold.price.as_str()]
        );
    })
    .await;
}

/// A reauthorization itself cannot be voided, so the original authorization is.
#[tokio::test]
async fn reauthorized_payment_can_be_voided() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_paid_booking(&client, None).await;
        advance_clock(SignedDuration::from_hours(73)).await;
        reauthorize(&client, &paid).await.expect(200);
        let response = post_action(&client, paid.hold.id, "void", &json!({})).await;
        let refund = response.expect(200)["refund"].clone();
        assert_eq!(
            refund,
            refund_body(&paid.hold, 100, &paid.hold.price, "voided")
        );
        assert_eq!(
            read_paypal_order(&paid.order.id).await.authorizations(),
            ["VOIDED", "VOIDED"]
        );
        assert_eq!(read_payment(&client, &paid).await["status"], "voided");
        assert_eq!(call_count(&database, &paid, "authorizations.void").await, 1);
    })
    .await;
}

#[tokio::test]
async fn concurrent_reauthorizations_are_one() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        advance_clock(SignedDuration::from_hours(73)).await;
        let instance = Instance::start(now().await, &[]);
        instance.hold_calls("/reauthorize");
        let path = operator::action_path(paid.hold.id, "reauthorize");
        let mut responses: FuturesUnordered<_> = (0..3)
            .map(|_| instance.respond(random_ip(), as_operator(post(&path, &json!({})))))
            .collect();
        // The call to PayPal ends only after both other responses.
        for _ in 0..2 {
            let refused = Response::from(responses.next().await.unwrap());
            refused.expect_problem(409, "payment_in_progress");
            refused.retry_after();
        }
        instance.release_calls();
        let accepted = Response::from(responses.next().await.unwrap());
        let shown = read_payment(&client, &paid).await;
        assert_eq!(
            shown["authorizationId"],
            accepted.expect(200)["authorizationId"]
        );
        assert_eq!(
            read_paypal_order(&paid.order.id)
                .await
                .authorizations()
                .len(),
            2
        );
    })
    .await;
}

/// The new id must not be lost, because PayPal honors only its funds.
#[tokio::test]
async fn operator_or_cron_finds_lost_reauthorization() {
    for (upstream, fault, path) in [
        (Upstream::PayPal, Fault::drop_response(), "/reauthorize"),
        (
            Upstream::Database,
            Fault::refuse(),
            "rpc/record_reauthorization",
        ),
        (
            Upstream::Database,
            Fault::drop_response(),
            "rpc/record_reauthorization",
        ),
    ] {
        for next in ["operator", "cron"] {
            run_alone(async {
                let (client, database) = (Client::new(), Database::open().await);
                // The capture is due while PayPal honors the reauthorized funds.
                let rental = Rental::between(&client, 2, 6, 7).await;
                let paid = checkout::pay(&client, &rental, Some("SIMULATE_FUNDS_LAPSE")).await;
                advance_clock(SignedDuration::from_hours(73)).await;
                set_fault(upstream, fault.on_path(path)).await;
                let response = reauthorize(&client, &paid).await;
                assert_eq!(response.status, 503, "{fault} of {path}: {response}");
                clear_faults(upstream).await;
                if next == "cron" {
                    advance_clock_past(paid.capture_at).await;
                    let run = run_cron(&client).await;
                    assert_eq!(results_for(&run, paid.hold.id)[0]["success"], true, "{run}");
                } else {
                    capture(&client, &paid).await.expect(200);
                }
                let exchanges = exchanges_about(&database, paid.hold.id).await;
                assert_eq!(
                    exchanges.effects("authorizations.reauthorize"),
                    1,
                    "{fault} of {path}, {next}"
                );
                assert_eq!(
                    read_paypal_order(&paid.order.id).await.captures(),
                    [paid.hold.price.as_str()]
                );
                assert_eq!(database.open_operations(paid.hold.id).await, 0);
            })
            .await;
        }
    }
}
