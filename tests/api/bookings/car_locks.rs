//! The lock on a car while it is booked: it spares the database a queue, decides nothing, and must never stay behind.

use crate::support::{
    checkout::{self, request_hold, request_order},
    client::Client,
    database::Database,
    isolation::run_alone,
    local_system::{clear_faults, eventually, redis_request_count, set_fault},
    redis::{command, lock_key, lock_owner, take_lock},
    rental::Rental,
};
use futures_util::future::join;
use serde_json::{Value, json};

/// Makes each booking take so long that a test can look at its lock.
async fn slow_bookings() {
    let slow = json!({"kind": "delay", "delayMs": 1500, "path": "create_booking"});
    set_fault("database", slow).await;
}

/// Waits until somebody has the lock of `car`, and gives who.
async fn locked_by(car: &str) -> Value {
    eventually("the car is locked", 5, || async {
        let holder = lock_owner(car).await;
        (!holder.is_null()).then_some(holder)
    })
    .await
}

#[tokio::test]
async fn lock_owner_is_unique_and_expires_soon() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 12).await;
        slow_bookings().await;
        let mut owners = Vec::new();
        for part in [rental.part(0, 2), rental.part(8, 2)] {
            let look = async {
                owners.push(locked_by(&rental.car).await);
                command(&["PTTL", &lock_key(&rental.car)]).await
            };
            let (response, left) = join(request_hold(&client, &part), look).await;
            response.expect(201);
            let left = left.as_i64().unwrap();
            assert!((1..=10_000).contains(&left), "{left} ms");
        }
        assert_ne!(owners[0], owners[1]);
        assert!(
            checkout::text(&owners[0]).len() >= 22,
            "128 bits: {}",
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
        let asked = redis_request_count().await;
        let given_back = async {
            // The second look comes after the first was answered.
            eventually("it was seen to be taken", 5, || async {
                (redis_request_count().await >= asked + 2).then_some(())
            })
            .await;
            command(&["DEL", &lock_key(&rental.car)]).await;
        };
        let (response, ()) = join(request_hold(&client, &rental), given_back).await;
        response.expect(201);
    })
    .await;
}

/// Redis forgets the lock, as a replica may that takes over: two make the same booking, and the database decides.
#[tokio::test]
async fn lost_lock_allows_no_double_booking() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let rental = Rental::far_ahead(&client, 2).await;
        slow_bookings().await;
        let second = async {
            let first = locked_by(&rental.car).await;
            command(&["DEL", &lock_key(&rental.car)]).await;
            let overtaking = async { assert_ne!(locked_by(&rental.car).await, first) };
            join(request_hold(&client, &rental), overtaking).await.0
        };
        let (first, second) = join(request_hold(&client, &rental), second).await;
        let (made, refused) = if first.status == 201 {
            (first, second)
        } else {
            (second, first)
        };
        made.expect(201);
        refused.expect_problem(409, "dates_unavailable");
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
        assert_eq!(
            lock_owner(car).await,
            Value::Null,
            "after a price that is not ours"
        );
        body["bookingId"] = json!(hold.id);
        client
            .post("/api/bookings/create-paypal-order", &body)
            .await
            .expect_problem(409, "booking_mismatch");
        assert_eq!(lock_owner(car).await, Value::Null, "after a mismatch");
        set_fault("database", json!({"kind": "answer", "status": 503})).await;
        request_hold(&client, &rental)
            .await
            .expect_problem(503, "database_unavailable");
        request_order(&client, &hold, None)
            .await
            .expect_problem(503, "database_unavailable");
        assert_eq!(
            lock_owner(car).await,
            Value::Null,
            "after a failure of the database"
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
            "nor when it exists"
        );
        checkout::create_hold(&client, &rental.part(8, 2)).await;
    })
    .await;
}

/// Else anybody could keep a car from being booked by being refused again and again.
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
            // The lock may be given back after the answer.
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

/// The lock ran out while the booking was made, and the next customer has it.
#[tokio::test]
async fn foreign_lock_is_not_released() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        slow_bookings().await;
        let overtaken = async {
            locked_by(&rental.car).await;
            take_lock(&rental.car, "somebody else").await;
        };
        let (response, ()) = join(request_hold(&client, &rental), overtaken).await;
        response.expect(201);
        assert_eq!(lock_owner(&rental.car).await, "somebody else");
        clear_faults("database").await;
        command(&["DEL", &lock_key(&rental.car)]).await;
    })
    .await;
}
