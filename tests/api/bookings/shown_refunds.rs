//! The money that a booking shows after a cancellation, a void or a refund.

use crate::support::{
    cancellation::split_price,
    capture_cron::run_cron,
    checkout::{self, cancel, create_paid_booking, pay_and_wait},
    client::Client,
    isolation::{run_alone, share_system},
    local_system::advance_clock,
    operator::{
        capture_now, create_captured_booking, post_action, post_action_with_key,
        request_full_refund,
    },
    paypal_behaviour::set_behaviour,
    paypal_dashboard::{self, read_paypal_order},
    reconciliation::{reconcile, reconcile_later},
    shown_money::{Sums, assert_no_capture_planned, assert_sums, read_everywhere},
};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde_json::{Value, json};

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
            &Sums { captured: &kept,
                ..Sums::released(&paid.hold.price) },
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
    assert_sums(payment, &Sums::released(price));
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
            let paid = create_captured_booking(&client, None).await;
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
                refunded: "12.34",
                ..Sums::captured(price)
            };
            assert_sums(payment, &partly);
            assert_no_capture_planned(payment);

            request_full_refund(&client, &paid).await.expect(200);
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
                refunded: &refund,
                ..Sums::captured(price)
            },
        );
        assert_eq!(booking["payment"]["keptAmount"], json!(kept));
        assert_eq!(booking["cancellation"]["kept"], json!(kept));
        assert_eq!(booking["cancellation"]["refund"]["amount"], json!(refund));
        assert_eq!(booking["cancellation"]["refund"]["status"], "refunded");
    })
    .await;
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
                pending_refund: price,
                ..Sums::captured(price)
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
