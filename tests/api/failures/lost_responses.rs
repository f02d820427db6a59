//! Answers that are lost after the effect: what was done is found again, and is done once.

use crate::support::{
    capture_cron::{results_for, run_cron},
    checkout::{self, read_booking, request_authorization, request_hold_with_key, request_order},
    client::Client,
    database::Database,
    environment::new_uuid,
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past, clear_faults, set_fault},
    paypal::exchanges_about,
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// The next answer to a request whose path contains `path` is lost.
async fn lose_one(upstream: &str, path: &str) {
    set_fault(
        upstream,
        json!({"kind": "drop_answer", "path": path, "times": 1}),
    )
    .await;
}

#[tokio::test]
async fn a_lost_order_is_found_again() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        lose_one("paypal", "/v2/checkout/orders").await;
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

/// Whether or not the note was made, the same order comes back.
#[tokio::test]
async fn an_order_that_was_not_noted_is_found_again() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        for trouble in ["drop_answer", "refuse"] {
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            set_fault(
                "database",
                json!({"kind": trouble, "path": "record_paypal_order", "times": 1}),
            )
            .await;
            request_order(&client, &hold, None)
                .await
                .expect_problem(503, "database_unavailable");
            clear_faults("database").await;
            let order = checkout::create_order(&client, &hold, None).await;
            let exchanges = exchanges_about(&database, hold.id).await;
            assert_eq!(exchanges.effects("orders.create"), 1, "{trouble}");
            assert_eq!(
                exchanges.of("orders.create")[0]["responseBody"]["id"],
                json!(order.id),
                "{trouble}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_authorization_is_found_at_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        lose_one("paypal", "/authorize").await;
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
async fn an_authorization_that_stays_in_doubt_is_settled_by_the_next_request() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        lose_one("paypal", "/authorize").await;
        set_fault("paypal", json!({"kind": "refuse", "path": format!("/v2/checkout/orders/{}", order.id), "times": 1})).await;
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

/// The money is held, and the database did not note it, or did and could not say so.
#[tokio::test]
async fn an_authorization_that_was_not_noted_is_found_again() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        for trouble in ["drop_answer", "refuse"] {
            let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = checkout::create_approved_order(&client, &hold, None).await;
            set_fault(
                "database",
                json!({"kind": trouble, "path": "record_authorization"}),
            )
            .await;
            request_authorization(&client, &order)
                .await
                .expect_problem(503, "database_unavailable");
            clear_faults("database").await;
            // Whoever held the payment may still be at work, as far as the database knows.
            advance_clock(SignedDuration::from_secs(61)).await;
            request_authorization(&client, &order).await.expect(200);
            let exchanges = exchanges_about(&database, hold.id).await;
            assert_eq!(exchanges.effects("orders.authorize"), 1, "{trouble}");
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
async fn a_lost_capture_is_found_by_the_next_run() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
        advance_clock_past(paid.capture_at).await;
        // Not anybody else's that is due by now.
        lose_one("paypal", &format!("{}/capture", paid.authorization)).await;
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

/// PayPal has taken the money and the database does not know: pitfall of every cron that captures.
#[tokio::test]
async fn a_capture_that_was_not_noted_is_found_by_the_next_run() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        for trouble in ["drop_answer", "refuse"] {
            let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
            advance_clock_past(paid.capture_at).await;
            // Only the record of the capture is lost, not the end of the run.
            set_fault(
                "database",
                json!({"kind": trouble, "path": "rpc/record_capture"}),
            )
            .await;
            run_cron(&client).await;
            clear_faults("database").await;
            advance_clock(SignedDuration::from_mins(16)).await;
            run_cron(&client).await;
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(exchanges.effects("authorizations.capture"), 1, "{trouble}");
            let payment = read_booking(&client, &paid.hold).await["payment"].clone();
            assert_eq!(payment["status"], "captured", "{trouble}");
            let capture = exchanges.of("authorizations.capture")[0]["responseBody"]["id"].clone();
            assert_eq!(payment["captureId"], capture, "{trouble}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_hold_is_found_again_under_its_key() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let (rental, key) = (Rental::far_ahead(&client, 2).await, new_uuid().to_string());
        lose_one("database", "create_booking").await;
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

/// The days were taken all the same, so nobody may be shown them as free.
#[tokio::test]
async fn the_calendar_is_right_even_when_the_answer_to_a_booking_was_lost() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        assert_eq!(
            client.get(&rental.availability_path()).await.expect(200)["bookable"],
            true
        );
        lose_one("database", "create_booking").await;
        checkout::request_hold(&client, &rental)
            .await
            .expect_problem(503, "database_unavailable");
        let response = client.get(&rental.availability_path()).await.expect(200);
        assert_eq!(response["bookable"], false, "{response}");
    })
    .await;
}

#[tokio::test]
async fn a_void_whose_answer_is_lost_is_made_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(
            &client,
            &hold,
            Some("SIMULATE_AUTHORIZE_OTHER_AMOUNT"),
        )
        .await;
        lose_one("paypal", "/void").await;
        let response = request_authorization(&client, &order).await;
        assert_ne!(response.status, 200, "{response}");
        assert_eq!(
            exchanges_about(&database, hold.id)
                .await
                .voided_authorizations()
                .len(),
            1
        );
        assert_eq!(
            read_booking(&client, &hold).await["status"],
            "pending_payment"
        );
    })
    .await;
}
