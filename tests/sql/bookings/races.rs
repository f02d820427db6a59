//! Concurrent bookings, payments and captures.

use crate::support::{
    capture::claim,
    concurrency::{call_concurrently, call_overlapping, outcome_counts},
    database::with_database,
    fixtures::{Car, NOW, book_and_pay, hold, order, payment_of, rental, with},
};
use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

#[tokio::test]
async fn fifty_overlapping_calls_create_one_booking() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        // Different ranges that all include the 20th.
        let calls = (0..50)
            .map(|n| {
                rental(
                    "plain",
                    &format!("2030-01-{}", 11 + n % 10),
                    &format!("2030-01-{}", 21 + n / 10),
                )
            })
            .collect();
        assert_eq!(
            call_concurrently(&db, "create_booking", calls).await,
            outcome_counts([("created", 1), ("dates_unavailable", 49)])
        );
        assert_eq!(db.count("bookings", "true").await, 1);
    })
    .await;
}

/// Bookings of one car queue at its row. Otherwise they would deadlock in the exclusion constraint.
#[tokio::test]
async fn booking_waits_for_its_car() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let first = (
            "create_booking",
            rental("plain", "2030-01-20", "2030-01-24"),
        );
        let second = (
            "create_booking",
            rental("plain", "2030-02-20", "2030-02-24"),
        );
        let (first, second) = call_overlapping(&db, first, second).await;
        assert_eq!(
            (&first["outcome"], &second["outcome"]),
            (&json!("created"), &json!("created"))
        );
    })
    .await;
}

#[tokio::test]
async fn expired_hold_has_one_winner() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        hold(
            &db.service().await,
            "plain",
            "2030-01-18",
            "2030-01-22",
            NOW,
        )
        .await;
        let call = |n: u32| {
            with(
                rental("plain", &format!("2030-01-{}", 15 + n % 5), "2030-01-23"),
                json!({ "p_now": "2030-01-10T12:20:00Z" }),
            )
        };
        let results = call_concurrently(&db, "create_booking", (0..20).map(call).collect()).await;
        assert_eq!(
            results,
            outcome_counts([("created", 1), ("dates_unavailable", 19)])
        );
    })
    .await;
}

#[tokio::test]
async fn concurrent_idempotency_key_creates_one_booking() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        Car { slug: "other", ..Car::default() }.insert(&db).await;
        let keyed = |car: &str, request: &str| {
            with(rental(car, "2030-01-20", "2030-01-24"), json!({ "p_idempotency_key_hash": "a".repeat(64), "p_request_hash": request.repeat(64) }))
        };
        let results = call_concurrently(&db, "create_booking", (0..12).map(|_| keyed("plain", "1")).collect()).await;
        assert_eq!(results, outcome_counts([("created", 1), ("replayed", 11)]));
        db.run("ALTER TABLE booking_events DISABLE TRIGGER booking_events_not_truncated; TRUNCATE bookings CASCADE").await;
        // One key for two cars: the locks of the cars do not order these calls, the key does.
        let results = call_concurrently(&db, "create_booking", (0..12_u32).map(|n| if n.is_multiple_of(2) { keyed("plain", "1") } else { keyed("other", "2") }).collect()).await;
        assert_eq!(results, outcome_counts([("created", 1), ("idempotency_key_reused", 6), ("replayed", 5)]));
        assert_eq!(db.count("bookings", "true").await, 1);
    })
    .await;
}

#[tokio::test]
async fn concurrent_shop_reference_creates_one_booking() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        Car {
            slug: "other",
            ..Car::default()
        }
        .insert(&db)
        .await;
        let call = |n: u32| {
            with(
                rental(
                    if n.is_multiple_of(2) {
                        "plain"
                    } else {
                        "other"
                    },
                    "2030-01-20",
                    "2030-01-24",
                ),
                json!({ "p_shop_reference": "test-123" }),
            )
        };
        let results = call_concurrently(&db, "create_booking", (0..12).map(call).collect()).await;
        assert_eq!(
            results,
            outcome_counts([("booking_mismatch", 6), ("created", 1), ("replayed", 5)])
        );
    })
    .await;
}

#[tokio::test]
async fn concurrent_payers_get_one_order_and_authorization() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let results = call_concurrently(
            &db,
            "open_payment",
            (0..10).map(|_| payment_of(&booking, NOW)).collect(),
        )
        .await;
        assert_eq!(results, outcome_counts([("create_order", 10)]));
        assert_eq!(db.count("payments", "true").await, 1);
        assert_eq!(
            db.count("payment_operations", "operation = 'order'").await,
            1
        );
        let payment = order(&service, &booking, NOW).await;
        let results = call_concurrently(
            &db,
            "begin_authorization",
            (0..10)
                .map(|_| json!({ "p_order_id": payment.order_id, "p_now": NOW }))
                .collect(),
        )
        .await;
        assert_eq!(
            results,
            outcome_counts([("authorize", 1), ("payment_in_progress", 9)])
        );
    })
    .await;
}

#[tokio::test]
async fn concurrent_crons_claim_disjoint_payments() {
    with_database(|db| async move {
        let service = db.service().await;
        for slug in ["car-a", "car-b", "car-c", "car-d", "car-e", "car-f"] {
            Car {
                slug,
                ..Car::default()
            }
            .insert(&db)
            .await;
            book_and_pay(&service, slug, "2030-01-12", "2030-01-16", NOW).await;
        }
        let crons = join_all((0..4).map(|_| db.service())).await;
        let claims = join_all(
            crons
                .iter()
                .map(|cron| claim(cron, 3, "2030-01-12T00:00:00Z")),
        )
        .await;
        let ids: Vec<_> = claims
            .iter()
            .flatten()
            .map(|claim| claim["paymentId"].as_str().unwrap())
            .collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "no payment is claimed twice");
        let rest = claim(&service, 25, "2030-01-12T00:00:00Z").await;
        assert_eq!(ids.len() + rest.len(), 6, "every due payment is claimed");
        assert_eq!(
            claim(&service, 25, "2030-01-12T00:01:59Z").await,
            Vec::<Value>::new()
        );
    })
    .await;
}
