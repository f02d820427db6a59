//! Responses that are lost after the effect. The effect is found again, and happens once.

use crate::support::{
    capture_cron::{results_for, run_cron},
    checkout::{self, read_booking, request_authorization, request_hold_with_key, request_order},
    client::Client,
    database::Database,
    environment::new_uuid,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past},
    paypal::exchanges_about,
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Loses the next response to a request whose path contains `path`.
async fn lose_response(upstream: Upstream, path: &str) {
    set_fault(upstream, Fault::drop_response().on_path(path).times(1)).await;
}

#[tokio::test]
async fn repeated_request_returns_lost_order() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        lose_response(Upstream::PayPal, "/v2/checkout/orders").await;
        let response = request_order(&client, &hold, None).await;
        response.expect_problem(503, "payment_provider_unavailable");
        response.retry_after();
        let order = checkout::create_approved_order(&client, &hold, None).await;
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.create"), 1);
        assert_eq!(exchanges.request_ids("orders.create").len(), 1);
        for exchange in exchanges.of("orders.create") {
            assert_eq!(exchange["responseBody"]["id"], json!(order.id));
        }
        request_authorization(&client, &order).await.expect(200);
    })
    .await;
}

/// The database may or may not have recorded the order.
#[tokio::test]
async fn repeated_request_returns_unrecorded_order() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        for fault in [Fault::drop_response(), Fault::refuse()] {
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            set_fault(
                Upstream::Database,
                fault.on_path("record_paypal_order").times(1),
            )
            .await;
            request_order(&client, &hold, None)
                .await
                .expect_problem(503, "database_unavailable");
            clear_faults(Upstream::Database).await;
            let order = checkout::create_order(&client, &hold, None).await;
            let exchanges = exchanges_about(&database, hold.id).await;
            assert_eq!(exchanges.effects("orders.create"), 1, "{fault}");
            assert_eq!(
                exchanges.of("orders.create")[0]["responseBody"]["id"],
                json!(order.id),
                "{fault}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn lost_authorization_is_found_at_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        lose_response(Upstream::PayPal, "/authorize").await;
        let response = request_authorization(&client, &order).await.expect(200);
        assert_eq!(
            exchanges_about(&database, hold.id)
                .await
                .effects("orders.authorize"),
            1
        );
        assert_eq!(
            read_booking(&client, &hold).await["payment"]["authorizationId"],
            response["authorizationId"]
        );
    })
    .await;
}

#[tokio::test]
async fn next_request_settles_doubtful_authorization() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        lose_response(Upstream::PayPal, "/authorize").await;
        let path = format!("/v2/checkout/orders/{}", order.id);
        let refuse = Fault::refuse().on_path(path).times(1);
        set_fault(Upstream::PayPal, refuse).await;
        let response = request_authorization(&client, &order).await;
        response.expect_problem(503, "payment_provider_unavailable");
        response.retry_after();
        let booking = read_booking(&client, &hold).await;
        assert_eq!(booking["status"], "pending_payment");
        assert_eq!(booking["payment"]["authorizationId"], Value::Null);

        request_authorization(&client, &order).await.expect(200);
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.authorize"), 1);
        assert_eq!(exchanges.request_ids("orders.authorize").len(), 1);
        assert_eq!(read_booking(&client, &hold).await["status"], "upcoming");
    })
    .await;
}

/// PayPal holds the money. The database may or may not have recorded that.
#[tokio::test]
async fn repeated_request_finds_unrecorded_authorization() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        for fault in [Fault::drop_response(), Fault::refuse()] {
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = checkout::create_approved_order(&client, &hold, None).await;
            set_fault(Upstream::Database, fault.on_path("record_authorization")).await;
            request_authorization(&client, &order)
                .await
                .expect_problem(503, "database_unavailable");
            clear_faults(Upstream::Database).await;
            // The claim has no recorded end, so the first request may still be running.
            advance_clock(SignedDuration::from_secs(61)).await;
            request_authorization(&client, &order).await.expect(200);
            let exchanges = exchanges_about(&database, hold.id).await;
            assert_eq!(exchanges.effects("orders.authorize"), 1, "{fault}");
            let booking = read_booking(&client, &hold).await;
            assert_eq!(
                (&booking["status"], &booking["payment"]["status"]),
                (&json!("upcoming"), &json!("authorized"))
            );
        }
    })
    .await;
}

#[tokio::test]
async fn next_run_finds_lost_capture() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
        advance_clock_past(paid.capture_at).await;
        // Captures of other tests may be due too, and must not use up the fault.
        lose_response(Upstream::PayPal, &format!("{}/capture", paid.authorization)).await;
        let run = run_cron(&client).await;
        assert_eq!(
            results_for(&run, paid.hold.id)[0]["success"],
            false,
            "{run}"
        );
        assert_eq!(
            read_booking(&client, &paid.hold).await["payment"]["status"],
            "capturing"
        );
        advance_clock(SignedDuration::from_mins(16)).await;
        let run = run_cron(&client).await;
        assert_eq!(results_for(&run, paid.hold.id)[0]["success"], true, "{run}");
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        assert_eq!(exchanges.effects("authorizations.capture"), 1);
        assert_eq!(exchanges.request_ids("authorizations.capture").len(), 1);
        assert_eq!(
            read_booking(&client, &paid.hold).await["payment"]["status"],
            "captured"
        );
    })
    .await;
}

/// PayPal has taken the money, but the database may not know.
#[tokio::test]
async fn next_run_finds_unrecorded_capture() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        for fault in [Fault::drop_response(), Fault::refuse()] {
            let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
            advance_clock_past(paid.capture_at).await;
            // The run's own end is still recorded.
            set_fault(Upstream::Database, fault.on_path("rpc/record_capture")).await;
            run_cron(&client).await;
            clear_faults(Upstream::Database).await;
            advance_clock(SignedDuration::from_mins(16)).await;
            run_cron(&client).await;
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(exchanges.effects("authorizations.capture"), 1, "{fault}");
            let payment = read_booking(&client, &paid.hold).await["payment"].clone();
            assert_eq!(payment["status"], "captured", "{fault}");
            let capture = exchanges.of("authorizations.capture")[0]["responseBody"]["id"].clone();
            assert_eq!(payment["captureId"], capture, "{fault}");
        }
    })
    .await;
}

#[tokio::test]
async fn idempotency_key_finds_lost_hold() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let (rental, key) = (Rental::far_ahead(&client, 2).await, new_uuid().to_string());
        lose_response(Upstream::Database, "create_booking").await;
        let response = request_hold_with_key(&client, &key, &rental.body()).await;
        response.expect_problem(503, "database_unavailable");
        response.retry_after();
        request_hold_with_key(&client, &key, &rental.body())
            .await
            .expect(200);
        assert_eq!(database.live_bookings(&rental).await, 1);
    })
    .await;
}

/// The days are booked, so the availability must not show them as free.
#[tokio::test]
async fn lost_booking_response_still_updates_availability() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        assert_eq!(
            client.get(&rental.availability_path()).await.expect(200)["bookable"],
            true
        );
        lose_response(Upstream::Database, "create_booking").await;
        checkout::request_hold(&client, &rental)
            .await
            .expect_problem(503, "database_unavailable");
        let response = client.get(&rental.availability_path()).await.expect(200);
        assert_eq!(response["bookable"], false, "{response}");
    })
    .await;
}

#[tokio::test]
async fn lost_void_response_voids_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(
            &client,
            &hold,
            Some("SIMULATE_AUTHORIZE_OTHER_AMOUNT"),
        )
        .await;
        lose_response(Upstream::PayPal, "/void").await;
        let response = request_authorization(&client, &order).await;
        response.expect_problem(503, "payment_provider_unavailable");
        response.retry_after();
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.voided_authorizations().len(), 1);
        assert_eq!(exchanges.request_ids("authorizations.void").len(), 1);
        assert_eq!(
            read_booking(&client, &hold).await["status"],
            "pending_payment"
        );
    })
    .await;
}
