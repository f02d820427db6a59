//! The SQL of the runbook's rollback. Afterwards everything but the automatic capture works. The
//! migrations restore the automatic capture. `ops/tests` tests the same with `exo`.

use crate::support::{
    capture::claim,
    database::{call, with_database},
    fixtures::{Car, NOW, book_and_pay, hold, payment_of, rental},
};
use serde_json::{Value, json};

/// The SQL of the runbook.
fn rollback() -> &'static str {
    let page = include_str!("../../../docs/RUNBOOK.md");
    let (_, from) = page.split_once("<<'SQL'\n").unwrap();
    from.split_once("\nSQL\n").unwrap().0
}

#[tokio::test]
async fn rollback_stops_only_the_schedule() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        Car { slug: "other", ..Car::default() }.insert(&db).await;
        // A connection that used the functions before has cached plans.
        let service = db.service().await;
        let before = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        assert_eq!(claim(&service, 25, "2030-01-11T10:00:00Z").await.len(), 1);
        for _ in 0..2 {
            db.run(rollback()).await;
        }

        let read = call(&service, "get_booking", json!({ "p_booking_id": before.booking_id, "p_now": NOW })).await;
        assert_eq!((&read["status"], &read["payment"]["captureScheduledAt"]), (&json!("upcoming"), &Value::Null));
        // A capture that began before the rollback is finished without a schedule.
        let claimed = claim(&service, 25, "2030-01-30T00:00:00Z").await.remove(0);
        assert_eq!((&claimed["paymentId"], &claimed["resumed"]), (&json!(before.payment_id), &json!(true)));
        let capture = json!({ "p_payment_id": claimed["paymentId"], "p_lease": claimed["lease"], "p_request_id": claimed["requestId"], "p_capture_id": "CAP-1", "p_amount": "237.60", "p_now": NOW });
        assert_eq!(call(&service, "record_capture", capture).await["outcome"], "captured");

        let after = book_and_pay(&service, "other", "2030-01-12", "2030-01-16", NOW).await;
        assert_eq!(claim(&service, 25, "2030-01-30T00:00:00Z").await, Vec::<Value>::new());
        let held = hold(&service, "other", "2030-01-20", "2030-01-24", NOW).await;
        assert_eq!(call(&service, "open_payment", payment_of(&held, NOW)).await["outcome"], "create_order");
        assert_eq!(call(&service, "create_booking", rental("other", "2030-01-23", "2030-01-25")).await["outcome"], "dates_unavailable");
        assert_eq!(call(&service, "expire_holds", json!({ "p_now": "2030-01-10T12:15:00Z" })).await["count"], 1);
        let range = json!({ "p_car": "other", "p_start_date": "2030-01-20", "p_end_date": "2030-01-24", "p_now": NOW });
        assert_eq!(call(&service, "get_availability", range).await["success"], true);
        assert_eq!(call(&service, "list_cars", json!({})).await["pagination"]["total"], 2);
        assert_eq!(call(&service, "popular_cars", json!({ "p_now": NOW })).await.as_array().unwrap().len(), 2);
        let void = json!({ "p_payment_id": after.payment_id, "p_authorization_id": format!("AUTH-{}", after.payment_id), "p_reason": "test", "p_now": NOW });
        assert_eq!(call(&service, "begin_void", void).await["outcome"], "void");
        for function in ["calculate_booking_price", "validate_booking_price", "process_scheduled_payment_captures"] {
            assert_eq!(db.count("pg_proc", &format!("proname = '{function}'")).await, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn migrations_restore_the_schedule() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        db.run(rollback()).await;
        book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        db.apply("migrations").await;
        assert_eq!(
            db.value("SELECT internal.utc(payment_capture_scheduled_at) FROM bookings")
                .await
                .as_deref(),
            Some("2030-01-19T10:00:00Z")
        );
        assert_eq!(claim(&service, 25, "2030-01-19T10:00:00Z").await.len(), 1);
    })
    .await;
}
