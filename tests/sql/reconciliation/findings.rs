//! Payments that disagree with PayPal or with their booking: `record_reconciliation`,
//! `record_finding`, `payment_drift`.

use crate::support::{
    database::{Database, call, with_database},
    fixtures::{NOW, OrderedBooking, book_and_pay, upcoming_booking},
    reconciliation::{record_comparison, record_finding},
};
use serde_json::json;

/// All findings: kind, detail, and the times of day at which each was found and resolved.
async fn findings(db: &Database) -> String {
    let each = "concat_ws(' ', kind, nullif(detail, ''), to_char(found_at AT TIME ZONE 'UTC', 'HH24:MI'), 'to ' || to_char(resolved_at AT TIME ZONE 'UTC', 'HH24:MI'))";
    let all = db
        .value(&format!(
            "SELECT string_agg({each}, ', ' ORDER BY kind) FROM payment_findings"
        ))
        .await;
    all.unwrap_or_default()
}

#[tokio::test]
async fn finding_closes_when_comparison_omits_it() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let updated_at = "SELECT updated_at FROM payments";
        let before = db.value(updated_at).await;
        record_comparison(
            &service,
            id,
            &[("amount_mismatch", "1"), ("lapsing", "")],
            "2030-01-10T13:00:00Z",
        )
        .await;
        assert_eq!(
            findings(&db).await,
            "amount_mismatch 1 13:00, lapsing 13:00"
        );
        record_comparison(
            &service,
            id,
            &[("amount_mismatch", "2")],
            "2030-01-10T14:00:00Z",
        )
        .await;
        assert_eq!(
            findings(&db).await,
            "amount_mismatch 2 13:00, lapsing 13:00 to 14:00"
        );
        // A resolved finding keeps its time. A finding that returns gets a new one.
        record_comparison(
            &service,
            id,
            &[("amount_mismatch", "2")],
            "2030-01-10T15:00:00Z",
        )
        .await;
        assert_eq!(
            findings(&db).await,
            "amount_mismatch 2 13:00, lapsing 13:00 to 14:00"
        );
        record_comparison(
            &service,
            id,
            &[("lapsing", "again")],
            "2030-01-10T16:00:00Z",
        )
        .await;
        assert_eq!(
            findings(&db).await,
            "amount_mismatch 2 13:00 to 16:00, lapsing again 16:00"
        );
        record_comparison(&service, id, &[], "2030-01-10T17:00:00Z").await;
        assert_eq!(
            findings(&db).await,
            "amount_mismatch 2 13:00 to 16:00, lapsing again 16:00 to 17:00"
        );
        assert_eq!(
            db.value(updated_at).await,
            before,
            "a comparison does not change updated_at"
        );
    })
    .await;
}

#[tokio::test]
async fn dispute_stays_open_until_operator_resolves() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        record_finding(&service, id, "disputed", "PP-D-1", "2030-01-10T13:00:00Z").await;
        record_comparison(&service, id, &[], "2030-01-10T14:00:00Z").await;
        record_finding(&service, id, "disputed", "PP-D-2", "2030-01-10T15:00:00Z").await;
        assert_eq!(findings(&db).await, "disputed PP-D-2 13:00");
        db.run("UPDATE payment_findings SET resolved_at = '2030-01-10T16:00:00Z'")
            .await;
        record_comparison(&service, id, &[], "2030-01-10T17:00:00Z").await;
        assert_eq!(findings(&db).await, "disputed PP-D-2 13:00 to 16:00");
        record_finding(&service, id, "disputed", "PP-D-3", "2030-01-10T18:00:00Z").await;
        assert_eq!(findings(&db).await, "disputed PP-D-3 18:00");
    })
    .await;
}

#[tokio::test]
async fn drift_lists_open_findings_oldest_first() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let empty = json!({ "findings": [], "deadLetters": [] });
        assert_eq!(call(&service, "payment_drift", json!({})).await, empty);
        let other = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        record_comparison(&service, &booking.payment_id, &[("lapsing", "soon"), ("unpaid_booking", "")], "2030-01-10T14:00:00Z").await;
        record_finding(&service, &other.payment_id, "disputed", "PP-D-1", "2030-01-10T13:00:00Z").await;
        record_comparison(&service, &other.payment_id, &[("lapsing", "")], "2030-01-10T15:00:00Z").await;
        record_comparison(&service, &other.payment_id, &[], "2030-01-10T16:00:00Z").await;
        for (id, now) in [("WH-B", "2030-01-10T13:00:00Z"), ("WH-A", "2030-01-10T12:00:00Z"), ("WH-C", NOW)] {
            let event = json!({ "p_event_id": id, "p_event_type": "PAYMENT.CAPTURE.COMPLETED", "p_body": "{}", "p_resource_id": "CAPTURE-1", "p_now": now });
            call(&service, "store_webhook_event", event).await;
        }
        db.run("DELETE FROM webhook_retries WHERE event_id <> 'WH-C';\
                UPDATE webhook_events SET status = 'dead_letter', result = 'unknown_payment' WHERE event_id <> 'WH-C'").await;
        let before = db.content().await;
        let row = |booking: &OrderedBooking, reference: Option<String>, kind: &str, detail: &str, at: &str| {
            json!({ "paymentId": booking.payment_id, "bookingId": booking.booking_id, "reference": reference, "kind": kind, "detail": detail, "foundAt": at })
        };
        let reference = async |id: &str| db.value(&format!("SELECT reference FROM bookings WHERE id = '{id}'")).await;
        let (booking_reference, other_reference) = (reference(&booking.booking_id).await, reference(&other.booking_id).await);
        let letter = |id: &str, at: &str| json!({ "eventId": id, "eventType": "PAYMENT.CAPTURE.COMPLETED", "resourceId": "CAPTURE-1", "error": "unknown_payment", "receivedAt": at });
        let drift = json!({
            "findings": [
                row(&other, other_reference, "disputed", "PP-D-1", "2030-01-10T13:00:00Z"),
                row(&booking, booking_reference.clone(), "lapsing", "soon", "2030-01-10T14:00:00Z"),
                row(&booking, booking_reference, "unpaid_booking", "", "2030-01-10T14:00:00Z"),
            ],
            "deadLetters": [letter("WH-A", "2030-01-10T12:00:00Z"), letter("WH-B", "2030-01-10T13:00:00Z")],
        });
        assert_eq!(call(&service, "payment_drift", json!({})).await, drift);
        let first = json!({ "findings": [drift["findings"][0]], "deadLetters": [drift["deadLetters"][0]] });
        assert_eq!(call(&service, "payment_drift", json!({ "p_limit": 1 })).await, first);
        assert_eq!(db.content().await, before);
    })
    .await;
}
