//! Comparisons that fail: `record_comparison_failure`.

use crate::support::{
    concurrency::call_overlapping,
    database::{Database, call, try_call, with_database},
    fixtures::{NOW, book_and_pay, upcoming_booking},
    reconciliation::{HOUR, due_payments, next_pause, record_comparison},
};
use serde_json::{Value, json};
use tokio_postgres::{Client, error::SqlState};

async fn record_failure(client: &Client, payment_id: &str, kind: &str, now: &str) {
    let arguments = json!({ "p_payment_id": payment_id, "p_code": "INVALID_RESOURCE_ID", "p_kind": kind, "p_now": now });
    let result = call(client, "record_comparison_failure", arguments).await;
    assert_eq!(result, json!({ "outcome": "recorded" }));
}

/// Another payment is compared, and is never due again.
async fn compare_aside(db: &Database, payment_id: &str, now: &str) {
    db.run(&format!(
        "UPDATE payments SET reconciled_at = '{now}', next_comparison_at = 'infinity' WHERE id = '{payment_id}'"
    ))
    .await;
}

/// In an outage no payment can be compared. Each is compared within the hour after its end.
#[tokio::test]
async fn outage_makes_no_payment_wait_longer() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let other = book_and_pay(&service, "plain", "2030-02-01", "2030-02-05", NOW).await;
        compare_aside(&db, &other.payment_id, NOW).await;
        for hour in 13..24 {
            let now = format!("2030-01-10T{hour}:00:00Z");
            for id in [&booking.payment_id, &other.payment_id] {
                record_failure(&service, id, "failed", &now).await;
            }
            assert_eq!(
                next_pause(&db, &booking.payment_id, &now).await.as_deref(),
                Some(HOUR)
            );
        }
        // PayPal answers about the other payment, so this one fails alone.
        let now = "2030-01-11T00:00:00Z";
        compare_aside(&db, &other.payment_id, now).await;
        record_failure(&service, &booking.payment_id, "failed", now).await;
        assert_eq!(
            next_pause(&db, &booking.payment_id, now).await.as_deref(),
            Some("780")
        );
    })
    .await;
}

#[tokio::test]
async fn failing_comparison_backs_off_to_finding() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let other = book_and_pay(&service, "plain", "2030-02-01", "2030-02-05", NOW).await;
        let mut now = NOW.to_owned();
        for (pause, finding) in [
            (50, 0),
            (110, 0),
            (230, 0),
            (470, 0),
            (580, 0),
            (1430, 1),
            (1430, 1),
        ] {
            compare_aside(&db, &other.payment_id, &now).await;
            record_failure(&service, id, "failed", &now).await;
            let next = next_pause(&db, id, &now).await.unwrap();
            assert_eq!(
                (
                    next.as_str(),
                    db.count(
                        "payment_findings",
                        "kind = 'not_comparable' AND detail = 'INVALID_RESOURCE_ID'"
                    )
                    .await
                ),
                (pause.to_string().as_str(), finding),
                "{now}"
            );
            assert_eq!(
                due_payments(&service, &now).await,
                [""; 0],
                "it left the list"
            );
            now = db
                .value(&format!(
                    "SELECT internal.utc('{now}'::timestamptz + interval '{pause} minutes')"
                ))
                .await
                .unwrap();
            assert_eq!(due_payments(&service, &now).await, [id.as_str()]);
        }
        assert_eq!(
            db.count("payment_findings", "found_at = '2030-01-11T12:00:00Z'")
                .await,
            1,
            "after a day"
        );
        record_comparison(&service, id, &[], &now).await;
        assert_eq!(db.count("payment_findings", "resolved_at IS NULL").await, 0);
        assert_eq!(next_pause(&db, id, &now).await.as_deref(), Some(HOUR));
        record_failure(&service, id, "failed", &now).await;
        assert_eq!(
            next_pause(&db, id, &now).await.as_deref(),
            Some(HOUR),
            "the count starts again"
        );
        assert_eq!(db.count("payment_findings", "resolved_at IS NULL").await, 0);
    })
    .await;
}

#[tokio::test]
async fn failure_of_ours_is_no_failure_of_payment() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        for kind in ["ours", "not_now"] {
            for _ in 0..40 {
                record_failure(&service, id, kind, NOW).await;
            }
            assert_eq!(next_pause(&db, id, NOW).await.as_deref(), Some(HOUR));
            assert_eq!(
                db.count(
                    "payments",
                    "comparison_failures = 0 AND comparison_failing_since IS NULL"
                )
                .await,
                1
            );
            assert_eq!(
                db.count(
                    "payment_findings",
                    "kind = 'paypal_refuses_us' AND resolved_at IS NULL"
                )
                .await,
                1
            );
        }
        record_comparison(&service, id, &[], NOW).await;
        assert_eq!(db.count("payment_findings", "resolved_at IS NULL").await, 0);
        for kind in [json!("final"), Value::Null] {
            let arguments =
                json!({ "p_payment_id": id, "p_code": "x", "p_kind": kind, "p_now": NOW });
            let error = try_call(&service, "record_comparison_failure", arguments).await;
            assert_eq!(
                error.unwrap_err().code(),
                Some(&SqlState::INVALID_PARAMETER_VALUE)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn two_failures_at_once_count_twice() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let other = book_and_pay(&service, "plain", "2030-02-01", "2030-02-05", NOW).await;
        compare_aside(&db, &other.payment_id, "2030-01-10T12:00:01Z").await;
        let failure = (
            "record_comparison_failure",
            json!({ "p_payment_id": id, "p_code": "unknown", "p_now": NOW }),
        );
        call_overlapping(&db, failure.clone(), failure).await;
        assert_eq!(
            next_pause(&db, id, NOW).await.as_deref(),
            Some("110"),
            "the second pause is longer"
        );
        assert_eq!(db.count("payments", "comparison_failures = 2").await, 1);
    })
    .await;
}
