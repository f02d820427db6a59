//! Bookings that become active and completed as their days come: `advance_bookings`.

use crate::support::{
    cancellation::{by_customer, cancel},
    capture::claim,
    database::{Database, call, with_database},
    fixtures::{Car, NOW, book_and_pay, hold},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

async fn advance(client: &Client, now: &str) -> Value {
    call(client, "advance_bookings", json!({ "p_now": now })).await
}

fn advanced(count: u32) -> Value {
    json!({ "outcome": "advanced", "count": count })
}

/// The states of all bookings, ordered by start date.
async fn states(db: &Database) -> String {
    let states = db
        .value("SELECT string_agg(status, ' ' ORDER BY start_date) FROM bookings")
        .await;
    states.unwrap()
}

#[tokio::test]
async fn booking_advances_on_car_local_day() {
    // The offsets in January.
    for (time_zone, offset) in [
        ("UTC", "Z"),
        ("Pacific/Auckland", "+13"),
        ("America/Los_Angeles", "-08"),
    ] {
        with_database(move |db| async move {
            Car { time_zone, ..Car::default() }.insert(&db).await;
            let service = db.service().await;
            book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
            for (moment, count, state) in [
                ("2030-01-19T23:59:59", 0, "upcoming"),
                ("2030-01-20T00:00:00", 1, "active"),
                ("2030-01-20T00:00:00", 0, "active"),
                ("2030-01-23T23:59:59", 0, "active"),
                ("2030-01-24T00:00:00", 1, "completed"),
                ("2030-01-25T00:00:00", 0, "completed"),
            ] {
                assert_eq!(advance(&service, &format!("{moment}{offset}")).await, advanced(count), "{moment}");
                assert_eq!(states(&db).await, state, "{moment}");
            }
            let events = "SELECT string_agg(from_status || '>' || to_status, ' ' ORDER BY id) FROM booking_events WHERE from_status IS NOT NULL";
            assert_eq!(db.value(events).await.as_deref(), Some("pending_payment>upcoming upcoming>active active>completed"));
        })
        .await;
    }
}

#[tokio::test]
async fn only_paid_bookings_advance_and_stay_capturable() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let canceled = book_and_pay(&service, "plain", "2030-01-17", "2030-01-21", NOW).await;
        cancel(&service, by_customer(&canceled.booking_id, NOW)).await;
        hold(&service, "plain", "2030-01-22", "2030-01-26", NOW).await;
        book_and_pay(&service, "plain", "2030-01-27", "2030-01-31", NOW).await;
        // The cron did not run for weeks: a booking goes from upcoming straight to completed.
        assert_eq!(advance(&service, "2030-01-28T00:00:00Z").await, advanced(2));
        assert_eq!(
            states(&db).await,
            "completed cancelled pending_payment active"
        );
        let claims = claim(&service, 25, "2030-01-28T00:00:00Z").await;
        assert_eq!(claims.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn advance_is_limited_and_skips_locked_rows() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        for (start, end) in [
            ("2030-01-12", "2030-01-16"),
            ("2030-01-17", "2030-01-21"),
            ("2030-01-22", "2030-01-26"),
        ] {
            book_and_pay(&service, "plain", start, end, NOW).await;
        }
        let now = "2030-01-22T00:00:00Z";
        let one = call(
            &service,
            "advance_bookings",
            json!({ "p_limit": 1, "p_now": now }),
        )
        .await;
        assert_eq!(one, advanced(1));
        assert_eq!(states(&db).await, "completed upcoming upcoming");
        service
            .batch_execute(
                "BEGIN; SELECT FROM public.bookings WHERE start_date = '2030-01-17' FOR UPDATE",
            )
            .await
            .unwrap();
        assert_eq!(advance(&db.service().await, now).await, advanced(1));
        assert_eq!(states(&db).await, "completed upcoming active");
        service.batch_execute("COMMIT").await.unwrap();
        assert_eq!(advance(&service, now).await, advanced(1));
        assert_eq!(states(&db).await, "completed completed active");
    })
    .await;
}
