//! `POST /api/bookings/authorize-paypal-order`.

use crate::support::{
    checkout::{self, read_booking, request_authorization},
    client::Client,
    database::Database,
    environment::new_uuid,
    isolation::share_system,
    paypal::{self, exchanges_about},
    rental::Rental,
};
use jiff::Timestamp;
use serde_json::{Value, json};

const PATH: &str = "/api/bookings/authorize-paypal-order";

#[tokio::test]
async fn approved_order_confirms_booking() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 3).await).await;
    let order = checkout::create_approved_order(&client, &hold, None).await;
    let response = request_authorization(&client, &order).await.expect(200);
    assert_eq!(response["success"], true);
    assert_eq!(response["bookingId"], json!(hold.id));
    assert_eq!(response["status"], "upcoming");
    assert!(response["authorizationId"].is_string(), "{response}");
    let _: Timestamp = checkout::text(&response["captureScheduledAt"])
        .parse()
        .unwrap();
    assert_eq!(read_booking(&client, &hold).await["status"], "upcoming");

    let exchanges = exchanges_about(&database, hold.id).await;
    assert_eq!(exchanges.effects("orders.authorize"), 1);
    let payments = database.payments(hold.id).await;
    let request_id = format!("{}:authorize:1", checkout::text(&payments[0]["id"]));
    assert_eq!(
        exchanges
            .request_ids("orders.authorize")
            .into_iter()
            .collect::<Vec<_>>(),
        [request_id]
    );
}

#[tokio::test]
async fn repeated_authorization_returns_first_result() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let order = checkout::create_approved_order(&client, &hold, None).await;
    let first = request_authorization(&client, &order).await.expect(200);
    for _ in 0..3 {
        assert_eq!(
            request_authorization(&client, &order).await.expect(200),
            first
        );
    }
    assert_eq!(
        exchanges_about(&database, hold.id)
            .await
            .of("orders.authorize")
            .len(),
        1
    );
    assert_eq!(database.payments(hold.id).await.len(), 1);
    assert_eq!(database.live_bookings(&hold.rental).await, 1);
}

#[tokio::test]
async fn unapproved_order_can_be_retried() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let order = checkout::create_order(&client, &hold, None).await;
    for _ in 0..2 {
        request_authorization(&client, &order)
            .await
            .expect_problem(409, "order_not_approved");
        assert_eq!(
            read_booking(&client, &hold).await["status"],
            "pending_payment"
        );
    }
    paypal::approve(&order.approve_url).await;
    request_authorization(&client, &order).await.expect(200);
}

#[tokio::test]
async fn unknown_order_is_not_found() {
    let _guard = share_system().await;
    let client = Client::new();
    for id in [
        "5O190127TN364715T".to_owned(),
        new_uuid().to_string(),
        "0".to_owned(),
    ] {
        client
            .post(PATH, &json!({"orderID": id}))
            .await
            .expect_problem(404, "order_not_found");
    }
}

#[tokio::test]
async fn declined_payer_leaves_booking_unconfirmed() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    for script in ["SIMULATE_AUTHORIZE_DECLINED", "SIMULATE_AUTHORIZE_DENIED"] {
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, Some(script)).await;
        request_authorization(&client, &order)
            .await
            .expect_problem(402, "payment_declined");
        let booking = read_booking(&client, &hold).await;
        assert_eq!(booking["status"], "pending_payment", "{script}");
        assert_eq!(
            booking["payment"]["authorizationId"],
            Value::Null,
            "{script}"
        );
        assert_eq!(
            database.live_bookings(&hold.rental).await,
            1,
            "{script}: the hold stays until it expires"
        );
    }
}

#[tokio::test]
async fn mismatched_authorization_voided_booking_unconfirmed() {
    let _guard = share_system().await;
    let (client, database) = (Client::new(), Database::open().await);
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 3).await).await;
    let order =
        checkout::create_approved_order(&client, &hold, Some("SIMULATE_AUTHORIZE_OTHER_AMOUNT"))
            .await;
    request_authorization(&client, &order)
        .await
        .expect_problem(409, "payment_mismatch");

    assert_eq!(
        read_booking(&client, &hold).await["status"],
        "pending_payment"
    );
    let exchanges = exchanges_about(&database, hold.id).await;
    assert_eq!(exchanges.effects("orders.authorize"), 1);
    assert_eq!(
        exchanges.voided_authorizations().len(),
        1,
        "the money is given back"
    );
    let events = "SELECT count(*) FROM security_events
                  WHERE kind = 'payment_mismatch' AND detail ->> 'bookingId' = $1::text";
    assert_eq!(database.number(events, &[&hold.id.to_string()]).await, 1);

    // This order cannot be used again. A new one pays.
    request_authorization(&client, &order)
        .await
        .expect_problem(409, "order_ended");
    let order = checkout::create_approved_order(&client, &hold, None).await;
    request_authorization(&client, &order).await.expect(200);
    assert_eq!(read_booking(&client, &hold).await["status"], "upcoming");
}

#[tokio::test]
async fn order_pays_for_one_booking_only() {
    let _guard = share_system().await;
    let client = Client::new();
    let paid = checkout::pay(&client, &Rental::far_ahead(&client, 2).await, None).await;
    let other = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let response = request_authorization(&client, &paid.order)
        .await
        .expect(200);
    assert_eq!(response["bookingId"], json!(paid.hold.id));
    assert_eq!(response["authorizationId"], json!(paid.authorization));
    assert_eq!(
        read_booking(&client, &other).await["status"],
        "pending_payment"
    );
}
