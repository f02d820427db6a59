//! The first requests after a Redis outage: delayed invalidations, and scripts that Redis forgot.

use crate::support::{
    checkout::{self, request_hold},
    client::Client,
    faults::{Fault, Upstream, clear_faults, set_fault},
    instance::{self, Instance, get, header, post, random_ip},
    isolation::run_alone,
    local_system::{eventually, now},
    redis::{command, lock_key, lock_owner},
    rental::Rental,
};
use futures_util::future::join;
use serde_json::Value;

/// The cache says that the days are free, and cannot be cleared when they are booked.
#[tokio::test]
async fn redis_outage_delays_invalidation_until_recovery() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let path = rental.availability_path();
        client.get(&path).await.expect(200);
        let slow = Fault::delay_millis(1500).on_path("create_booking");
        set_fault(Upstream::Database, slow).await;
        let outage = async {
            eventually("the booking has its lock", 5, || async {
                (!lock_owner(&rental.car).await.is_null()).then_some(())
            })
            .await;
            set_fault(Upstream::Redis, Fault::refuse()).await;
        };
        let (response, ()) = join(request_hold(&client, &rental), outage).await;
        response.expect(201);
        clear_faults(Upstream::Redis).await;
        // The lock could not be released either.
        command(&["DEL", &lock_key(&rental.car)]).await;
        // Without the invalidation the entry would stay fresh for half a minute.
        eventually("the cached days are booked", 20, || async {
            let response = client.with_new_address().get(&path).await;
            let is_booked = response.expect(200)["bookable"] == false;
            (is_booked && response.header("x-cache") != "BYPASS").then_some(())
        })
        .await;
    })
    .await;
}

/// Redis works, but the breaker of the booking instance is open. No clock moves.
#[tokio::test]
async fn open_breaker_still_sends_invalidation_after_response() {
    run_alone(async {
        let moment = now().await;
        let [writer, reader] = [(); 2].map(|()| Instance::start(moment, &[]));
        let rental = Rental::far_ahead(&Client::new(), 2).await;
        let read_availability = async || {
            reader
                .serve(random_ip(), get(&rental.availability_path()))
                .await
        };
        assert_eq!(header(&read_availability().await, "x-cache"), "MISS");
        assert_eq!(header(&read_availability().await, "x-cache"), "HIT");
        writer.disconnect_redis();
        let list = writer.serve(random_ip(), get("/api/cars")).await;
        assert_eq!(header(&list, "x-cache"), "BYPASS");
        writer.reconnect_redis();
        writer.take_calls();

        let request = post("/api/bookings", &rental.body());
        let response = writer.respond(random_ip(), request).await;
        instance::json(201, &response);
        let redis_calls = || {
            let calls = writer.take_calls().into_iter();
            calls
                .filter(|call| call.upstream == Upstream::Redis)
                .count()
        };
        assert_eq!(redis_calls(), 0, "the response does not wait for Redis");
        writer.finish().await;
        assert_eq!(redis_calls(), 1);
        let availability = read_availability().await;
        assert_eq!(header(&availability, "x-cache"), "MISS");
        assert_eq!(instance::json(200, &availability)["bookable"], false);
        // Visitors of this instance still skip Redis.
        let list = writer.serve(random_ip(), get("/api/cars")).await;
        assert_eq!(header(&list, "x-cache"), "BYPASS");
    })
    .await;
}

#[tokio::test]
async fn forgotten_scripts_are_sent_again() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        for path in ["/api/cars", &rental.availability_path()] {
            command(&["SCRIPT", "FLUSH"]).await;
            let response = client.get(path).await;
            response.expect(200);
            assert_ne!(response.header("x-cache"), "BYPASS", "{path}");
        }
        command(&["SCRIPT", "FLUSH"]).await;
        checkout::create_hold(&client, &rental).await;
        assert_eq!(lock_owner(&rental.car).await, Value::Null);
    })
    .await;
}

/// Neither reply is late by itself, but both together are.
///
/// An instance of a test waits ten times as long, here 1.5 s.
#[tokio::test]
async fn resending_scripts_keeps_redis_timeout() {
    run_alone(async {
        let instance = Instance::start(now().await, &[("REDIS_TIMEOUT_MS", "150")]);
        instance::json(200, &instance.serve(random_ip(), get("/api/cars")).await);
        instance.take_calls();
        command(&["SCRIPT", "FLUSH"]).await;
        set_fault(Upstream::Redis, Fault::delay_millis(1000)).await;
        let response = instance.respond(random_ip(), get("/api/cars")).await;
        instance::json(200, &response);
        assert_eq!(header(&response, "x-cache"), "BYPASS");
        let calls = instance.take_calls().into_iter();
        let redis_calls = calls.filter(|call| call.upstream == Upstream::Redis);
        assert_eq!(redis_calls.count(), 2, "the script is sent again");
    })
    .await;
}
