//! The capture schedule of a paid booking: the rules, their order, and the limits for every rule.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::{Car, NOW, authorization, begin_authorization, book_and_pay, hold, order, with},
};
use serde_json::json;

async fn schedule(db: &Database) -> (Option<String>, Option<String>) {
    let at = "SELECT internal.utc(payment_capture_scheduled_at) FROM bookings";
    let rule = "SELECT r.name FROM bookings AS b JOIN payment_capture_rules AS r ON r.id = b.payment_capture_rule_id";
    (db.value(at).await, db.value(rule).await)
}

fn expected(at: &str, rule: &str) -> (Option<String>, Option<String>) {
    (Some(at.to_owned()), Some(rule.to_owned()))
}

#[tokio::test]
async fn capture_rules_are_seeded_once() {
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
            "a rule that an operator deleted stays deleted"
        );
    })
    .await;
}

#[tokio::test]
async fn only_paid_booking_has_schedule() {
    with_database(|db| async move {
        Car {
            time_zone: "America/Los_Angeles",
            ..Car::default()
        }
        .insert(&db)
        .await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        assert_eq!(schedule(&db).await, (None, None));
        let payment = order(&service, &booking, NOW).await;
        begin_authorization(&service, &payment.order_id, NOW).await;
        call(
            &service,
            "record_authorization",
            authorization(&payment.payment_id, NOW),
        )
        .await;
        // Pickup on the 20th at 10:00 in Los Angeles is 18:00 UTC.
        assert_eq!(
            schedule(&db).await,
            expected("2030-01-19T18:00:00Z", "24 hours before rental")
        );
    })
    .await;
}

#[tokio::test]
async fn summer_time_moves_pickup() {
    with_database(|db| async move {
        Car { time_zone: "Europe/Berlin", ..Car::default() }.insert(&db).await;
        // Summer time begins on 2030-03-31: pickup on that day at 10:00 is 08:00 UTC, not 09:00.
        let service = db.service().await;
        book_and_pay(&service, "plain", "2030-03-31", "2030-04-04", "2030-03-20T12:00:00Z").await;
        db.run("UPDATE payments SET authorization_expires_at = '2030-04-18T12:00:00Z'; UPDATE bookings SET approved_at = now()").await;
        assert_eq!(schedule(&db).await, expected("2030-03-30T08:00:00Z", "24 hours before rental"));
    })
    .await;
}

#[tokio::test]
async fn signed_contract_precedes_hours_rule() {
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
        db.run("UPDATE bookings SET contract_signed_at = '2030-01-15T09:30:00Z'")
            .await;
        assert_eq!(
            schedule(&db).await,
            expected("2030-01-15T09:30:00Z", "On contract")
        );
        db.run("UPDATE bookings SET approved_at = '2030-01-14T09:30:00Z'")
            .await;
        assert_eq!(
            schedule(&db).await,
            expected("2030-01-15T09:30:00Z", "On contract")
        );
    })
    .await;
}

#[tokio::test]
async fn approval_decides_without_hours_rule() {
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
        db.run("UPDATE bookings SET approved_at = '2030-01-14T09:30:00Z'")
            .await;
        assert_eq!(
            schedule(&db).await,
            expected("2030-01-19T10:00:00Z", "24 hours before rental")
        );
        db.run(
            "UPDATE payment_capture_rules SET active = false WHERE kind = 'hours_before_rental'",
        )
        .await;
        db.run("UPDATE bookings SET approved_at = '2030-01-14T10:30:00Z'")
            .await;
        assert_eq!(
            schedule(&db).await,
            expected("2030-01-14T10:30:00Z", "On approval")
        );
    })
    .await;
}

#[tokio::test]
async fn no_schedule_without_known_time() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        db.run(
            "UPDATE payment_capture_rules SET active = false WHERE kind = 'hours_before_rental'",
        )
        .await;
        book_and_pay(
            &db.service().await,
            "plain",
            "2030-01-20",
            "2030-01-24",
            NOW,
        )
        .await;
        assert_eq!(schedule(&db).await, (None, None));
    })
    .await;
}

#[tokio::test]
async fn schedule_never_precedes_confirmation() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        book_and_pay(
            &db.service().await,
            "plain",
            "2030-01-10",
            "2030-01-14",
            NOW,
        )
        .await;
        assert_eq!(schedule(&db).await, expected(NOW, "24 hours before rental"));
        db.run("UPDATE bookings SET contract_signed_at = '2030-01-09T00:00:00Z'")
            .await;
        assert_eq!(schedule(&db).await, expected(NOW, "On contract"));
    })
    .await;
}

#[tokio::test]
async fn schedule_ends_two_days_before_expiry() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-06-01", "2030-06-05", NOW).await;
        let payment = order(&service, &booking, NOW).await;
        begin_authorization(&service, &payment.order_id, NOW).await;
        let result = call(
            &service,
            "record_authorization",
            authorization(&payment.payment_id, NOW),
        )
        .await;
        assert_eq!(result["captureScheduledAt"], "2030-02-06T12:00:00Z");
    })
    .await;
}

#[tokio::test]
async fn authorization_without_expiry_lasts_29_days() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-06-01", "2030-06-05", NOW).await;
        let payment = order(&service, &booking, NOW).await;
        begin_authorization(&service, &payment.order_id, NOW).await;
        let result = call(
            &service,
            "record_authorization",
            with(
                authorization(&payment.payment_id, NOW),
                json!({ "p_expires_at": null }),
            ),
        )
        .await;
        assert_eq!(result["captureScheduledAt"], "2030-02-06T12:00:00Z");
    })
    .await;
}
