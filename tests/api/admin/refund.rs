//! `POST /api/admin/bookings/{id}/refund`.

use crate::support::{
    cancellation::refund_body,
    capture_cron::run_cron,
    checkout::{self, read_booking, read_payment},
    client::Client,
    database::Database,
    environment::new_uuid,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::{run_alone, share_system},
    local_system::advance_clock,
    operator::{
        self, create_captured_booking, post_action, post_action_with_key, request_full_refund,
    },
    paypal::exchanges_about,
    paypal_dashboard::{self, read_paypal_order},
    rental::Rental,
};
use futures_util::future::{join, join_all};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde_json::{Value, json};

fn new_key() -> String {
    new_uuid().to_string()
}

/// The difference, with two decimals.
fn subtract(price: &str, amount: &str) -> String {
    let (price, amount): (Decimal, Decimal) = (price.parse().unwrap(), amount.parse().unwrap());
    format!("{:.2}", price - amount)
}

#[tokio::test]
async fn full_refund_is_made_once() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let paid = create_captured_booking(&client, None).await;
    let body = json!({"reason": "The heating failed"});
    let first = post_action(&client, paid.hold.id, "refund", &body).await;
    let response = first.expect(200);
    assert!(response["refundId"].is_string(), "{response}");
    assert_eq!(
        response,
        json!({"success": true, "bookingId": paid.hold.id, "refundId": response["refundId"],
            "amount": paid.hold.price, "currency": paid.hold.currency, "status": "refunded"})
    );
    for _ in 0..2 {
        let again = post_action(&client, paid.hold.id, "refund", &body).await;
        assert_eq!(again.expect(200), response);
    }
    assert_eq!(
        read_paypal_order(&paid.order.id).await.refunds(),
        [paid.hold.price.as_str()]
    );
    let exchanges = exchanges_about(&database, paid.hold.id).await;
    assert_eq!(exchanges.of("captures.refund").len(), 1);

    let booking = read_booking(&client, &paid.hold).await;
    assert_eq!(booking["status"], "upcoming", "the booking is unchanged");
    assert_eq!(booking["payment"]["status"], "refunded");
    assert_eq!(booking["payment"]["refundedAmount"], paid.hold.price);
    let audited = operator::audit_entries_for_action(&client, paid.hold.id, "refund.ordered").await;
    let [entry] = &audited[..] else {
        panic!("{audited:?}")
    };
    assert_eq!(entry["actor"], operator::OPERATOR);
    assert_eq!(entry["requestId"], first.header("x-request-id"));
    assert_eq!(
        entry["detail"],
        json!({"bookingId": paid.hold.id, "refundId": response["refundId"],
            "amount": paid.hold.price, "reason": "The heating failed"})
    );
}

#[tokio::test]
async fn operator_refunds_stop_at_captured_amount() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_captured_booking(&client, None).await;
    let id = paid.hold.id;
    let part = |amount: &str| json!({"amount": amount});
    let first = post_action_with_key(&client, id, "refund", &new_key(), &part("50.00")).await;
    let first = first.expect(200);
    assert_eq!(
        (&first["amount"], &first["status"]),
        (&json!("50.00"), &json!("refunded"))
    );
    assert_eq!(
        read_payment(&client, &paid).await["status"],
        "partially_refunded"
    );
    post_action_with_key(&client, id, "refund", &new_key(), &part("1.10"))
        .await
        .expect(200);
    let rest = subtract(&paid.hold.price, "51.10");
    let too_much = part(&subtract(&rest, "-0.01"));
    let refused = post_action_with_key(&client, id, "refund", &new_key(), &too_much).await;
    let refused = refused.expect_problem(409, "refund_not_possible");
    assert_eq!(
        (&refused["rest"], &refused["currency"]),
        (&json!(rest), &json!(paid.hold.currency))
    );

    let last = post_action(&client, id, "refund", &json!({}))
        .await
        .expect(200);
    assert_eq!(last["amount"], json!(rest));
    let shown = read_payment(&client, &paid).await;
    assert_eq!(
        (&shown["status"], &shown["refundedAmount"]),
        (&json!("refunded"), &json!(paid.hold.price))
    );
    let refused = post_action_with_key(&client, id, "refund", &new_key(), &part("0.01")).await;
    assert_eq!(
        refused.expect_problem(409, "refund_not_possible")["rest"],
        "0.00"
    );
    assert_eq!(
        read_paypal_order(&paid.order.id).await.refunds(),
        ["50.00", "1.10", &rest]
    );
}

/// Every form of the amount is the same request.
#[tokio::test]
async fn refund_key_belongs_to_one_amount() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_captured_booking(&client, None).await;
    let (id, key) = (paid.hold.id, new_key());
    let part = |amount: Value| json!({"amount": amount});
    let first = post_action_with_key(&client, id, "refund", &key, &part(json!("50.00"))).await;
    let first = first.expect(200);
    for amount in [json!("50"), json!(50), json!({"amount": "50.0"})] {
        let again = post_action_with_key(&client, id, "refund", &key, &part(amount)).await;
        assert_eq!(again.expect(200), first);
    }
    post_action_with_key(&client, id, "refund", &key, &part(json!("50.01")))
        .await
        .expect_problem(422, "idempotency_key_reused");
    let refunds = read_paypal_order(&paid.order.id).await.refunds();
    assert_eq!(refunds, ["50.00"]);
}

#[tokio::test]
async fn partial_refund_needs_positive_amount_and_key() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_captured_booking(&client, None).await;
    for amount in [
        json!("0"),
        json!("0.00"),
        json!("-1.00"),
        json!("1.005"),
        json!("1e2"),
        json!("10000000"),
    ] {
        let body = json!({"amount": amount});
        post_action_with_key(&client, paid.hold.id, "refund", &new_key(), &body)
            .await
            .expect_invalid_fields(&[("/amount", "invalid_amount")]);
    }
    let body = json!({"amount": true, "reason": "r".repeat(201)});
    post_action_with_key(&client, paid.hold.id, "refund", &"k".repeat(256), &body)
        .await
        .expect_invalid_fields(&[
            ("/amount", "wrong_type"),
            ("/reason", "too_long"),
            ("/Idempotency-Key", "too_long"),
        ]);
    post_action(&client, paid.hold.id, "refund", &json!({"amount": "1.00"}))
        .await
        .expect_invalid_fields(&[("/Idempotency-Key", "required")]);
    assert_eq!(
        read_paypal_order(&paid.order.id).await.refunds(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn operator_cannot_refund_uncaptured_payment() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    for booking in [hold.id, paid.hold.id] {
        let refused = post_action(&client, booking, "refund", &json!({})).await;
        let refused = refused.expect_problem(409, "refund_not_possible");
        assert_eq!(refused.get("rest"), None, "{refused}");
    }
    post_action(&client, new_uuid(), "refund", &json!({}))
        .await
        .expect_problem(404, "booking_not_found");
}

#[tokio::test]
async fn concurrent_refunds_never_exceed_captured_amount() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_captured_booking(&client, None).await;
    let requests = (0..5).map(|_| async {
        let response = request_full_refund(&client, &paid).await;
        response.expect(200)["refundId"].clone()
    });
    let mut refunds = join_all(requests).await;
    refunds.dedup();
    assert_eq!(refunds.len(), 1, "{refunds:?}");
    assert_eq!(
        read_paypal_order(&paid.order.id).await.refunds(),
        [paid.hold.price.as_str()]
    );

    // Each partial refund fits, but not both.
    let paid = create_captured_booking(&client, None).await;
    let rest = subtract(&paid.hold.price, "1.00");
    let body = json!({"amount": rest});
    let (one_key, other_key) = (new_key(), new_key());
    let (one, other) = join(
        post_action_with_key(&client, paid.hold.id, "refund", &one_key, &body),
        post_action_with_key(&client, paid.hold.id, "refund", &other_key, &body),
    )
    .await;
    let (accepted, refused) = if one.status == 200 {
        (one, other)
    } else {
        (other, one)
    };
    assert_eq!(accepted.expect(200)["status"], "refunded");
    assert_eq!(
        refused.expect_problem(409, "refund_not_possible")["rest"],
        "1.00"
    );
    assert_eq!(read_paypal_order(&paid.order.id).await.refunds(), [rest]);
}

#[tokio::test]
async fn lost_refund_response_makes_one_refund() {
    for (upstream, fault, path) in [
        (Upstream::PayPal, Fault::drop_response(), "/refund"),
        (Upstream::PayPal, Fault::refuse(), "/v"),
        (
            Upstream::Database,
            Fault::drop_response(),
            "rpc/begin_refund",
        ),
        (
            Upstream::Database,
            Fault::drop_response(),
            "rpc/record_refund",
        ),
        (Upstream::Database, Fault::refuse(), "rpc/record_refund"),
    ] {
        for next in ["operator", "cron"] {
            run_alone(async {
                let (client, database) = (Client::new(), Database::open().await);
                let paid = create_captured_booking(&client, None).await;
                set_fault(upstream, fault.on_path(path)).await;
                let first = request_full_refund(&client, &paid).await;
                let first = first.expect(200);
                assert_eq!(first["status"], "pending", "{fault} of {path}");
                clear_faults(upstream).await;
                advance_clock(SignedDuration::from_mins(16)).await;
                if next == "cron" {
                    run_cron(&client).await;
                }
                let again = request_full_refund(&client, &paid).await;
                let again = again.expect(200);
                assert_eq!(
                    (&again["refundId"], &again["status"]),
                    (&first["refundId"], &json!("refunded")),
                    "{fault} of {path}, {next}"
                );
                let exchanges = exchanges_about(&database, paid.hold.id).await;
                assert_eq!(exchanges.request_ids("captures.refund").len(), 1);
                assert_eq!(
                    read_paypal_order(&paid.order.id).await.refunds(),
                    [paid.hold.price.as_str()]
                );
                assert_eq!(database.open_operations(paid.hold.id).await, 0);
            })
            .await;
        }
    }
}

#[tokio::test]
async fn refund_with_lost_database_response_is_kept() {
    run_alone(async {
        let client = Client::new();
        let paid = create_captured_booking(&client, None).await;
        let drop_response = Fault::drop_response().on_path("rpc/order_refund").times(1);
        set_fault(Upstream::Database, drop_response).await;
        let response = request_full_refund(&client, &paid).await;
        response.expect_problem(503, "database_unavailable");
        run_cron(&client).await;
        let again = request_full_refund(&client, &paid).await;
        assert_eq!(again.expect(200)["status"], "refunded");
        assert_eq!(
            read_paypal_order(&paid.order.id).await.refunds(),
            [paid.hold.price.as_str()]
        );
    })
    .await;
}

/// The merchant may fund the account later, so the refund is retried at growing intervals.
#[tokio::test]
async fn refund_waits_while_account_is_empty() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_captured_booking(&client, Some("SIMULATE_REFUND_REFUSED")).await;
        let attempts = || async {
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(exchanges.request_ids("captures.refund").len(), 1);
            exchanges.of("captures.refund").len()
        };
        let response = request_full_refund(&client, &paid).await;
        assert_eq!(response.expect(200)["status"], "pending");
        run_cron(&client).await;
        assert_eq!(attempts().await, 1, "the retry is not due yet");
        for (minutes, expected) in [(16, 2), (16, 2), (16, 3)] {
            advance_clock(SignedDuration::from_mins(minutes)).await;
            run_cron(&client).await;
            assert_eq!(attempts().await, expected);
        }
        assert_eq!(read_payment(&client, &paid).await["status"], "captured");
        let more = json!({"amount": "0.01"});
        let refused =
            post_action_with_key(&client, paid.hold.id, "refund", &new_key(), &more).await;
        assert_eq!(
            refused.expect_problem(409, "refund_not_possible")["rest"],
            "0.00",
            "the pending refund takes the whole amount"
        );
    })
    .await;
}

/// PayPal finally refuses when less is left of the capture than our database says.
#[tokio::test]
async fn refused_refund_can_be_requested_again() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_captured_booking(&client, None).await;
    let capture = checkout::text(&read_payment(&client, &paid).await["captureId"]);
    paypal_dashboard::refund(&capture, "10.00", &paid.hold.currency).await;
    let response = request_full_refund(&client, &paid).await;
    let refused = response.expect(200);
    assert_eq!(refused["status"], "refused");
    let shown = read_payment(&client, &paid).await;
    assert_eq!(
        (&shown["status"], &shown["refundedAmount"]),
        (&json!("partially_refunded"), &json!("10.00")),
        "the refund at PayPal is recorded at once"
    );
    let rest = subtract(&paid.hold.price, "10.00");
    let response = request_full_refund(&client, &paid).await;
    let refund = response.expect(200);
    assert_eq!(
        (&refund["status"], &refund["amount"]),
        (&json!("refunded"), &json!(rest))
    );
    assert_ne!(refund["refundId"], refused["refundId"]);
    assert_eq!(
        read_paypal_order(&paid.order.id).await.refunds(),
        ["10.00", rest.as_str()]
    );
    assert_eq!(read_payment(&client, &paid).await["status"], "refunded");
}

/// An operator's refund does not count as the cancellation's, and both never exceed the capture.
#[tokio::test]
async fn cancellation_refunds_the_rest() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_captured_booking(&client, None).await;
    let part = json!({"amount": "30.00"});
    post_action_with_key(&client, paid.hold.id, "refund", &new_key(), &part)
        .await
        .expect(200);
    let rest = subtract(&paid.hold.price, "30.00");
    let expected = refund_body(&paid.hold, 100, &rest, "refunded");
    assert_eq!(checkout::cancel(&client, &paid.hold).await, expected);
    assert_eq!(
        read_paypal_order(&paid.order.id).await.refunds(),
        ["30.00", rest.as_str()]
    );
    let again = request_full_refund(&client, &paid).await;
    assert_eq!(
        again.expect_problem(409, "refund_not_possible")["rest"],
        "0.00"
    );
}
