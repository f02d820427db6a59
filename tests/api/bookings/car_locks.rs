//! The Redis lock on a car during a booking.
//!
//! It keeps waiting requests out of the database. The database decides. Each request releases it.

use crate::support::{
    checkout::{self, request_hold, request_order},
    client::Client,
    database::Database,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{eventually, idle_redis_request_count, redis_request_count},
    redis::{command, lock_key, lock_owner, take_lock},
    rental::Rental,
};
use futures_util::future::join;
use serde_json::{Value, json};

/// Delays each booking, so that a test can read its lock.
async fn delay_bookings() {
    let delay = Fault::delay_millis(1500).on_path("create_booking");
    set_fault(Upstream::Database, delay).await;
}

/// Waits until the car is locked, and returns the owner of the lock.
async fn wait_for_lock_owner(car: &str) -> Value {
    eventually("the car is locked", 5, || async {
        let owner = lock_owner(car).await;
        (!owner.is_null()).then_some(owner)
    })
    .await
}

#[tokio::test]
async fn lock_owner_is_unique_and_expires_soon() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 12).await;
        delay_bookings().await;
        let mut owners = Vec::new();
        for part in [rental.part(0, 2), rental.part(8, 2)] {
            let lock_ttl = async {
                owners.push(wait_for_lock_owner(&rental.car).await);
                command(&["PTTL", &lock_key(&rental.car)]).await
            };
            let (response, ttl) = join(request_hold(&client, &part), lock_ttl).await;
            response.expect(201);
            let ttl = ttl.as_i64().unwrap();
            assert!((1..=10_000).contains(&ttl), "{ttl} ms");
        }
        assert_ne!(owners[0], owners[1]);
        assert!(
            checkout::text(&owners[0]).len() >= 22,
            "shorter than 128 bits: {}",
            owners[0]
        );
    })
    .await;
}

#[tokio::test]
async fn waiting_request_gets_released_lock() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        take_lock(&rental.car, "somebody else").await;
        let count_before = redis_request_count().await;
        let release = async {
            // The second attempt follows the refusal of the first.
            eventually("the lock was refused", 5, || async {
                (redis_request_count().await >= count_before + 2).then_some(())
            })
            .await;
            command(&["DEL", &lock_key(&rental.car)]).await;
        };
        let (response, ()) = join(request_hold(&client, &rental), release).await;
        response.expect(201);
    })
    .await;
}

/// Redis can lose the lock in a failover. Then two requests book, and the database decides.
#[tokio::test]
async fn lost_lock_allows_no_double_booking() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::far_ahead(&client, 2).await;
        delay_bookings().await;
        let second = async {
            let first_owner = wait_for_lock_owner(&rental.car).await;
            command(&["DEL", &lock_key(&rental.car)]).await;
            let new_owner = async {
                assert_ne!(wait_for_lock_owner(&rental.car).await, first_owner);
            };
            join(request_hold(&client, &rental), new_owner).await.0
        };
        let (first, second) = join(request_hold(&client, &rental), second).await;
        let (success, refusal) = if first.status == 201 {
            (first, second)
        } else {
            (second, first)
        };
        success.expect(201);
        refusal.expect_problem(409, "dates_unavailable");
        assert_eq!(database.live_bookings(&rental).await, 1);
        assert_eq!(lock_owner(&rental.car).await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn no_outcome_leaves_car_locked() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 5).await;
        let car = rental.car.as_str();
        let hold = checkout::create_hold(&client, &rental.part(0, 2)).await;
        assert_eq!(lock_owner(car).await, Value::Null, "after a hold");
        request_hold(&client, &rental)
            .await
            .expect_problem(409, "dates_unavailable");
        assert_eq!(lock_owner(car).await, Value::Null, "after a refusal");
        let mut body = rental.part(3, 2).body();
        body["totalPrice"] = json!("1.00");
        client
            .post("/api/bookings", &body)
            .await
            .expect_problem(422, "price_mismatch");
        assert_eq!(lock_owner(car).await, Value::Null, "after a wrong price");
        body["bookingId"] = json!(hold.id);
        client
            .post("/api/bookings/create-paypal-order", &body)
            .await
            .expect_problem(409, "booking_mismatch");
        assert_eq!(lock_owner(car).await, Value::Null, "after a mismatch");
        set_fault(Upstream::Database, Fault::respond(503, "")).await;
        request_hold(&client, &rental)
            .await
            .expect_problem(503, "database_unavailable");
        request_order(&client, &hold, None)
            .await
            .expect_problem(503, "database_unavailable");
        assert_eq!(
            lock_owner(car).await,
            Value::Null,
            "after a database failure"
        );
    })
    .await;
}

#[tokio::test]
async fn order_leaves_car_unlocked() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 12).await;
        let hold = checkout::create_hold(&client, &rental.part(0, 2)).await;
        checkout::create_order(&client, &hold, None).await;
        assert_eq!(lock_owner(&rental.car).await, Value::Null);
        checkout::create_order(&client, &hold, None).await;
        assert_eq!(
            lock_owner(&rental.car).await,
            Value::Null,
            "after a repeated order"
        );
        checkout::create_hold(&client, &rental.part(8, 2)).await;
    })
    .await;
}

/// Redis grants the lock and its answer is lost. Unreleased, the lock would last ten seconds.
#[tokio::test]
async fn lock_in_doubt_is_released() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        delay_bookings().await;
        // No earlier request uses up the fault.
        idle_redis_request_count().await;
        set_fault(
            Upstream::Redis,
            Fault::drop_response().on_path("/pipeline").times(1),
        )
        .await;
        let (response, _) = join(
            request_hold(&client, &rental),
            wait_for_lock_owner(&rental.car),
        )
        .await;
        response.expect(201);
        eventually("the car is unlocked", 5, || async {
            lock_owner(&rental.car).await.is_null().then_some(())
        })
        .await;
    })
    .await;
}

/// Otherwise a client could block a car by requests beyond its limit.
#[tokio::test]
async fn rate_limited_client_leaves_car_unlocked() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        for path in ["/api/bookings", "/api/bookings/create-paypal-order"] {
            let mut body = rental.body();
            body["bookingId"] = json!("shop-1");
            for _ in 0..10 {
                client
                    .post(path, &json!({}))
                    .await
                    .expect_problem(422, "invalid_fields");
            }
            client
                .post(path, &body)
                .await
                .expect_problem(429, "rate_limited");
            // The lock can be released after the response.
            eventually("the car is unlocked", 2, || async {
                lock_owner(&rental.car).await.is_null().then_some(())
            })
            .await;
        }
        checkout::create_hold(&client, &rental).await;
    })
    .await;
}

#[tokio::test]
async fn lock_timeout_returns_retryable_conflict() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::far_ahead(&client, 2).await;
        take_lock(&rental.car, "somebody else").await;
        let response = request_hold(&client, &rental).await;
        assert_eq!(
            response.expect_problem(409, "booking_in_progress")["retryable"],
            true
        );
        response.retry_after();
        assert_eq!(lock_owner(&rental.car).await, "somebody else");
        assert_eq!(database.live_bookings(&rental).await, 0);
        command(&["DEL", &lock_key(&rental.car)]).await;
        checkout::create_hold(&client, &rental).await;
    })
    .await;
}

/// The lock expired during the booking, and the next request has it.
#[tokio::test]
async fn foreign_lock_is_not_released() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        delay_bookings().await;
        let new_owner = async {
            wait_for_lock_owner(&rental.car).await;
            take_lock(&rental.car, "somebody else").await;
        };
        let (response, ()) = join(request_hold(&client, &rental), new_owner).await;
        response.expect(201);
        assert_eq!(lock_owner(&rental.car).await, "somebody else");
        clear_faults(Upstream::Database).await;
        command(&["DEL", &lock_key(&rental.car)]).await;
    })
    .await;
}
