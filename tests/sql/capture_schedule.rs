//! When a paid booking is captured: the rules, their order, and the bounds that no rule may cross.

use serde_json::json;

use crate::database::{Database, call, with_database};
use crate::fixtures::{Car, NOW, authorization, begin, hold, order, paid, with};

async fn scheduled(db: &Database) -> (Option<String>, Option<String>) {
    let at = "SELECT internal.utc(payment_capture_scheduled_at) FROM bookings";
    let rule = "SELECT r.name FROM bookings AS b JOIN payment_capture_rules AS r ON r.id = b.payment_capture_rule_id";
    (db.value(at).await, db.value(rule).await)
}

fn by(moment: &str, rule: &str) -> (Option<String>, Option<String>) {
    (Some(moment.to_owned()), Some(rule.to_owned()))
}

#[tokio::test]
async fn the_seeded_rules_are_those_of_the_product() {
    with_database(|db| async move {
        let rules =
            "SELECT array_agg(name ORDER BY priority DESC) FROM payment_capture_rules WHERE active";
        assert_eq!(
            db.value(rules).await.as_deref(),
            Some("{\"On contract\",\"24 hours before rental\",\"On approval\"}")
        );
        db.run("DELETE FROM payment_capture_rules WHERE name <> 'On approval'")
            .await;
        db.apply("migrations").await;
        assert_eq!(
            db.count("payment_capture_rules", "true").await,
            1,
            "an operator's choice stays"
        );
    })
    .await;
}

#[tokio::test]
async fn a_hold_has_no_schedule_and_a_paid_booking_has() {
    with_database(|db| async move {
        Car {
            time_zone: "America/Los_Angeles",
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        assert_eq!(scheduled(&db).await, (None, None));
        let ordered = order(&service, &booking, NOW).await;
        begin(&service, &ordered.order_id, NOW).await;
        call(
            &service,
            "record_authorization",
            authorization(&ordered.payment_id, NOW),
        )
        .await;
        // Pickup on the 20th at 10:00 in Los Angeles is 18:00 UTC.
        assert_eq!(
            scheduled(&db).await,
            by("2030-01-19T18:00:00Z", "24 hours before rental")
        );
    })
    .await;
}

#[tokio::test]
async fn summer_time_moves_the_pickup() {
    with_database(|db| async move {
        Car { time_zone: "Europe/Berlin", ..Car::default() }.insert(&db).await;
        // The clocks go forward on 2030-03-31: pickup on that day at 10:00 is 08:00 UTC, not 09:00.
        let service = db.service().await;
        paid(&service, "plain", "2030-03-31", "2030-04-04", "2030-03-20T12:00:00Z").await;
        db.run("UPDATE payments SET authorization_expires_at = '2030-04-18T12:00:00Z'; UPDATE bookings SET approved_at = now()").await;
        assert_eq!(scheduled(&db).await, by("2030-03-30T08:00:00Z", "24 hours before rental"));
    })
    .await;
}

#[tokio::test]
async fn a_signed_contract_goes_before_the_hours() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        paid(
            &db.service().await,
            "plain",
            "2030-01-20",
            "2030-01-24",
            NOW,
        )
        .await;
        db.run("UPDATE bookings SET contract_signed_at = '2030-01-15T09:30:00Z'")
            .await;
        assert_eq!(
            scheduled(&db).await,
            by("2030-01-15T09:30:00Z", "On contract")
        );
        db.run("UPDATE bookings SET approved_at = '2030-01-14T09:30:00Z'")
            .await;
        assert_eq!(
            scheduled(&db).await,
            by("2030-01-15T09:30:00Z", "On contract")
        );
    })
    .await;
}

#[tokio::test]
async fn an_approval_decides_where_it_has_the_say() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        paid(
            &db.service().await,
            "plain",
            "2030-01-20",
            "2030-01-24",
            NOW,
        )
        .await;
        db.run("UPDATE bookings SET approved_at = '2030-01-14T09:30:00Z'")
            .await;
        assert_eq!(
            scheduled(&db).await,
            by("2030-01-19T10:00:00Z", "24 hours before rental")
        );
        db.run(
            "UPDATE payment_capture_rules SET active = false WHERE kind = 'hours_before_rental'",
        )
        .await;
        db.run("UPDATE bookings SET approved_at = '2030-01-14T10:30:00Z'")
            .await;
        assert_eq!(
            scheduled(&db).await,
            by("2030-01-14T10:30:00Z", "On approval")
        );
    })
    .await;
}

#[tokio::test]
async fn without_a_known_moment_nothing_is_scheduled() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        db.run(
            "UPDATE payment_capture_rules SET active = false WHERE kind = 'hours_before_rental'",
        )
        .await;
        paid(
            &db.service().await,
            "plain",
            "2030-01-20",
            "2030-01-24",
            NOW,
        )
        .await;
        assert_eq!(scheduled(&db).await, (None, None));
    })
    .await;
}

#[tokio::test]
async fn never_before_the_booking_was_confirmed() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        paid(
            &db.service().await,
            "plain",
            "2030-01-10",
            "2030-01-14",
            NOW,
        )
        .await;
        assert_eq!(scheduled(&db).await, by(NOW, "24 hours before rental"));
        db.run("UPDATE bookings SET contract_signed_at = '2030-01-09T00:00:00Z'")
            .await;
        assert_eq!(scheduled(&db).await, by(NOW, "On contract"));
    })
    .await;
}

#[tokio::test]
async fn never_later_than_two_days_before_the_authorization_lapses() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-06-01", "2030-06-05", NOW).await;
        let ordered = order(&service, &booking, NOW).await;
        begin(&service, &ordered.order_id, NOW).await;
        let recorded = call(
            &service,
            "record_authorization",
            authorization(&ordered.payment_id, NOW),
        )
        .await;
        assert_eq!(recorded["captureScheduledAt"], "2030-02-06T12:00:00Z");
    })
    .await;
}

#[tokio::test]
async fn an_authorization_without_an_end_is_taken_to_live_29_days() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-06-01", "2030-06-05", NOW).await;
        let ordered = order(&service, &booking, NOW).await;
        begin(&service, &ordered.order_id, NOW).await;
        let recorded = call(
            &service,
            "record_authorization",
            with(
                authorization(&ordered.payment_id, NOW),
                json!({ "p_expires_at": null }),
            ),
        )
        .await;
        assert_eq!(recorded["captureScheduledAt"], "2030-02-06T12:00:00Z");
    })
    .await;
}
