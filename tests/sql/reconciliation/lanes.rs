//! The time of the next comparison, after a change and after a comparison.

use crate::support::{
    cancellation::{by_operator, cancel},
    capture::capture_payment,
    concurrency::call_overlapping,
    database::{Database, call, with_database},
    fixtures::{Car, NOW, book_and_pay, hold, order, payment_of, upcoming_booking},
    reconciliation::{HOUR, due_payments, next_pause, record_comparison, record_finding},
};
use serde_json::json;

/// `NOW` and so many days.
async fn after_days(db: &Database, days: u32) -> String {
    let sql = format!("SELECT internal.utc('{NOW}'::timestamptz + interval '{days} days')");
    db.value(&sql).await.unwrap()
}

const DAY: &str = "1430";
const WEEK: &str = "10070";

#[tokio::test]
async fn oldest_comparison_is_due_after_fifty_minutes() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let mut ids = Vec::new();
        for (start, end) in [
            ("2030-01-12", "2030-01-16"),
            ("2030-01-17", "2030-01-21"),
            ("2030-01-22", "2030-01-26"),
            ("2030-01-27", "2030-01-31"),
        ] {
            ids.push(
                book_and_pay(&service, "plain", start, end, NOW)
                    .await
                    .payment_id,
            );
        }
        ids.sort();
        assert_eq!(
            due_payments(&service, NOW).await,
            ids,
            "due at the same time, so ordered by id"
        );
        record_comparison(&service, &ids[0], &[], "2030-01-10T12:10:00Z").await;
        record_comparison(&service, &ids[2], &[], "2030-01-10T12:00:00Z").await;
        let [first, second, third, fourth] = <[String; 4]>::try_from(ids).unwrap();
        assert_eq!(
            due_payments(&service, "2030-01-10T12:49:59Z").await,
            [second.clone(), fourth.clone()]
        );
        assert_eq!(
            due_payments(&service, "2030-01-10T12:50:00Z").await,
            [second.clone(), fourth.clone(), third.clone()]
        );
        assert_eq!(
            due_payments(&service, "2030-01-10T13:00:00Z").await,
            [second.clone(), fourth, third, first]
        );
        let one = call(
            &service,
            "payments_to_reconcile",
            json!({ "p_limit": 1, "p_now": "2030-01-10T13:00:00Z" }),
        )
        .await;
        assert_eq!(
            one,
            json!([call(&service, "find_payment", json!({ "p_payment_id": second })).await])
        );
    })
    .await;
}

#[tokio::test]
async fn ended_payment_is_compared_rarer_until_day_190() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        capture_payment(&service, &booking, NOW).await;
        let id = &booking.payment_id;
        for (days, pause) in [(1, Some(HOUR)), (2, Some(DAY)), (29, Some(DAY)), (30, Some(WEEK)), (159, Some(WEEK)), (160, Some("8640")), (166, Some(WEEK)), (180, Some(WEEK)), (189, Some(WEEK)), (190, None)] {
            let now = after_days(&db, days).await;
            record_comparison(&service, id, &[], &now).await;
            assert_eq!(next_pause(&db, id, &now).await.as_deref(), pause, "day {days}");
        }
        assert_eq!(due_payments(&service, "2040-01-01T00:00:00Z").await, [""; 0]);
        // A change makes it due at once, whatever its lane.
        let now = after_days(&db, 200).await;
        db.run(&format!("UPDATE payments SET status = 'refunded', refunded_amount = captured_amount, updated_at = '{now}'")).await;
        assert_eq!(due_payments(&service, &now).await, [id.as_str()]);
        record_comparison(&service, id, &[], &now).await;
        assert_eq!(next_pause(&db, id, &now).await.as_deref(), Some(HOUR), "it has just changed");
    })
    .await;
}

#[tokio::test]
async fn payment_that_may_move_is_compared_every_hour() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        let id = &booking.payment_id;
        let late = "2030-02-07T00:00:00Z";
        let pause = async |change: &str| {
            // Without the triggers, the rows can have each state at once.
            db.run(&format!("SET session_replication_role = replica; UPDATE payments SET {change} WHERE id = '{id}'; RESET session_replication_role")).await;
            record_comparison(&service, id, &[], late).await;
            next_pause(&db, id, late).await
        };
        for (change, expected) in [
            ("status = 'authorized'", HOUR),
            ("status = 'authorization_pending'", HOUR),
            ("status = 'capturing'", HOUR),
            ("status = 'capture_pending', capture_id = 'C'", HOUR),
            // The authorization lives until the 8th.
            ("status = 'failed', capture_id = NULL", HOUR),
            ("status = 'failed', hold_ended_at = updated_at", DAY),
            ("status = 'failed', hold_ended_at = NULL, authorization_expires_at = '2030-02-07T00:00:00Z'", DAY),
            ("status = 'voided'", DAY),
            ("status = 'expired'", DAY),
            ("status = 'captured', capture_id = 'C', captured_at = updated_at, captured_amount = amount", DAY),
            // Captured in part, and the rest is still held.
            ("authorization_expires_at = '2030-02-08T12:00:00Z'", HOUR),
            ("hold_ended_at = updated_at", DAY),
        ] {
            assert_eq!(pause(change).await.as_deref(), Some(expected), "{change}");
        }
        let refund = format!(
            "INSERT INTO payment_captures VALUES ('C', '{id}', 237.60, 'completed', '{NOW}', '{NOW}');
             INSERT INTO refunds (payment_id, capture_id, amount, idempotency_key, actor, ordered_at) VALUES ('{id}', 'C', 1, 'k', 'operator:1', '{NOW}')"
        );
        db.run(&refund).await;
        assert_eq!(pause("attempts = 0").await.as_deref(), Some(HOUR), "a refund is ordered");
        db.run("UPDATE refunds SET status = 'pending'").await;
        assert_eq!(pause("attempts = 0").await.as_deref(), Some(HOUR), "a refund is pending");
        db.run("UPDATE refunds SET status = 'refunded', finished_at = now()").await;
        assert_eq!(pause("attempts = 0").await.as_deref(), Some(DAY));
    })
    .await;
}

#[tokio::test]
async fn only_unacknowledged_finding_keeps_hourly_lane() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        capture_payment(&service, &booking, NOW).await;
        let id = &booking.payment_id;
        let now = after_days(&db, 100).await;
        record_comparison(&service, id, &[("amount_mismatch", "1")], &now).await;
        assert_eq!(next_pause(&db, id, &now).await.as_deref(), Some(HOUR));
        let acknowledge = json!({ "p_payment_id": id, "p_kind": "amount_mismatch", "p_reason": "seen", "p_actor": "operator:1", "p_now": now });
        call(&service, "acknowledge_finding", acknowledge).await;
        assert_eq!(next_pause(&db, id, &now).await.as_deref(), Some(WEEK));
        record_comparison(&service, id, &[("amount_mismatch", "1")], &now).await;
        assert_eq!(next_pause(&db, id, &now).await.as_deref(), Some(WEEK), "it stays acknowledged");
        record_finding(&service, id, "disputed", "PP-D-1", &now).await;
        assert_eq!(next_pause(&db, id, &now).await.as_deref(), Some(HOUR));
        db.run("UPDATE payment_findings SET resolved_at = now()").await;
        record_comparison(&service, id, &[], &now).await;
        assert_eq!(next_pause(&db, id, &now).await.as_deref(), Some(WEEK));
    })
    .await;
}

#[tokio::test]
async fn payment_is_due_from_order_to_end() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = hold(&service, "plain", "2030-02-01", "2030-02-05", NOW).await;
        call(&service, "open_payment", payment_of(&booking, NOW)).await;
        assert_eq!(
            due_payments(&service, "2030-03-01T00:00:00Z").await,
            [""; 0],
            "it has no order"
        );
        let other = hold(&service, "plain", "2030-02-06", "2030-02-10", NOW).await;
        let id = order(&service, &other, NOW).await.payment_id;
        assert_eq!(due_payments(&service, NOW).await, [id.as_str()]);
        record_comparison(&service, &id, &[], "2030-01-12T00:00:00Z").await;
        assert_eq!(
            next_pause(&db, &id, "2030-01-12T00:00:00Z")
                .await
                .as_deref(),
            Some(HOUR),
            "the order is open"
        );
        // Nobody approved the order.
        let end =
            json!({ "p_payment_id": id, "p_status": "expired", "p_now": "2030-01-12T00:00:00Z" });
        assert_eq!(
            call(&service, "record_observed_end", end).await["outcome"],
            "recorded"
        );
        assert_eq!(
            due_payments(&service, "2030-01-12T00:00:00Z").await,
            [id.as_str()]
        );
        record_comparison(&service, &id, &[], "2030-01-12T00:00:00Z").await;
        assert_eq!(
            next_pause(&db, &id, "2030-01-12T00:00:00Z")
                .await
                .as_deref(),
            Some(DAY)
        );
        record_comparison(&service, &id, &[], "2030-01-19T00:00:00Z").await;
        assert_eq!(next_pause(&db, &id, NOW).await, None, "no money can follow");
    })
    .await;
}

#[tokio::test]
async fn each_change_makes_payment_due() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        record_comparison(&service, id, &[], NOW).await;
        let now = "2030-01-10T12:30:00Z";
        assert_eq!(due_payments(&service, now).await, [""; 0]);
        cancel(&service, by_operator(&booking.booking_id, now)).await;
        assert_eq!(
            due_payments(&service, now).await,
            [id.as_str()],
            "its authorization is to be voided"
        );
        record_comparison(&service, id, &[], now).await;
        assert_eq!(due_payments(&service, now).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn backlog_of_ended_payments_delays_no_live_one() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        db.run(&format!(
            "INSERT INTO payments (booking_id, amount, currency, status, order_id, order_created_at, failure_code, created_at, updated_at)
             SELECT '{}', 237.60, 'USD', 'expired', 'OLD-' || n, '2030-01-01', 'x', '2030-01-01', '2030-01-01' FROM generate_series(1, 60) AS n;
             UPDATE payments SET next_comparison_at = '2030-01-02' WHERE order_id LIKE 'OLD-%'", booking.booking_id)).await;
        let due = due_payments(&service, NOW).await;
        assert_eq!((due.len(), due.contains(&booking.payment_id)), (50, true));
        // A backlog of live ones leaves a fifth of the batch to the others.
        db.run("SET session_replication_role = replica;
                UPDATE payments SET status = 'failed', authorization_id = order_id, authorized_at = updated_at, authorization_expires_at = updated_at
                WHERE order_id LIKE 'OLD-%';
                UPDATE payments SET status = 'authorized', void_reason = 'x', next_comparison_at = '2030-01-02' WHERE order_id LIKE 'OLD-%' AND right(order_id, 1) < '5';
                UPDATE payments SET next_comparison_at = '2030-01-01' WHERE status = 'failed'").await;
        let due = call(&service, "payments_to_reconcile", json!({ "p_limit": 20, "p_now": NOW })).await;
        let ended = due.as_array().unwrap().iter().filter(|record| record["status"] == "failed").count();
        assert_eq!((due.as_array().unwrap().len(), ended), (20, 4));
    })
    .await;
}

#[tokio::test]
async fn change_during_comparison_waits() {
    with_database(|db| async move {
        let (_, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let now = "2030-01-10T12:30:00Z";
        let comparison = (
            "record_reconciliation",
            json!({ "p_payment_id": id, "p_findings": "[]", "p_now": now }),
        );
        let cancellation = ("cancel_booking", by_operator(&booking.booking_id, now));
        call_overlapping(&db, comparison, cancellation).await;
        assert_eq!(
            db.count("payments", &format!("next_comparison_at = '{now}'"))
                .await,
            1,
            "the change is compared next"
        );
    })
    .await;
}
