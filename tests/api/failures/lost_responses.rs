//! Answers that are lost after the effect: what was done is found again, and is done once.

use crate::support::{
    capture_cron::{results_of, run_cron},
    checkout::{self, ask_for_order, ask_to_authorize, hold_under_key, read_back},
    client::Client,
    database::Database,
    environment::new_uuid,
    isolation::alone,
    local_system::{fault, no_faults, pass, pass_until},
    paypal::exchanges_about,
    rental::Rental,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// The next answer to a request whose path contains `path` is lost.
async fn lose_one(upstream: &str, path: &str) {
    fault(
        upstream,
        json!({"kind": "drop_answer", "path": path, "times": 1}),
    )
    .await;
}

#[tokio::test]
async fn a_lost_order_is_found_again() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        lose_one("paypal", "/v2/checkout/orders").await;
        let answer = ask_for_order(&client, &hold, None).await;
        answer.problem(503, "payment_provider_unavailable");
        answer.retry_after();
        let order = checkout::approved_order(&client, &hold, None).await;
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.create"), 1);
        assert_eq!(exchanges.request_ids("orders.create").len(), 1);
        for exchange in exchanges.of("orders.create") {
            assert_eq!(exchange["responseBody"]["id"], json!(order.id));
        }
        ask_to_authorize(&client, &order).await.expect(200);
    })
    .await;
}

/// Whether or not the note was made, the same order comes back.
#[tokio::test]
async fn an_order_that_was_not_noted_is_found_again() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        for trouble in ["drop_answer", "refuse"] {
            let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
            fault(
                "database",
                json!({"kind": trouble, "path": "record_paypal_order", "times": 1}),
            )
            .await;
            ask_for_order(&client, &hold, None)
                .await
                .problem(503, "database_unavailable");
            no_faults("database").await;
            let order = checkout::order(&client, &hold, None).await;
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
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::approved_order(&client, &hold, None).await;
        lose_one("paypal", "/authorize").await;
        let answer = ask_to_authorize(&client, &order).await.expect(200);
        assert_eq!(
            exchanges_about(&database, hold.id)
                .await
                .effects("orders.authorize"),
            1
        );
        assert_eq!(
            read_back(&client, &hold).await["payment"]["authorizationId"],
            answer["authorizationId"]
        );
    })
    .await;
}

#[tokio::test]
async fn an_authorization_that_stays_in_doubt_is_settled_by_the_next_request() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::approved_order(&client, &hold, None).await;
        lose_one("paypal", "/authorize").await;
        fault("paypal", json!({"kind": "refuse", "path": format!("/v2/checkout/orders/{}", order.id), "times": 1})).await;
        let answer = ask_to_authorize(&client, &order).await;
        answer.problem(503, "payment_provider_unavailable");
        answer.retry_after();
        let booking = read_back(&client, &hold).await;
        assert_eq!(booking["status"], "pending_payment");
        assert_eq!(booking["payment"]["authorizationId"], Value::Null);

        ask_to_authorize(&client, &order).await.expect(200);
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.authorize"), 1);
        assert_eq!(exchanges.request_ids("orders.authorize").len(), 1);
        assert_eq!(read_back(&client, &hold).await["status"], "upcoming");
    })
    .await;
}

/// The money is held, and the database did not note it, or did and could not say so.
#[tokio::test]
async fn an_authorization_that_was_not_noted_is_found_again() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        for trouble in ["drop_answer", "refuse"] {
            let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
            let order = checkout::approved_order(&client, &hold, None).await;
            fault(
                "database",
                json!({"kind": trouble, "path": "record_authorization"}),
            )
            .await;
            ask_to_authorize(&client, &order)
                .await
                .problem(503, "database_unavailable");
            no_faults("database").await;
            // Whoever held the payment may still be at work, as far as the database knows.
            pass(SignedDuration::from_secs(61)).await;
            ask_to_authorize(&client, &order).await.expect(200);
            let exchanges = exchanges_about(&database, hold.id).await;
            assert_eq!(exchanges.effects("orders.authorize"), 1, "{trouble}");
            let booking = read_back(&client, &hold).await;
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
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
        pass_until(paid.capture_at).await;
        // Not anybody else's that is due by now.
        lose_one("paypal", &format!("{}/capture", paid.authorization)).await;
        let run = run_cron(&client).await;
        assert_eq!(results_of(&run, paid.hold.id)[0]["success"], false, "{run}");
        assert_eq!(
            read_back(&client, &paid.hold).await["payment"]["status"],
            "capturing"
        );
        pass(SignedDuration::from_mins(16)).await;
        let run = run_cron(&client).await;
        assert_eq!(results_of(&run, paid.hold.id)[0]["success"], true, "{run}");
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        assert_eq!(exchanges.effects("authorizations.capture"), 1);
        assert_eq!(exchanges.request_ids("authorizations.capture").len(), 1);
        assert_eq!(
            read_back(&client, &paid.hold).await["payment"]["status"],
            "captured"
        );
    })
    .await;
}

/// PayPal has taken the money and the database does not know: pitfall of every cron that captures.
#[tokio::test]
async fn a_capture_that_was_not_noted_is_found_by_the_next_run() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        for trouble in ["drop_answer", "refuse"] {
            let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
            pass_until(paid.capture_at).await;
            // Only the record of the capture is lost, not the end of the run.
            fault(
                "database",
                json!({"kind": trouble, "path": "rpc/record_capture"}),
            )
            .await;
            run_cron(&client).await;
            no_faults("database").await;
            pass(SignedDuration::from_mins(16)).await;
            run_cron(&client).await;
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert_eq!(exchanges.effects("authorizations.capture"), 1, "{trouble}");
            let payment = read_back(&client, &paid.hold).await["payment"].clone();
            assert_eq!(payment["status"], "captured", "{trouble}");
            let capture = exchanges.of("authorizations.capture")[0]["responseBody"]["id"].clone();
            assert_eq!(payment["captureId"], capture, "{trouble}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_hold_is_found_again_under_its_key() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let (rental, key) = (Rental::far_ahead(&client, 2).await, new_uuid().to_string());
        lose_one("database", "create_booking").await;
        let answer = hold_under_key(&client, &key, &rental.body()).await;
        answer.problem(503, "database_unavailable");
        answer.retry_after();
        hold_under_key(&client, &key, &rental.body())
            .await
            .expect(200);
        assert_eq!(database.live_bookings(&rental).await, 1);
    })
    .await;
}

/// The days were taken all the same, so nobody may be shown them as free.
#[tokio::test]
async fn the_calendar_is_right_even_when_the_answer_to_a_booking_was_lost() {
    alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        assert_eq!(
            client.get(&rental.availability()).await.expect(200)["bookable"],
            true
        );
        lose_one("database", "create_booking").await;
        checkout::ask_for_hold(&client, &rental)
            .await
            .problem(503, "database_unavailable");
        let answer = client.get(&rental.availability()).await.expect(200);
        assert_eq!(answer["bookable"], false, "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_void_whose_answer_is_lost_is_made_once() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order =
            checkout::approved_order(&client, &hold, Some("SIMULATE_AUTHORIZE_OTHER_AMOUNT")).await;
        lose_one("paypal", "/void").await;
        let answer = ask_to_authorize(&client, &order).await;
        assert_ne!(answer.status, 200, "{answer}");
        assert_eq!(exchanges_about(&database, hold.id).await.voided().len(), 1);
        assert_eq!(read_back(&client, &hold).await["status"], "pending_payment");
    })
    .await;
}
