//! Concurrent holds, orders and authorizations.

use crate::support::{
    checkout::{self, request_authorization, request_hold, request_hold_with_key, request_order},
    client::{Client, Response},
    database::Database,
    environment::new_uuid,
    faults::{Fault, Upstream, set_fault},
    isolation::run_alone,
    local_system::eventually,
    paypal::exchanges_about,
    rental::Rental,
};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::sleep;

const CLIENTS: i64 = 50;

fn count(responses: &[Response], status: u16) -> usize {
    responses
        .iter()
        .filter(|response| response.status == status)
        .count()
}

/// The ranges differ and all share a day, so comparing ranges for equality would not be enough.
#[tokio::test]
async fn fifty_overlapping_requests_make_one_booking() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let free = Rental::far_ahead(&client, 20).await;
        let rentals: Vec<Rental> = (0..CLIENTS)
            .map(|n| free.part(n % 7, 8 + n / 7 % 6 - n % 7 / 2))
            .collect();
        assert!(
            rentals
                .iter()
                .all(|rental| rental.start <= free.part(6, 1).start
                    && rental.end > free.part(6, 1).start)
        );
        let responses = join_all(rentals.iter().map(|rental| request_hold(&client, rental))).await;

        assert_eq!(
            (count(&responses, 201), count(&responses, 409)),
            (1, 49),
            "{:?}",
            codes(&responses)
        );
        for response in responses.iter().filter(|response| response.status == 409) {
            let code = checkout::text(&response.json()["code"]);
            // A request that waited too long for the lock also gets a 409, which is retryable.
            assert!(
                ["dates_unavailable", "booking_in_progress"].contains(&code.as_str()),
                "{response}"
            );
            response.expect_problem(409, &code);
        }
        assert_eq!(database.live_bookings(&free).await, 1);
    })
    .await;
}

fn codes(responses: &[Response]) -> Vec<String> {
    responses
        .iter()
        .filter(|response| response.status >= 400)
        .map(|response| response.json()["code"].to_string())
        .collect()
}

/// Like a double click, fifty times. A client retries `booking_in_progress` after `Retry-After`.
#[tokio::test]
async fn fifty_identical_requests_return_one_booking() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let (rental, key) = (Rental::far_ahead(&client, 3).await, new_uuid().to_string());
        let responses =
            join_all((0..CLIENTS).map(|_| hold_with_retries(&client, &rental, &key))).await;
        assert_eq!((count(&responses, 201), count(&responses, 200)), (1, 49));
        let ids: BTreeSet<String> = responses
            .iter()
            .map(|response| response.json()["bookingId"].to_string())
            .collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        assert_eq!(database.live_bookings(&rental).await, 1);
    })
    .await;
}

/// Retries `booking_in_progress` after the seconds in `Retry-After`.
async fn hold_with_retries(client: &Client, rental: &Rental, key: &str) -> Response {
    loop {
        let response = request_hold_with_key(client, key, &rental.body()).await;
        if response.status < 400 {
            return response;
        }
        assert_eq!(
            response.expect_problem(409, "booking_in_progress")["retryable"],
            true
        );
        sleep(Duration::from_secs(response.retry_after())).await;
    }
}

#[tokio::test]
async fn twenty_concurrent_orders_are_one() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let responses = join_all((0..20).map(|_| request_order(&client, &hold, None))).await;
        let orders: BTreeSet<String> = responses
            .iter()
            .map(|response| response.expect(201)["orderID"].to_string())
            .collect();
        assert_eq!(orders.len(), 1, "{orders:?}");
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.effects("orders.create"), 1);
        assert_eq!(exchanges.request_ids("orders.create").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn ten_concurrent_authorizations_reserve_money_once() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        let responses = join_all((0..10).map(|_| request_authorization(&client, &order))).await;
        for response in &responses {
            if response.status == 200 {
                assert_eq!(response.json()["bookingId"], json!(hold.id));
            } else {
                response.expect_problem(409, "payment_in_progress");
            }
        }
        assert!(count(&responses, 200) >= 1);
        assert_eq!(
            exchanges_about(&database, hold.id)
                .await
                .of("orders.authorize")
                .len(),
            1
        );
        assert_eq!(
            checkout::read_booking(&client, &hold).await["payment"]["status"],
            "authorized"
        );
    })
    .await;
}

#[tokio::test]
async fn second_authorization_must_wait() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        set_fault(
            Upstream::PayPal,
            Fault::delay_millis(3000).on_path("/authorize"),
        )
        .await;
        let second = async {
            eventually("the first authorization has begun", 10, || async {
                let payments = database.payments(hold.id).await;
                payments
                    .iter()
                    .any(|payment| payment["lease_expires_at"] != Value::Null)
                    .then_some(())
            })
            .await;
            request_authorization(&client, &order).await
        };
        let (first, second) = join(request_authorization(&client, &order), second).await;
        let problem = second.expect_problem(409, "payment_in_progress");
        assert_eq!(problem["retryable"], true);
        second.retry_after();
        first.expect(200);
        assert_eq!(
            exchanges_about(&database, hold.id)
                .await
                .effects("orders.authorize"),
            1
        );
    })
    .await;
}

/// Only one of the references gets the days.
#[tokio::test]
async fn ten_references_same_days_make_one_hold() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::far_ahead(&client, 2).await;
        let place_order = async || {
            let mut body = rental.body();
            body["bookingId"] = json!(format!("ref-{}", new_uuid()));
            client
                .with_new_address()
                .post("/api/bookings/create-paypal-order", &body)
                .await
        };
        let responses = join_all((0..10).map(|_| place_order())).await;
        assert_eq!(
            (count(&responses, 201), count(&responses, 409)),
            (1, 9),
            "{:?}",
            codes(&responses)
        );
        assert_eq!(database.live_bookings(&rental).await, 1);
    })
    .await;
}
