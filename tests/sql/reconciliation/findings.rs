//! Payments that disagree with PayPal or with their booking: `record_reconciliation`,
//! `record_finding`, `acknowledge_finding`, `payment_drift`.

use crate::support::{
    concurrency::call_overlapping,
    database::{Database, call, with_database},
    fixtures::{NOW, OrderedBooking, book_and_pay, upcoming_booking},
    reconciliation::{record_comparison, record_finding},
};
use serde_json::{Value, json};

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
async fn comparison_does_not_resolve_dispute() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        record_finding(&service, id, "disputed", "PP-D-1", "2030-01-10T13:00:00Z").await;
        record_comparison(&service, id, &[], "2030-01-10T14:00:00Z").await;
        assert_eq!(findings(&db).await, "disputed PP-D-1 13:00");
    })
    .await;
}

#[tokio::test]
async fn acknowledged_finding_stays_closed_until_detail_changes() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let open = async || {
            let drift = call(&service, "payment_drift", json!({})).await;
            drift["findings"].as_array().unwrap().iter().map(|finding| finding["detail"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let acknowledge = async |kind: &str, reason: &str, now: &str| {
            let arguments = json!({ "p_payment_id": id, "p_kind": kind, "p_reason": reason, "p_actor": "operator:1", "p_request_id": "req-3", "p_now": now });
            call(&service, "acknowledge_finding", arguments).await
        };
        let unknown = json!({ "outcome": "finding_not_found" });
        assert_eq!(acknowledge("amount_mismatch", "seen", "2030-01-10T13:00:00Z").await, unknown);
        record_comparison(&service, id, &[("amount_mismatch", "1"), ("lapsing", "soon")], "2030-01-10T13:00:00Z").await;
        let result = acknowledge("amount_mismatch", "paid in cash", "2030-01-10T13:30:00Z").await;
        let finding = json!({
            "paymentId": id, "bookingId": booking.booking_id, "reference": result["finding"]["reference"], "kind": "amount_mismatch", "detail": "1",
            "foundAt": "2030-01-10T13:00:00Z", "acknowledgedAt": "2030-01-10T13:30:00Z", "acknowledgedBy": "operator:1", "acknowledgement": "paid in cash",
        });
        assert_eq!(result, json!({ "outcome": "acknowledged", "finding": finding }));
        let entry = "action = 'finding.acknowledged' AND actor = 'operator:1' AND request_id = 'req-3' AND occurred_at = '2030-01-10T13:30:00Z'
                     AND detail ->> 'kind' = 'amount_mismatch' AND detail ->> 'detail' = '1' AND detail ->> 'reason' = 'paid in cash'";
        assert_eq!(db.count("audit_log", entry).await, 1);
        let before = db.content().await;
        assert_eq!(acknowledge("amount_mismatch", "another", "2030-01-10T13:40:00Z").await, result, "the first reason stays");
        assert_eq!(db.content().await, before);
        assert_eq!(open().await, ["soon"]);
        let acknowledged = call(&service, "payment_drift", json!({ "p_acknowledged": true })).await;
        assert_eq!(acknowledged["findings"], json!([finding]));

        record_comparison(&service, id, &[("amount_mismatch", "1"), ("lapsing", "soon")], "2030-01-10T14:00:00Z").await;
        assert_eq!(open().await, ["soon"], "the same detail");
        record_comparison(&service, id, &[("amount_mismatch", "2")], "2030-01-10T15:00:00Z").await;
        assert_eq!(open().await, ["2"]);
        assert_eq!(findings(&db).await, "amount_mismatch 2 15:00, lapsing soon 13:00 to 15:00");
        acknowledge("amount_mismatch", "again", "2030-01-10T15:30:00Z").await;
        assert_eq!(open().await, [""; 0]);
        // The reason is gone. When it returns, it is a new finding.
        record_comparison(&service, id, &[], "2030-01-10T16:00:00Z").await;
        assert_eq!(acknowledge("amount_mismatch", "seen", "2030-01-10T16:30:00Z").await, unknown, "it is resolved");
        record_comparison(&service, id, &[("amount_mismatch", "2")], "2030-01-10T17:00:00Z").await;
        assert_eq!(open().await, ["2"]);
        let log = "SELECT string_agg(replace(action, 'finding.', '') || ' ' || concat_ws(' ', detail ->> 'kind', detail ->> 'detail') || to_char(occurred_at AT TIME ZONE 'UTC', ' HH24'), ', ' ORDER BY id) \
                   FROM audit_log WHERE action LIKE 'finding.%' AND detail ->> 'kind' = 'amount_mismatch'";
        assert_eq!(db.value(log).await.unwrap(), "opened amount_mismatch 1 13, acknowledged amount_mismatch 1 13, opened amount_mismatch 2 15, \
            acknowledged amount_mismatch 2 15, resolved amount_mismatch 2 16, opened amount_mismatch 2 17");
    })
    .await;
}

/// Each writer of findings waits for the payment's lock.
#[tokio::test]
async fn writers_of_findings_wait_for_each_other() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        record_comparison(&service, id, &[("lapsing", "1")], "2030-01-10T13:00:00Z").await;
        let now = "2030-01-10T14:00:00Z";
        let comparison = |findings: Value| ("record_reconciliation", json!({ "p_payment_id": id, "p_findings": findings.to_string(), "p_now": now }));
        let acknowledgement = ("acknowledge_finding", json!({ "p_payment_id": id, "p_kind": "lapsing", "p_reason": "seen", "p_actor": "operator:1", "p_now": now }));
        let finding = |kind: &str| ("record_finding", json!({ "p_payment_id": id, "p_kind": kind, "p_detail": "x", "p_now": now }));
        let dispute = ("record_dispute", json!({ "p_dispute_id": "PP-D-1", "p_transactions": [booking.order_id], "p_is_resolved": false, "p_now": now }));
        let failure = ("record_comparison_failure", json!({ "p_payment_id": id, "p_code": "unknown", "p_now": now }));

        let (_, result) = call_overlapping(&db, comparison(json!([])), acknowledgement.clone()).await;
        assert_eq!(result, json!({ "outcome": "finding_not_found" }), "the comparison resolved it");
        call_overlapping(&db, comparison(json!([{ "kind": "lapsing", "detail": "2" }])), acknowledgement.clone()).await;
        assert_eq!(db.count("payment_findings", "detail = '2' AND acknowledged_at IS NOT NULL").await, 1);
        let writers = [comparison(json!([])), acknowledgement, finding("paypal_refuses_us"), dispute, failure];
        for first in &writers {
            for second in &writers {
                call_overlapping(&db, first.clone(), second.clone()).await;
            }
        }
        // A comparison resolves a finding that was opened just before it.
        call_overlapping(&db, finding("unpaid_booking"), comparison(json!([]))).await;
        assert_eq!(db.count("payment_findings", "kind = 'unpaid_booking' AND resolved_at IS NULL").await, 0);
        // Two new findings of one kind do not collide.
        call_overlapping(&db, finding("captured_twice"), finding("captured_twice")).await;
    })
    .await;
}

#[tokio::test]
async fn drift_is_paged_newest_first() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let pages = |page: u32, limit: u32, total: u32, pages: u32, next: bool, prev: bool| {
            json!({ "page": page, "limit": limit, "total": total, "totalPages": pages, "hasNext": next, "hasPrev": prev })
        };
        let none = pages(1, 50, 0, 0, false, false);
        let empty = json!({ "findings": [], "pagination": none, "deadLetters": [], "deadLetterPagination": none });
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
            json!({ "paymentId": booking.payment_id, "bookingId": booking.booking_id, "reference": reference, "kind": kind, "detail": detail, "foundAt": at,
                    "acknowledgedAt": null, "acknowledgedBy": null, "acknowledgement": null })
        };
        let reference = async |id: &str| db.value(&format!("SELECT reference FROM bookings WHERE id = '{id}'")).await;
        let (booking_reference, other_reference) = (reference(&booking.booking_id).await, reference(&other.booking_id).await);
        let letter = |id: &str, at: &str| json!({ "eventId": id, "eventType": "PAYMENT.CAPTURE.COMPLETED", "resourceId": "CAPTURE-1", "error": "unknown_payment", "receivedAt": at });
        let drift = json!({
            "findings": [
                row(&booking, booking_reference.clone(), "lapsing", "soon", "2030-01-10T14:00:00Z"),
                row(&booking, booking_reference, "unpaid_booking", "", "2030-01-10T14:00:00Z"),
                row(&other, other_reference, "disputed", "PP-D-1", "2030-01-10T13:00:00Z"),
            ],
            "pagination": pages(1, 50, 3, 1, false, false),
            "deadLetters": [letter("WH-B", "2030-01-10T13:00:00Z"), letter("WH-A", "2030-01-10T12:00:00Z")],
            "deadLetterPagination": pages(1, 50, 2, 1, false, false),
        });
        assert_eq!(call(&service, "payment_drift", json!({})).await, drift);
        let second = json!({
            "findings": [drift["findings"][2]], "pagination": pages(2, 2, 3, 2, false, true),
            "deadLetters": [], "deadLetterPagination": pages(2, 2, 2, 1, false, true),
        });
        assert_eq!(call(&service, "payment_drift", json!({ "p_page": 2, "p_limit": 2 })).await, second);
        let acknowledged = call(&service, "payment_drift", json!({ "p_acknowledged": true })).await;
        assert_eq!((&acknowledged["findings"], &acknowledged["pagination"]), (&json!([]), &none));
        assert_eq!(db.content().await, before);
    })
    .await;
}
