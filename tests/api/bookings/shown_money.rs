//! The money that a booking shows after each ending, compared with PayPal's books.

use crate::support::{
    cancellation::split_price,
    capture_cron::run_cron,
    checkout::{
        self, Hold, PaidBooking, cancel, create_approved_order, create_paid_booking, pay,
        pay_and_wait, read_booking, request_authorization,
    },
    client::Client,
    environment::variable,
    isolation::{run_alone, share_system},
    local_system::{advance_clock, advance_clock_past},
    operator::{capture_now, post_action, post_action_with_key},
    paypal_behaviour::set_behaviour,
    paypal_dashboard::{self, read_paypal_order},
    reconciliation::{reconcile, reconcile_later},
    rental::Rental,
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The members of a payment that are sums, and the values that they must have.
struct Sums<'a> {
    authorized: &'a str,
    held: &'a str,
    captured: &'a str,
    refunded: &'a str,
    pending_refund: &'a str,
}

impl Default for Sums<'_> {
    fn default() -> Self {
        Self {
            authorized: "0.00",
            held: "0.00",
            captured: "0.00",
            refunded: "0.00",
            pending_refund: "0.00",
        }
    }
}

fn decimal(value: &Value) -> Decimal {
    checkout::text(value).parse().unwrap()
}

/// Reads the booking as its holder. Asserts that an operator's list shows the same, and that the
/// amounts add up.
async fn read_everywhere(client: &Client, hold: &Hold) -> Value {
    let booking = read_booking(client, hold).await;
    let reference = checkout::text(&booking["reference"]);
    let path = format!("/api/admin/bookings?search={reference}");
    let listed = client
        .with_new_address()
        .get_as(&variable("ADMIN_TOKEN"), &path)
        .await
        .expect(200);
    assert_eq!(listed["bookings"], json!([booking]));
    let payment = &booking["payment"];
    let amount = |name: &str| decimal(&payment[name]);
    assert_eq!(
        amount("authorizedAmount"),
        amount("heldAmount") + amount("releasedAmount") + amount("capturedAmount"),
        "{payment}"
    );
    assert_eq!(
        amount("capturedAmount"),
        amount("refundedAmount") + amount("keptAmount"),
        "{payment}"
    );
    booking
}

/// Asserts the shown amounts and returns the booking.
#[track_caller]
fn assert_sums(payment: &Value, sums: &Sums<'_>) {
    for (name, expected) in [
        ("authorizedAmount", sums.authorized),
        ("heldAmount", sums.held),
        ("capturedAmount", sums.captured),
        ("refundedAmount", sums.refunded),
        ("pendingRefundAmount", sums.pending_refund),
    ] {
        assert_eq!(payment[name], expected, "{name}: {payment}");
    }
}

/// Asserts that nothing of the payment will be captured.
#[track_caller]
fn assert_no_capture_planned(payment: &Value) {
    assert_eq!(payment["captureScheduledAt"], Value::Null, "{payment}");
    assert_eq!(payment["captureAmount"], Value::Null, "{payment}");
}

#[tokio::test]
async fn authorized_booking_shows_hold_and_next_capture() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_paid_booking(&client, None).await;
    let booking = read_everywhere(&client, &paid.hold).await;
    let payment = &booking["payment"];
    let price = paid.hold.price.as_str();
    assert_sums(
        payment,
        &Sums {
            authorized: price,
            held: price,
            ..Sums::default()
        },
    );
    assert_eq!(payment["captureAmount"], price);
    assert_eq!(payment["capturedAt"], Value::Null);
    assert_eq!(payment["failureCode"], Value::Null);
    assert_eq!(payment["waitsForPayPalSince"], Value::Null);
    assert_eq!(booking["cancellation"], Value::Null);
}

#[tokio::test]
async fn unpaid_order_shows_no_money() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    create_approved_order(&client, &hold, None).await;
    let payment = &read_everywhere(&client, &hold).await["payment"];
    assert_sums(payment, &Sums::default());
    assert_no_capture_planned(payment);
}

/// The example of the documentation: half of the price is captured, the rest is released.
#[tokio::test]
async fn half_cancellation_shows_captured_part() {
    run_alone(async {
        let client = Client::new();
        let paid = pay_and_wait(&client, 5, None).await;
        let (refund, kept) = split_price(&paid.hold.price, 50);
        let answer = cancel(&client, &paid.hold).await;
        run_cron(&client).await;
        let booking = read_everywhere(&client, &paid.hold).await;
        let payment = &booking["payment"];
        assert_eq!(payment["status"], "captured");
        assert_sums(
            payment,
            &Sums {
                authorized: &paid.hold.price,
                captured: &kept,
                ..Sums::default()
            },
        );
        assert_eq!(payment["releasedAmount"], json!(refund));
        assert_no_capture_planned(payment);
        assert_eq!(
            read_paypal_order(&paid.order.id).await.captures(),
            [kept.as_str()]
        );
        let cancellation = &booking["cancellation"];
        assert_eq!(cancellation["percent"], answer["percent"]);
        assert_eq!(
            cancellation["refund"],
            json!({"amount": refund, "currency": paid.hold.currency, "status": "voided", "failureCode": null})
        );
        assert_eq!(answer["status"], "voided");
        assert_eq!(cancellation["kept"], json!(kept));
        assert_eq!(cancellation["cancelledAt"], booking["cancelledAt"]);
    })
    .await;
}

#[tokio::test]
async fn voided_booking_shows_release_and_reason() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_paid_booking(&client, None).await;
    let reason = json!({"reason": "The car is damaged"});
    let answer = post_action(&client, paid.hold.id, "void", &reason).await;
    assert_eq!(answer.expect(200)["refund"]["status"], "voided");
    let booking = read_everywhere(&client, &paid.hold).await;
    let payment = &booking["payment"];
    let price = paid.hold.price.as_str();
    assert_eq!(payment["status"], "voided");
    assert_sums(
        payment,
        &Sums {
            authorized: price,
            ..Sums::default()
        },
    );
    assert_eq!(payment["releasedAmount"], price);
    assert_no_capture_planned(payment);
    assert_eq!(booking["cancellation"]["reason"], reason["reason"]);
    assert_eq!(booking["cancellation"]["kept"], "0.00");
    assert_eq!(
        booking["cancellation"]["refund"],
        json!({"amount": price, "currency": paid.hold.currency, "status": "voided", "failureCode": null})
    );
}

#[tokio::test]
async fn refund_here_and_at_paypal_are_shown_alike() {
    for at_paypal in [false, true] {
        run_alone(async move {
            let client = Client::new();
            let paid = create_paid_booking(&client, None).await;
            capture_now(&client, &paid).await;
            let capture =
                checkout::text(&checkout::read_payment(&client, &paid).await["captureId"]);
            if at_paypal {
                paypal_dashboard::refund(&capture, "12.34", &paid.hold.currency).await;
                reconcile_later(&client).await;
            } else {
                let amount = json!({"amount": "12.34"});
                post_action_with_key(&client, paid.hold.id, "refund", "part", &amount)
                    .await
                    .expect(200);
            }
            let booking = read_everywhere(&client, &paid.hold).await;
            let payment = &booking["payment"];
            let price = paid.hold.price.as_str();
            assert_eq!(payment["status"], "partially_refunded");
            let partly = Sums {
                authorized: price,
                captured: price,
                refunded: "12.34",
                ..Sums::default()
            };
            assert_sums(payment, &partly);
            assert_no_capture_planned(payment);

            post_action(&client, paid.hold.id, "refund", &json!({}))
                .await
                .expect(200);
            let booking = read_everywhere(&client, &paid.hold).await;
            let payment = &booking["payment"];
            assert_eq!(payment["status"], "refunded");
            assert_sums(
                payment,
                &Sums {
                    refunded: price,
                    ..partly
                },
            );
            assert_eq!(payment["keptAmount"], "0.00");
            assert_eq!(booking["cancellation"], Value::Null, "the booking stands");
        })
        .await;
    }
}

#[tokio::test]
async fn cancellation_after_capture_shows_both_amounts() {
    run_alone(async {
        let client = Client::new();
        let paid = pay_and_wait(&client, 5, None).await;
        capture_now(&client, &paid).await;
        let (refund, kept) = split_price(&paid.hold.price, 50);
        let answer = cancel(&client, &paid.hold).await;
        assert_eq!(answer["status"], "refunded");
        let booking = read_everywhere(&client, &paid.hold).await;
        let price = paid.hold.price.as_str();
        assert_sums(
            &booking["payment"],
            &Sums {
                authorized: price,
                captured: price,
                refunded: &refund,
                ..Sums::default()
            },
        );
        assert_eq!(booking["payment"]["keptAmount"], json!(kept));
        assert_eq!(booking["cancellation"]["kept"], json!(kept));
        assert_eq!(booking["cancellation"]["refund"]["amount"], json!(refund));
        assert_eq!(booking["cancellation"]["refund"]["status"], "refunded");
    })
    .await;
}

#[tokio::test]
async fn expired_authorization_shows_no_hold() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        let end: Timestamp =
            checkout::text(&checkout::read_payment(&client, &paid).await["authorizationExpiresAt"])
                .parse()
                .unwrap();
        advance_clock_past(end).await;
        let released = Sums {
            authorized: &paid.hold.price,
            ..Sums::default()
        };
        let booking = read_everywhere(&client, &paid.hold).await;
        assert_sums(&booking["payment"], &released);
        assert_no_capture_planned(&booking["payment"]);
        reconcile_later(&client).await;
        let booking = read_everywhere(&client, &paid.hold).await;
        assert_eq!(booking["payment"]["status"], "expired");
        assert_sums(&booking["payment"], &released);
    })
    .await;
}

#[tokio::test]
async fn pending_authorization_is_no_money() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let order = create_approved_order(&client, &hold, Some("SIMULATE_AUTHORIZE_PENDING")).await;
    let answer = request_authorization(&client, &order).await.expect(202);
    assert_eq!(answer["paymentStatus"], "authorization_pending");
    let booking = read_everywhere(&client, &hold).await;
    let payment = &booking["payment"];
    assert_eq!(booking["status"], "pending_payment");
    assert_eq!(payment["status"], "authorization_pending");
    assert_sums(payment, &Sums::default());
    assert_no_capture_planned(payment);
    assert!(payment["waitsForPayPalSince"].is_string(), "{payment}");
}

#[tokio::test]
async fn pending_capture_is_shown_as_held() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_paid_booking(&client, Some("SIMULATE_CAPTURE_PENDING")).await;
    post_action(&client, paid.hold.id, "capture", &json!({})).await;
    let booking = read_everywhere(&client, &paid.hold).await;
    let payment = &booking["payment"];
    let price = paid.hold.price.as_str();
    assert_eq!(payment["status"], "capture_pending");
    assert_sums(
        payment,
        &Sums {
            authorized: price,
            held: price,
            ..Sums::default()
        },
    );
    assert_no_capture_planned(payment);
    assert!(payment["waitsForPayPalSince"].is_string(), "{payment}");
    assert_eq!(booking["paymentPlan"], Value::Null);
}

/// The sums cover the payment that was voided at PayPal and the one that replaced it.
#[tokio::test]
async fn second_payment_is_added_to_first() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        paypal_dashboard::void(&paid.authorization).await;
        reconcile_later(&client).await;
        let booking = read_everywhere(&client, &paid.hold).await;
        assert_eq!(booking["status"], "upcoming");
        assert_eq!(booking["payment"]["status"], "voided");
        assert_no_capture_planned(&booking["payment"]);

        let order = create_approved_order(&client, &paid.hold, None).await;
        request_authorization(&client, &order).await.expect(200);
        let booking = read_everywhere(&client, &paid.hold).await;
        let payment = &booking["payment"];
        let price: Decimal = paid.hold.price.parse().unwrap();
        assert_eq!(payment["status"], "authorized");
        assert_eq!(payment["orderId"], json!(order.id));
        assert_eq!(decimal(&payment["authorizedAmount"]), price + price);
        assert_eq!(payment["heldAmount"], json!(paid.hold.price));
        assert_eq!(payment["releasedAmount"], json!(paid.hold.price));
        assert_eq!(payment["captureAmount"], json!(paid.hold.price));
        assert!(payment["captureScheduledAt"].is_string(), "{payment}");
    })
    .await;
}

/// The capture is 27 days after the payment, and PayPal refunds it for 180 days.
#[tokio::test]
async fn distant_pick_up_is_beyond_refunds() {
    let _guard = share_system().await;
    let client = Client::new();
    for (least, most, is_beyond) in [(100, 190, false), (215, 330, true)] {
        let rental = Rental::between(&client, 2, least, most).await;
        let paid: PaidBooking = pay(&client, &rental, None).await;
        let plan = &read_everywhere(&client, &paid.hold).await["paymentPlan"];
        let at = |name: &str| -> Timestamp { checkout::text(&plan[name]).parse().unwrap() };
        assert_eq!(
            at("refundableUntil").duration_since(at("captureAt")),
            SignedDuration::from_hours(180 * 24)
        );
        assert_eq!(plan["refundEndsBeforePickUp"], is_beyond, "{plan}");
    }
}

/// A cancellation gives back its share of the price, less what went back before.
#[tokio::test]
async fn earlier_refund_counts_toward_cancellation() {
    run_alone(async {
        let client = Client::new();
        let paid = pay_and_wait(&client, 5, None).await;
        capture_now(&client, &paid).await;
        let amount = json!({"amount": "10.00"});
        post_action_with_key(&client, paid.hold.id, "refund", "goodwill", &amount)
            .await
            .expect(200);
        let (half, kept) = split_price(&paid.hold.price, 50);
        let rest = half.parse::<Decimal>().unwrap() - Decimal::from(10);
        let answer = cancel(&client, &paid.hold).await;
        assert_eq!(answer["amount"], json!(format!("{rest:.2}")));
        let booking = read_everywhere(&client, &paid.hold).await;
        assert_eq!(booking["payment"]["refundedAmount"], json!(half));
        assert_eq!(booking["payment"]["keptAmount"], json!(kept));
        assert_eq!(booking["cancellation"]["kept"], json!(kept));
    })
    .await;
}

/// PayPal decides hours later, and the customer reads the truth before and after.
#[tokio::test]
async fn pending_refund_is_shown_until_paypal_decides() {
    for (decision, refunded) in [("COMPLETED", true), ("FAILED", false)] {
        run_alone(async move {
            let client = Client::new();
            let paid = pay_and_wait(&client, 8, None).await;
            capture_now(&client, &paid).await;
            set_behaviour(&json!({
                "kind": "outcome", "operation": "captures.refund", "status": "PENDING",
                "after": "PT5H", "then": decision, "order": paid.order.id,
            }))
            .await;
            let price = paid.hold.price.as_str();
            assert_eq!(cancel(&client, &paid.hold).await["status"], "pending");
            let booking = read_everywhere(&client, &paid.hold).await;
            let waiting = Sums {
                authorized: price,
                captured: price,
                pending_refund: price,
                ..Sums::default()
            };
            assert_sums(&booking["payment"], &waiting);
            assert!(booking["payment"]["waitsForPayPalSince"].is_string());
            assert_eq!(booking["cancellation"]["refund"]["status"], "pending");
            assert_eq!(booking["cancellation"]["kept"], "0.00");

            advance_clock(SignedDuration::from_hours(6)).await;
            reconcile(&client).await;
            let booking = read_everywhere(&client, &paid.hold).await;
            let decided = Sums {
                refunded: if refunded { price } else { "0.00" },
                pending_refund: "0.00",
                ..waiting
            };
            assert_sums(&booking["payment"], &decided);
            assert_eq!(booking["payment"]["waitsForPayPalSince"], Value::Null);
            let (status, kept) = if refunded {
                ("refunded", "0.00")
            } else {
                ("refused", price)
            };
            let answer = cancel(&client, &paid.hold).await;
            for member in ["status", "amount", "failureCode"] {
                let shown = &booking["cancellation"]["refund"][member];
                assert_eq!(*shown, answer[member], "{member}");
            }
            assert_eq!(booking["cancellation"]["refund"]["status"], status);
            assert_eq!(booking["cancellation"]["kept"], kept);
        })
        .await;
    }
}

/// The days and the money of an authorization that PayPal denies after its review.
#[tokio::test]
async fn denied_review_shows_no_money() {
    run_alone(async {
        let client = Client::new();
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = create_approved_order(&client, &hold, None).await;
        set_behaviour(&json!({
            "kind": "outcome", "operation": "orders.authorize", "status": "PENDING",
            "after": "PT5H", "then": "DENIED", "order": order.id,
        }))
        .await;
        request_authorization(&client, &order).await.expect(202);
        advance_clock(SignedDuration::from_hours(6)).await;
        reconcile(&client).await;
        let booking = read_everywhere(&client, &hold).await;
        let payment = &booking["payment"];
        assert_eq!(payment["status"], "failed");
        assert_eq!(payment["failureCode"], "authorization_denied");
        assert_sums(payment, &Sums::default());
        assert_eq!(payment["releasedAmount"], "0.00");
        assert_no_capture_planned(payment);
        assert_eq!(payment["waitsForPayPalSince"], Value::Null);
    })
    .await;
}
