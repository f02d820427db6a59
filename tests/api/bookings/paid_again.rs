//! Second orders of one payment, second payments of one booking, and orders that were lost.

use crate::support::{
    checkout::{
        self, cancel, create_paid_booking, pay_for_hold, read_booking, request_authorization,
        request_order,
    },
    client::Client,
    database::Database,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::advance_clock,
    paypal::{self, exchanges_about},
    paypal_behaviour::decline_once,
    paypal_dashboard::{self, read_paypal_order},
    reconciliation::reconcile,
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::json;

/// The order that was authorized is the payment's order, even if it is the older one.
#[tokio::test]
async fn older_order_pays_and_is_voided() {
    run_alone(async {
        let client = Client::new();
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let older = checkout::create_order(&client, &hold, None).await;
        advance_clock(SignedDuration::from_mins(175)).await;
        paypal::approve(&older.approve_url).await;
        decline_once(&older.id, "INSTRUMENT_DECLINED").await;
        request_authorization(&client, &older)
            .await
            .expect_problem(402, "payment_declined");
        advance_clock(SignedDuration::from_mins(8)).await;
        let newer = checkout::create_approved_order(&client, &hold, None).await;
        assert_ne!(newer.id, older.id);
        let first = request_authorization(&client, &older).await.expect(200);
        assert_eq!(
            request_authorization(&client, &newer).await.expect(200),
            first
        );
        advance_clock(SignedDuration::from_hours(1)).await;
        reconcile(&client).await;
        let payment = read_booking(&client, &hold).await["payment"].clone();
        assert_eq!(
            (&payment["orderId"], &payment["status"]),
            (&json!(older.id), &json!("authorized"))
        );
        assert_eq!(cancel(&client, &hold).await["status"], "voided");
        let paypal = read_paypal_order(&older.id).await;
        assert_eq!(paypal.authorizations(), ["VOIDED"]);
        let paypal = read_paypal_order(&newer.id).await;
        assert_eq!(paypal.authorizations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn voided_booking_is_paid_again() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        request_order(&client, &paid.hold, None)
            .await
            .expect_problem(409, "already_paid");
        paypal_dashboard::void(&paid.authorization).await;
        advance_clock(SignedDuration::from_hours(1)).await;
        reconcile(&client).await;
        assert_eq!(
            read_booking(&client, &paid.hold).await["payment"]["status"],
            "voided"
        );
        let again = pay_for_hold(&client, paid.hold.clone(), None).await;
        assert_ne!(again.authorization, paid.authorization);
        let booking = read_booking(&client, &paid.hold).await;
        assert_eq!(
            (
                &booking["status"],
                &booking["payment"]["status"],
                &booking["payment"]["authorizationId"]
            ),
            (
                &json!("upcoming"),
                &json!("authorized"),
                &json!(again.authorization)
            )
        );
        request_order(&client, &paid.hold, None)
            .await
            .expect_problem(409, "already_paid");
        request_authorization(&client, &paid.order)
            .await
            .expect_problem(409, "order_ended");
        assert_eq!(cancel(&client, &paid.hold).await["status"], "voided");
    })
    .await;
}

/// The response to the order was lost, and the customer left.
#[tokio::test]
async fn lost_order_is_found_and_lapses() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        set_fault(
            Upstream::PayPal,
            Fault::drop_response().on_path("/v2/checkout/orders"),
        )
        .await;
        request_order(&client, &hold, None)
            .await
            .expect_problem(503, "payment_provider_unavailable");
        clear_faults(Upstream::PayPal).await;
        advance_clock(SignedDuration::from_hours(1)).await;
        reconcile(&client).await;
        let payments = database.payments(hold.id).await;
        assert!(payments[0]["order_id"].is_string(), "{payments:?}");
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.create"), 1);
        for _ in 0..8 {
            advance_clock(SignedDuration::from_hours(1)).await;
            reconcile(&client).await;
        }
        assert_eq!(database.payments(hold.id).await[0]["status"], "expired");
    })
    .await;
}

#[tokio::test]
async fn unknown_order_is_closed() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        set_fault(
            Upstream::PayPal,
            Fault::respond(500, "").on_path("/v2/checkout/orders"),
        )
        .await;
        request_order(&client, &hold, None)
            .await
            .expect_problem(503, "payment_provider_unavailable");
        clear_faults(Upstream::PayPal).await;
        advance_clock(SignedDuration::from_mins(301)).await;
        reconcile(&client).await;
        assert_eq!(database.payments(hold.id).await[0]["status"], "expired");
        assert_eq!(database.open_operations(hold.id).await, 0);
    })
    .await;
}
