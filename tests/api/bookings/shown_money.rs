//! The money that a booking shows before its capture and without one.

use crate::support::{
    checkout::{
        self, PaidBooking, create_approved_order, create_paid_booking, pay, request_authorization,
    },
    client::Client,
    isolation::{run_alone, share_system},
    local_system::{advance_clock, advance_clock_past},
    operator::request_capture,
    paypal_behaviour::set_behaviour,
    paypal_dashboard,
    reconciliation::{reconcile, reconcile_later},
    rental::Rental,
    shown_money::{Sums, assert_no_capture_planned, assert_sums, decimal, read_everywhere},
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

#[tokio::test]
async fn authorized_booking_shows_hold_and_next_capture() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = create_paid_booking(&client, None).await;
    let booking = read_everywhere(&client, &paid.hold).await;
    let payment = &booking["payment"];
    let price = paid.hold.price.as_str();
    assert_sums(payment, &Sums::held(price));
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
        let released = Sums::released(&paid.hold.price);
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
    request_capture(&client, &paid).await;
    let booking = read_everywhere(&client, &paid.hold).await;
    let payment = &booking["payment"];
    let price = paid.hold.price.as_str();
    assert_eq!(payment["status"], "capture_pending");
    assert_sums(payment, &Sums::held(price));
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
