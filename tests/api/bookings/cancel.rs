//! `POST /api/bookings/{id}/cancel`, and `POST /api/admin/bookings/{id}/void` for operators.

use crate::support::{
    cancellation::{refund_body, split_price},
    capture_cron::run_cron,
    checkout::{
        self, Hold, cancel, pay_and_wait, read_booking, request_authorization, request_cancellation,
    },
    client::{Client, Response},
    database::Database,
    environment::{new_uuid, variable},
    isolation::{run_alone, share_system},
    local_system::{advance_clock_past, eventually},
    operator::{self, capture_now},
    paypal::{self, exchanges_about},
    paypal_dashboard::{self, read_paypal_order},
    reconciliation::{finding_kinds, reconcile_later},
    rental::Rental,
};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

async fn payment_status(client: &Client, hold: &Hold) -> Value {
    read_booking(client, hold).await["payment"]["status"].clone()
}

#[tokio::test]
async fn canceled_hold_costs_nothing_and_is_unpayable() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let order = checkout::create_order(&client, &hold, None).await;
    for _ in 0..3 {
        assert_eq!(
            cancel(&client, &hold).await,
            refund_body(&hold, 100, "0.00", "none")
        );
    }
    let booking = read_booking(&client, &hold).await;
    assert_eq!(booking["status"], "cancelled");
    assert!(booking["cancelledAt"].is_string(), "{booking}");
    assert_eq!(booking["paymentPlan"], Value::Null);

    paypal::approve(&order.approve_url).await;
    request_authorization(&client, &order)
        .await
        .expect_problem(409, "booking_not_payable");
    checkout::request_order(&client, &hold, None)
        .await
        .expect_problem(409, "booking_not_payable");
    let exchanges = exchanges_about(&database, hold.id).await;
    assert_eq!(exchanges.of("orders.authorize").len(), 0);
    assert_eq!(
        operator::audit_entries_for_action(&client, hold.id, "booking.cancelled")
            .await
            .len(),
        1
    );
}

/// The refund is 100 % from seven days before the pick-up, 50 % from two days, then nothing.
#[tokio::test]
async fn canceled_authorization_captures_only_kept_part() {
    for (days, percent) in [(7, 100), (6, 50), (2, 50), (1, 0)] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = pay_and_wait(&client, days, None).await;
            let (refund, kept) = split_price(&paid.hold.price, percent);
            let status = if percent == 0 { "none" } else { "voided" };
            for _ in 0..3 {
                assert_eq!(
                    cancel(&client, &paid.hold).await,
                    refund_body(&paid.hold, percent, &refund, status),
                    "{days} days"
                );
            }
            run_cron(&client).await;
            let (paypal_order, exchanges) = (
                read_paypal_order(&paid.order.id).await,
                exchanges_about(&database, paid.hold.id).await,
            );
            let (voids, captures) = (
                exchanges.of("authorizations.void").len(),
                exchanges.of("authorizations.capture").len(),
            );
            if percent == 100 {
                assert_eq!((voids, captures), (1, 0));
                assert_eq!(paypal_order.authorizations(), ["VOIDED"]);
                assert_eq!(payment_status(&client, &paid.hold).await, "voided");
            } else {
                assert_eq!((voids, captures), (0, 1));
                assert_eq!(paypal_order.captures(), [kept], "{days} days");
                assert_eq!(
                    paypal_order.authorizations(),
                    ["CAPTURED"],
                    "the capture is final and releases the rest"
                );
                assert_eq!(payment_status(&client, &paid.hold).await, "captured");
            }
            assert_eq!(paypal_order.refunds(), Vec::<String>::new());
        })
        .await;
    }
}

#[tokio::test]
async fn canceled_capture_is_refunded_by_policy() {
    for (days, percent, state) in [
        (7, 100, "refunded"),
        (2, 50, "partially_refunded"),
        (1, 0, "captured"),
    ] {
        run_alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = pay_and_wait(&client, days, None).await;
            capture_now(&client, &paid).await;
            let (refund, _) = split_price(&paid.hold.price, percent);
            let status = if percent == 0 { "none" } else { "refunded" };
            for _ in 0..3 {
                assert_eq!(
                    cancel(&client, &paid.hold).await,
                    refund_body(&paid.hold, percent, &refund, status),
                    "{days} days"
                );
            }
            run_cron(&client).await;
            let expected = if percent == 0 { vec![] } else { vec![refund] };
            assert_eq!(read_paypal_order(&paid.order.id).await.refunds(), expected);
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(exchanges.of("captures.refund").len(), expected.len());
            assert_eq!(payment_status(&client, &paid.hold).await, state);
        })
        .await;
    }
}

/// A refund in PayPal's console counts even if its event is lost.
#[tokio::test]
async fn unreported_refund_counts_toward_cancellation() {
    run_alone(async {
        let client = Client::new();
        let paid = pay_and_wait(&client, 5, None).await;
        capture_now(&client, &paid).await;
        let capture = read_booking(&client, &paid.hold).await["payment"]["captureId"].clone();
        let (third, _) = split_price(&paid.hold.price, 30);
        let (half, kept) = split_price(&paid.hold.price, 50);
        paypal_dashboard::refund(capture.as_str().unwrap(), &third, &paid.hold.currency).await;
        let refund = cancel(&client, &paid.hold).await;
        let rest = half.parse::<Decimal>().unwrap() - third.parse::<Decimal>().unwrap();
        assert_eq!(
            refund,
            refund_body(&paid.hold, 50, &rest.to_string(), "refunded")
        );
        let booking = read_booking(&client, &paid.hold).await;
        assert_eq!(
            (
                &booking["cancellation"]["kept"],
                &booking["payment"]["keptAmount"]
            ),
            (&json!(kept), &json!(kept))
        );
        // A later refund in PayPal's console is a finding.
        paypal_dashboard::refund(capture.as_str().unwrap(), "1.00", &paid.hold.currency).await;
        let run = reconcile_later(&client).await;
        assert_eq!(finding_kinds(&run, paid.hold.id), ["amount_mismatch"]);
    })
    .await;
}

#[tokio::test]
async fn operator_cancellation_refunds_all_and_is_audited() {
    for (action, is_captured) in [("cancel", false), ("cancel", true), ("void", false)] {
        run_alone(async move {
            let client = Client::new();
            let paid = pay_and_wait(&client, 1, None).await;
            if is_captured {
                capture_now(&client, &paid).await;
                operator::post_action(&client, paid.hold.id, "void", &json!({}))
                    .await
                    .expect_problem(409, "already_captured");
            }
            let response = cancel_as_operator(&client, &paid.hold, action).await;
            let status = if is_captured { "refunded" } else { "voided" };
            let refund = response.expect(200)["refund"].clone();
            assert_eq!(
                refund,
                refund_body(&paid.hold, 100, &paid.hold.price, status)
            );

            let entries =
                operator::audit_entries_for_action(&client, paid.hold.id, "booking.cancelled")
                    .await;
            let [entry] = &entries[..] else {
                panic!("{entries:?}")
            };
            assert_eq!(entry["actor"], operator::OPERATOR);
            assert_eq!(entry["detail"]["reason"], "The car broke down");
            assert_eq!(entry["requestId"], response.header("x-request-id"));
        })
        .await;
    }
}

async fn cancel_as_operator(client: &Client, hold: &Hold, action: &str) -> Response {
    let body = json!({"reason": "The car broke down"});
    if action == "void" {
        return operator::post_action(client, hold.id, action, &body).await;
    }
    let path = format!("/api/bookings/{}/cancel", hold.id);
    let request = client
        .with_new_address()
        .request(Method::POST, &path)
        .json(&body);
    Response::to(request.bearer_auth(variable("ADMIN_TOKEN"))).await
}

#[tokio::test]
async fn cancellation_frees_cached_days_at_once() {
    let _guard = share_system().await;
    let client = Client::new();
    let rental = Rental::far_ahead(&client, 3).await;
    let paid = checkout::pay(&client, &rental, None).await;
    let list = format!(
        "/api/cars?limit=50&availableFrom={}&availableTo={}",
        rental.start, rental.end
    );
    let is_listed = |list: Value| {
        let cars = list["cars"].as_array().unwrap().clone();
        cars.iter().any(|car| car["slug"] == json!(rental.car))
    };
    eventually("both are cached", 5, || async {
        let (days, cars) = (
            client
                .with_new_address()
                .get(&rental.availability_path())
                .await,
            client.with_new_address().get(&list).await,
        );
        assert!(days.expect(200)["bookable"] == false && !is_listed(cars.expect(200)));
        (days.header("x-cache") == "HIT" && cars.header("x-cache") == "HIT").then_some(())
    })
    .await;
    cancel(&client, &paid.hold).await;
    assert_eq!(
        client.get(&rental.availability_path()).await.expect(200)["bookable"],
        true
    );
    assert!(is_listed(client.get(&list).await.expect(200)));
    checkout::pay(&client, &rental, None).await;
}

#[tokio::test]
async fn only_holder_and_operators_cancel() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    let other = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    for token in [
        other.token.as_str(),
        &paid.hold.token.to_uppercase(),
        &variable("CRON_SECRET"),
        "",
    ] {
        request_cancellation(&client, token, paid.hold.id)
            .await
            .expect_problem(401, "unauthenticated");
    }
    let path = format!("/api/bookings/{}/cancel", paid.hold.id);
    client
        .post(&path, &json!({}))
        .await
        .expect_problem(401, "unauthenticated");
    let unknown = new_uuid();
    request_cancellation(&client, &paid.hold.token, unknown)
        .await
        .expect_problem(401, "unauthenticated");
    request_cancellation(&client, &variable("ADMIN_TOKEN"), unknown)
        .await
        .expect_problem(404, "booking_not_found");
    operator::post_action(&client, unknown, "void", &json!({}))
        .await
        .expect_problem(404, "booking_not_found");
    let malformed_id = client
        .with_new_address()
        .request(Method::POST, "/api/bookings/nobody/cancel");
    Response::to(malformed_id)
        .await
        .expect_problem(404, "booking_not_found");

    assert_eq!(
        read_booking(&client, &paid.hold).await["status"],
        "upcoming"
    );
    assert_eq!(
        exchanges_about(&database, paid.hold.id)
            .await
            .voided_authorizations()
            .len(),
        0
    );
}

#[tokio::test]
async fn reason_has_one_to_200_characters() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let path = format!("/api/bookings/{}/cancel", hold.id);
    let cancel_with = |body: Value| {
        let request = client
            .with_new_address()
            .request(Method::POST, &path)
            .json(&body);
        Response::to(request.bearer_auth(&hold.token))
    };
    for (reason, code) in [
        (json!("é".repeat(201)), "too_long"),
        (json!(" "), "empty"),
        (json!("a\u{0}b"), "invalid_characters"),
        (json!(7), "wrong_type"),
    ] {
        cancel_with(json!({"reason": reason}))
            .await
            .expect_invalid_fields(&[("/reason", code)]);
    }
    cancel_with(json!([]))
        .await
        .expect_problem(422, "invalid_fields");
    assert_eq!(
        read_booking(&client, &hold).await["status"],
        "pending_payment"
    );
    let reason = "é".repeat(200);
    cancel_with(json!({"reason": reason})).await.expect(200);
    let entries = operator::audit_entries_for_action(&client, hold.id, "booking.cancelled").await;
    assert_eq!(entries[0]["detail"]["reason"], json!(reason));
    assert_eq!(entries[0]["actor"], "customer");
}

#[tokio::test]
async fn only_operators_cancel_after_pickup_nobody_after_return() {
    run_alone(async {
        let client = Client::new();
        let (started, completed) = (
            pay_and_wait(&client, 0, None).await,
            checkout::pay(&client, &Rental::soon(&client, 1).await, None).await,
        );
        for status in ["upcoming", "active"] {
            assert_eq!(read_booking(&client, &started.hold).await["status"], status);
            request_cancellation(&client, &started.hold.token, started.hold.id)
                .await
                .expect_problem(409, "booking_not_cancellable");
            // The cron captures the payment, and the booking becomes active.
            run_cron(&client).await;
        }
        let response = cancel_as_operator(&client, &started.hold, "cancel").await;
        let full_refund = refund_body(&started.hold, 100, &started.hold.price, "refunded");
        assert_eq!(response.expect(200)["refund"], full_refund);

        advance_clock_past(completed.hold.rental.part(2, 1).noon_before(0)).await;
        run_cron(&client).await;
        assert_eq!(
            read_booking(&client, &completed.hold).await["status"],
            "completed"
        );
        for (token, code) in [
            (&completed.hold.token, "booking_not_cancellable"),
            (&variable("ADMIN_TOKEN"), "booking_completed"),
        ] {
            request_cancellation(&client, token, completed.hold.id)
                .await
                .expect_problem(409, code);
        }
    })
    .await;
}
