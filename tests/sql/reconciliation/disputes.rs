//! Disputes of payers: `record_dispute`.

use crate::support::{
    capture::capture_payment,
    concurrency::call_overlapping,
    database::{Database, call, with_database},
    fixtures::{NOW, OrderedBooking, book_and_pay, upcoming_booking},
    reconciliation::record_comparison,
};
use serde_json::{Value, json};
use tokio_postgres::Client;

fn dispute(id: &str, transactions: &[&str], is_resolved: bool, now: &str) -> Value {
    let outcome = is_resolved.then_some("RESOLVED_BUYER_FAVOUR");
    json!({ "p_dispute_id": id, "p_transactions": transactions, "p_is_resolved": is_resolved, "p_outcome": outcome, "p_now": now })
}

async fn record(
    client: &Client,
    id: &str,
    transactions: &[&str],
    is_resolved: bool,
    now: &str,
) -> String {
    let result = call(
        client,
        "record_dispute",
        dispute(id, transactions, is_resolved, now),
    )
    .await;
    result["outcome"].as_str().unwrap().to_owned()
}

/// A captured payment, and the id of its capture.
async fn captured(db: &Database) -> (Client, OrderedBooking, String) {
    let (service, booking) = upcoming_booking(db).await;
    capture_payment(&service, &booking, NOW).await;
    let capture = format!("CAPTURE-{}", booking.payment_id);
    (service, booking, capture)
}

/// The details of the open findings.
async fn open_findings(db: &Database) -> Option<String> {
    db.value("SELECT string_agg(kind || ' ' || detail, ', ' ORDER BY payment_id) FROM payment_findings WHERE resolved_at IS NULL").await
}

#[tokio::test]
async fn finding_ends_with_last_dispute() {
    with_database(|db| async move {
        let (service, booking, capture) = captured(&db).await;
        let disputed = async || call(&service, "find_payment", json!({ "p_payment_id": booking.payment_id })).await["disputed"].clone();
        assert_eq!(record(&service, "PP-D-1", &["UNKNOWN", &capture], false, "2030-01-11T00:00:00Z").await, "recorded");
        assert_eq!((open_findings(&db).await.unwrap().as_str(), disputed().await), ("disputed PP-D-1", json!(true)));
        assert_eq!(record(&service, "PP-D-2", &[&capture], false, "2030-01-12T00:00:00Z").await, "recorded");
        assert_eq!(open_findings(&db).await.unwrap(), "disputed PP-D-1 PP-D-2");
        record_comparison(&service, &booking.payment_id, &[], "2030-01-12T01:00:00Z").await;
        assert_eq!(open_findings(&db).await.unwrap(), "disputed PP-D-1 PP-D-2", "a comparison does not see disputes");
        assert_eq!(record(&service, "PP-D-1", &[&capture], true, "2030-01-13T00:00:00Z").await, "recorded");
        assert_eq!(open_findings(&db).await.unwrap(), "disputed PP-D-2");
        // The event may leave out the transactions.
        assert_eq!(record(&service, "PP-D-2", &[], true, "2030-01-14T00:00:00Z").await, "recorded");
        assert_eq!((open_findings(&db).await, disputed().await), (None, json!(false)));
        let row = "dispute_id = 'PP-D-1' AND outcome = 'RESOLVED_BUYER_FAVOUR' AND opened_at = '2030-01-11T00:00:00Z' AND resolved_at = '2030-01-13T00:00:00Z'";
        assert_eq!(db.count("payment_disputes", row).await, 1);
        let log = "SELECT string_agg(concat_ws(' ', action, detail ->> 'disputeId', detail ->> 'outcome', detail ->> 'captured'), ', ' ORDER BY id) \
                   FROM audit_log WHERE actor = 'paypal' AND action LIKE 'dispute.%'";
        assert_eq!(db.value(log).await.unwrap(), "dispute.opened PP-D-1 237.60, dispute.opened PP-D-2 237.60, \
            dispute.resolved PP-D-1 RESOLVED_BUYER_FAVOUR 237.60, dispute.resolved PP-D-2 RESOLVED_BUYER_FAVOUR 237.60");
    })
    .await;
}

#[tokio::test]
async fn resolved_dispute_never_opens_again() {
    with_database(|db| async move {
        let (service, _, capture) = captured(&db).await;
        record(
            &service,
            "PP-D-1",
            &[&capture],
            true,
            "2030-01-11T00:00:00Z",
        )
        .await;
        let before = db.content().await;
        for is_resolved in [false, true] {
            assert_eq!(
                record(
                    &service,
                    "PP-D-1",
                    &[&capture],
                    is_resolved,
                    "2030-01-12T00:00:00Z"
                )
                .await,
                "recorded"
            );
        }
        assert_eq!(db.content().await, before);
        assert_eq!(open_findings(&db).await, None);
        assert_eq!(
            record(&service, "PP-D-2", &["UNKNOWN"], false, NOW).await,
            "unknown_payment"
        );
        assert_eq!(
            record(&service, "PP-D-2", &[], true, NOW).await,
            "unknown_payment"
        );
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn dispute_about_two_payments_concerns_both() {
    with_database(|db| async move {
        let (service, booking, capture) = captured(&db).await;
        let other = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        record_comparison(&service, &booking.payment_id, &[], NOW).await;
        let both = [capture.as_str(), &other.order_id];
        record(&service, "PP-D-1", &both, false, NOW).await;
        assert_eq!(
            open_findings(&db).await.unwrap(),
            "disputed PP-D-1, disputed PP-D-1"
        );
        assert_eq!(
            db.count("payments", &format!("next_comparison_at <= '{NOW}'"))
                .await,
            2,
            "both are compared next"
        );
        // Two events name the payments in another order.
        let events = [
            dispute("PP-D-1", &both, true, NOW),
            dispute("PP-D-2", &[&other.order_id, &capture], true, NOW),
        ];
        call_overlapping(
            &db,
            ("record_dispute", events[0].clone()),
            ("record_dispute", events[1].clone()),
        )
        .await;
        assert_eq!(open_findings(&db).await, None);
    })
    .await;
}

#[tokio::test]
async fn two_events_of_one_dispute_wait() {
    with_database(|db| async move {
        let (_, _, capture) = captured(&db).await;
        let created = ("record_dispute", dispute("PP-D-1", &[&capture], false, NOW));
        let resolved = ("record_dispute", dispute("PP-D-1", &[&capture], true, NOW));
        call_overlapping(&db, resolved, created.clone()).await;
        assert_eq!(open_findings(&db).await, None);
        call_overlapping(&db, created.clone(), created).await;
        assert_eq!(db.count("payment_disputes", "true").await, 1);
    })
    .await;
}
