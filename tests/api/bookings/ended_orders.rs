//! Orders and attempts that lead nowhere. The customer can start again at once.

use crate::support::{
    cancellation::refund_body,
    checkout::{
        self, Hold, Order, cancel, read_booking, request_authorization, request_hold, request_order,
    },
    client::Client,
    database::Database,
    faults::{Fault, Upstream, set_fault},
    isolation::{run_alone, share_system},
    local_system::advance_clock,
    paypal::exchanges_about,
    paypal_behaviour::{authorize_as, decline_once, set_behaviour},
    paypal_dashboard::{self, read_paypal_order},
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::json;

async fn approved_order(client: &Client) -> (Hold, Order) {
    let hold = checkout::create_hold(client, &Rental::far_ahead(client, 2).await).await;
    let order = checkout::create_approved_order(client, &hold, None).await;
    (hold, order)
}

/// The dead order is not offered again, and a new one pays.
async fn start_again(client: &Client, hold: &Hold, dead: &Order) {
    request_authorization(client, dead)
        .await
        .expect_problem(409, "order_ended");
    let order = checkout::create_approved_order(client, hold, None).await;
    assert_ne!(order.id, dead.id);
    request_authorization(client, &order).await.expect(200);
    assert_eq!(read_booking(client, hold).await["status"], "upcoming");
}

#[tokio::test]
async fn denied_order_is_replaced_at_once() {
    let _guard = share_system().await;
    let client = Client::new();
    let (hold, order) = approved_order(&client).await;
    authorize_as(&order.id, "DENIED").await;
    request_authorization(&client, &order)
        .await
        .expect_problem(402, "payment_declined");
    start_again(&client, &hold, &order).await;
}

#[tokio::test]
async fn refused_order_is_replaced_at_once() {
    let _guard = share_system().await;
    let client = Client::new();
    for (issue, status, code) in [
        ("PAYER_CANNOT_PAY", 402, "payment_declined"),
        ("TRANSACTION_REFUSED", 402, "payment_declined"),
        ("ORDER_EXPIRED", 409, "order_ended"),
        ("ORDER_COMPLETED_OR_VOIDED", 409, "order_ended"),
        ("MAX_AUTHORIZATION_COUNT_EXCEEDED", 409, "order_ended"),
    ] {
        let (hold, order) = approved_order(&client).await;
        decline_once(&order.id, issue).await;
        request_authorization(&client, &order)
            .await
            .expect_problem(status, code);
        start_again(&client, &hold, &order).await;
    }
}

#[tokio::test]
async fn forgotten_order_is_replaced_at_once() {
    let _guard = share_system().await;
    let client = Client::new();
    let (hold, order) = approved_order(&client).await;
    set_behaviour(&json!({
        "kind": "refuse", "operation": "orders.authorize", "order": order.id,
        "issue": "INVALID_RESOURCE_ID", "status": 404, "times": 1,
    }))
    .await;
    request_authorization(&client, &order)
        .await
        .expect_problem(409, "order_ended");
    start_again(&client, &hold, &order).await;
}

/// Somebody authorized and voided the order in PayPal's console.
#[tokio::test]
async fn voided_order_is_replaced_at_once() {
    let _guard = share_system().await;
    let client = Client::new();
    let (hold, order) = approved_order(&client).await;
    let authorization = paypal_dashboard::authorize(&order.id).await;
    paypal_dashboard::void(&authorization).await;
    request_authorization(&client, &order)
        .await
        .expect_problem(409, "order_ended");
    start_again(&client, &hold, &order).await;
}

#[tokio::test]
async fn declined_instrument_keeps_order() {
    let _guard = share_system().await;
    let client = Client::new();
    for (issue, status, code) in [
        ("INSTRUMENT_DECLINED", 402, "payment_declined"),
        ("PAYER_ACTION_REQUIRED", 409, "order_not_approved"),
    ] {
        let (hold, order) = approved_order(&client).await;
        decline_once(&order.id, issue).await;
        request_authorization(&client, &order)
            .await
            .expect_problem(status, code);
        let again = checkout::create_order(&client, &hold, None).await;
        assert_eq!(again.id, order.id);
        request_authorization(&client, &order).await.expect(200);
    }
}

/// Not understood is no refusal: the order is asked for again, and nothing is charged twice.
#[tokio::test]
async fn unclear_answer_can_be_retried() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    for behaviour in [
        json!({"kind": "refuse", "issue": "SOMETHING_NEW", "status": 422}),
        json!({"kind": "page", "status": 403}),
        json!({"kind": "page", "status": 200}),
        json!({"kind": "page", "status": 502, "afterEffect": true}),
        json!({"kind": "change", "remove": ["purchase_units"]}),
    ] {
        let (hold, order) = approved_order(&client).await;
        let mut behaviour = behaviour;
        behaviour["operation"] = json!("orders.authorize");
        behaviour["order"] = json!(order.id);
        behaviour["times"] = json!(1);
        set_behaviour(&behaviour).await;
        let first = request_authorization(&client, &order).await;
        if first.status != 200 {
            first.expect_problem(503, "payment_provider_unavailable");
            request_authorization(&client, &order).await.expect(200);
        }
        let paypal = read_paypal_order(&order.id).await;
        assert_eq!(paypal.authorizations(), ["CREATED"], "{behaviour}");
        let exchanges = exchanges_about(&database, hold.id).await;
        let request_ids = exchanges.request_ids("orders.authorize");
        assert_eq!(request_ids.len(), 1, "{behaviour}");
    }
}

#[tokio::test]
async fn unsent_attempt_is_not_repeated_for_taken_days() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let (hold, order) = approved_order(&client).await;
        set_fault(
            Upstream::PayPal,
            Fault::refuse().on_path("/authorize").times(1),
        )
        .await;
        request_authorization(&client, &order)
            .await
            .expect_problem(503, "payment_provider_unavailable");
        advance_clock(SignedDuration::from_mins(16)).await;
        request_hold(&client, &hold.rental).await.expect(201);
        request_authorization(&client, &order)
            .await
            .expect_problem(409, "dates_unavailable");
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.authorize"), 0);
        let paypal = read_paypal_order(&order.id).await;
        assert_eq!(paypal.authorizations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn canceled_booking_is_looked_at_and_voided() {
    run_alone(async {
        let client = Client::new();
        // PayPal authorized, and the response was lost. The second attempt never reached PayPal.
        for (fault, authorizations) in [
            (Fault::drop_response(), vec!["VOIDED"]),
            (Fault::refuse(), vec![]),
        ] {
            let (hold, order) = approved_order(&client).await;
            set_fault(Upstream::PayPal, fault.on_path(&order.id)).await;
            request_authorization(&client, &order)
                .await
                .expect_problem(503, "payment_provider_unavailable");
            crate::support::faults::clear_faults(Upstream::PayPal).await;
            assert_eq!(
                cancel(&client, &hold).await,
                refund_body(&hold, 100, "0.00", "none")
            );
            request_authorization(&client, &order)
                .await
                .expect_problem(409, "booking_not_payable");
            let paypal = read_paypal_order(&order.id).await;
            assert_eq!(paypal.authorizations(), authorizations);
            request_order(&client, &hold, None)
                .await
                .expect_problem(409, "booking_not_payable");
        }
    })
    .await;
}
