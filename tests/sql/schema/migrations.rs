//! The migrations and the seed, applied once and twice.

use crate::support::{
    database::{sql_files, with_database},
    fixtures::{Car, NOW, book_and_pay},
};
use tokio_postgres::error::SqlState;

#[tokio::test]
async fn every_migration_is_registered_by_its_stem() {
    with_database(|db| async move {
        let rows = db
            .admin
            .query(
                "SELECT version FROM schema_migrations ORDER BY version COLLATE \"C\"",
                &[],
            )
            .await
            .unwrap();
        let versions: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let stems: Vec<_> = sql_files("migrations")
            .iter()
            .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(versions, stems);
        for named in [
            "20250623_add_critical_performance_indexes",
            "20250623_add_webhook_retries",
            "20250624000000_fix_booking_race_condition",
        ] {
            assert!(
                stems.iter().any(|stem| stem == named),
                "the runbook applies {named}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn applying_the_migrations_again_changes_nothing() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        book_and_pay(
            &db.service().await,
            "plain",
            "2030-01-20",
            "2030-01-24",
            NOW,
        )
        .await;
        let before = db.content().await;
        db.apply("migrations").await;
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn applying_the_seed_again_changes_nothing() {
    with_database(|db| async move {
        db.apply("seed").await;
        let before = db.content().await;
        db.apply("seed").await;
        db.apply("migrations").await;
        assert_eq!(db.content().await, before);
        assert_eq!(db.count("cars", "status = 'listed'").await, 24);
        assert_eq!(
            db.count("cars", "status IN ('hidden', 'withdrawn')").await,
            2
        );
        assert_eq!(db.count("cars", "slug IN ('123', 'test-car-id')").await, 2);
        assert_eq!(db.count("bookings", "true").await, 10);
    })
    .await;
}

#[tokio::test]
async fn seed_images_are_served_files() {
    with_database(|db| async move {
        db.apply("seed").await;
        let rows = db
            .admin
            .query("SELECT url FROM car_images", &[])
            .await
            .unwrap();
        assert_eq!(rows.len(), 26);
        for row in rows {
            let url: String = row.get(0);
            let file = format!("{}/public{url}", env!("CARGO_MANIFEST_DIR"));
            assert!(std::fs::exists(&file).unwrap(), "{file}");
        }
    })
    .await;
}

#[tokio::test]
async fn seed_car_costs_the_same_all_year() {
    with_database(|db| async move {
        db.apply("seed").await;
        let prices = "SELECT array_agg(DISTINCT p.final_price) FROM cars AS c, generate_series(0, 365) AS n, \
                      LATERAL calculate_booking_price(c.id, current_date + n, current_date + n + 4) AS p WHERE c.slug = 'test-car-id'";
        assert_eq!(db.value(prices).await.as_deref(), Some("{237.60}"));
    })
    .await;
}

/// A car may have been rented within the turnaround of a completed rental. It had the shorter one.
#[tokio::test]
async fn old_completed_rentals_get_their_turnaround() {
    with_database(|db| async move {
        Car {
            turnaround_days: 3,
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        for (start, end) in [("2030-01-12", "2030-01-16"), ("2030-01-20", "2030-01-24")] {
            book_and_pay(&service, "plain", start, end, NOW).await;
        }
        db.run("ALTER TABLE bookings DROP CONSTRAINT bookings_no_overlap;
                ALTER TABLE bookings ADD CONSTRAINT bookings_no_overlap EXCLUDE USING gist (car_id WITH =, blocked WITH &&)
                    WHERE (status IN ('pending_payment', 'upcoming', 'active'));
                UPDATE bookings SET status = 'completed' WHERE start_date = '2030-01-12';
                UPDATE bookings SET start_date = '2030-01-17' WHERE start_date = '2030-01-20'").await;
        db.apply("migrations").await;
        let turnarounds = "SELECT string_agg(turnaround_days::text, ' ' ORDER BY start_date) FROM bookings";
        assert_eq!(db.value(turnarounds).await.as_deref(), Some("1 3"));
        let overlap = "UPDATE bookings SET start_date = '2030-01-16' WHERE start_date = '2030-01-17'";
        assert_eq!(db.refusal(overlap).await, SqlState::EXCLUSION_VIOLATION);
    })
    .await;
}
