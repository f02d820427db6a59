//! Authorizations that PayPal reviews.

use crate::support::{
    checkout::{self, Hold, Order, read_booking, request_authorization, request_order, text},
    client::Client,
    database::edit_rows,
    isolation::{run_alone, share_system},
    local_system::advance_clock,
    paypal_behaviour::{authorize_as, decide},
    paypal_dashboard::read_paypal_order,
    reconciliation::{finding_kinds, reconcile_later},
    rental::Rental,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

async fn reviewed_booking(client: &Client) -> (Hold, Order, Value) {
    let hold = checkout::create_hold(client, &Rental::far_ahead(client, 2).await).await;
    let order = checkout::create_approved_order(client, &hold, None).await;
    authorize_as(&order.id, "PENDING").await;
    let response = request_authorization(client, &order).await.expect(202);
    (hold, order, response)
}

#[tokio::test]
async fn review_confirms_nothing() {
    let _guard = share_system().await;
    let client = Client::new();
    let (hold, order, response) = reviewed_booking(&client).await;
    let booking = read_booking(&client, &hold).await;
    assert_eq!(
        response,
        json!({
            "success": true, "bookingId": hold.id, "authorizationId": response["authorizationId"],
            "status": "pending_payment", "paymentStatus": "authorization_pending",
            "holdExpiresAt": booking["holdExpiresAt"],
        })
    );
    assert_eq!(
        (&booking["status"], &booking["payment"]["status"]),
        (&json!("pending_payment"), &json!("authorization_pending"))
    );
    let end: Timestamp = text(&booking["holdExpiresAt"]).parse().unwrap();
    let created: Timestamp = text(&booking["createdAt"]).parse().unwrap();
    assert!(end.duration_since(created) >= SignedDuration::from_hours(72));
    assert_eq!(
        request_authorization(&client, &order).await.expect(202),
        response
    );
    request_order(&client, &hold, None)
        .await
        .expect_problem(409, "payment_in_progress");
}

#[tokio::test]
async fn good_review_confirms_booking() {
    let _guard = share_system().await;
    let client = Client::new();
    let (hold, order, response) = reviewed_booking(&client).await;
    decide(&text(&response["authorizationId"]), "CREATED").await;
    let confirmed = request_authorization(&client, &order).await.expect(200);
    assert_eq!(
        (&confirmed["status"], &confirmed["authorizationId"]),
        (&json!("upcoming"), &response["authorizationId"])
    );
    let booking = read_booking(&client, &hold).await;
    assert_eq!(
        (&booking["status"], &booking["payment"]["status"]),
        (&json!("upcoming"), &json!("authorized"))
    );
}

#[tokio::test]
async fn bad_review_lets_customer_pay_otherwise() {
    let _guard = share_system().await;
    let client = Client::new();
    let (hold, order, response) = reviewed_booking(&client).await;
    decide(&text(&response["authorizationId"]), "DENIED").await;
    request_authorization(&client, &order)
        .await
        .expect_problem(402, "payment_declined");
    request_authorization(&client, &order)
        .await
        .expect_problem(409, "order_ended");
    let other = checkout::create_approved_order(&client, &hold, None).await;
    request_authorization(&client, &other).await.expect(200);
    assert_eq!(read_booking(&client, &hold).await["status"], "upcoming");
}

#[tokio::test]
async fn wrong_amount_is_voided_under_review() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let script = Some("SIMULATE_AUTHORIZE_OTHER_AMOUNT");
    let order = checkout::create_approved_order(&client, &hold, script).await;
    authorize_as(&order.id, "PENDING").await;
    request_authorization(&client, &order)
        .await
        .expect_problem(409, "payment_mismatch");
    assert_eq!(
        read_paypal_order(&order.id).await.authorizations(),
        ["VOIDED"]
    );
    let order = checkout::create_approved_order(&client, &hold, None).await;
    request_authorization(&client, &order).await.expect(200);
}

/// Ends the payment of a booking here, while PayPal still reviews its authorization.
async fn end_payment(hold: &Hold, reason: Option<&str>) {
    let ended = edit_rows(
        "UPDATE payments SET status = 'expired', pending_since = NULL, void_reason = $2 WHERE booking_id = $1",
        &[&hold.id, &reason],
    )
    .await;
    assert_eq!(ended, 1);
}

async fn take_days(client: &Client, hold: &Hold) {
    advance_clock(SignedDuration::from_hours(73)).await;
    let other = checkout::create_hold(client, &hold.rental).await;
    checkout::pay_for_hold(client, other, None).await;
}

/// PayPal agrees after the booking or its payment has ended.
#[tokio::test]
async fn late_good_review_is_voided_by_comparison() {
    for (ends_payment, reason) in [(false, None), (true, None), (true, Some("replaced"))] {
        run_alone(async move {
            let client = Client::new();
            let (hold, order, response) = reviewed_booking(&client).await;
            if ends_payment {
                end_payment(&hold, reason).await;
            }
            take_days(&client, &hold).await;
            reconcile_later(&client).await;
            assert_eq!(
                read_paypal_order(&order.id).await.authorizations(),
                ["PENDING"]
            );
            decide(&text(&response["authorizationId"]), "CREATED").await;
            advance_clock(SignedDuration::from_hours(24)).await;
            let run = reconcile_later(&client).await;
            assert_eq!(
                read_paypal_order(&order.id).await.authorizations(),
                ["VOIDED"]
            );
            assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
            assert_eq!(
                read_booking(&client, &hold).await["payment"]["heldAmount"],
                "0.00"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn late_bad_review_ends_finding() {
    for ends_payment in [false, true] {
        run_alone(async move {
            let client = Client::new();
            let (hold, order, response) = reviewed_booking(&client).await;
            if ends_payment {
                end_payment(&hold, None).await;
            }
            let run = reconcile_later(&client).await;
            assert_eq!(finding_kinds(&run, hold.id), ["authorization_pending"]);
            decide(&text(&response["authorizationId"]), "DENIED").await;
            let run = reconcile_later(&client).await;
            assert_eq!(finding_kinds(&run, hold.id), Vec::<Value>::new());
            assert_eq!(
                read_paypal_order(&order.id).await.authorizations(),
                ["DENIED"]
            );
        })
        .await;
    }
}
