//! The audit log, as operators read it: `list_audit`.

use crate::support::{
    cancellation::{by_operator, cancel},
    capture::capture_payment,
    database::{call, with_database},
    fixtures::{Car, NOW, book_and_pay},
};
use serde_json::{Value, json};

#[tokio::test]
async fn audit_log_is_filtered_newest_first() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        capture_payment(&service, &booking, NOW).await;
        cancel(&service, by_operator(&booking.booking_id, "2030-01-10T12:01:00Z")).await;
        let other = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", "2030-01-10T12:02:00Z").await;
        let before = db.content().await;
        let list = async |filter: Value| call(&service, "list_audit", filter).await;
        let actions = async |filter: Value| -> String {
            let entries = list(filter).await["entries"].clone();
            let action = |entry: &Value| entry["action"].as_str().unwrap().to_owned();
            entries.as_array().unwrap().iter().map(action).collect::<Vec<_>>().join(" ")
        };
        let first_actions = "booking.cancelled payment.captured payment.capturing capture.ordered payment.authorized";
        assert_eq!(actions(json!({})).await, format!("payment.authorized {first_actions}"));
        assert_eq!(actions(json!({ "p_subject": booking.booking_id })).await, first_actions);
        assert_eq!(actions(json!({ "p_subject": booking.payment_id })).await, first_actions.trim_start_matches("booking.cancelled "));
        assert_eq!(actions(json!({ "p_subject": other.booking_id })).await, "payment.authorized");
        assert_eq!(actions(json!({ "p_action": "payment.authorized" })).await, "payment.authorized payment.authorized");
        assert_eq!(actions(json!({ "p_actor": "operator:1" })).await, "booking.cancelled capture.ordered");
        assert_eq!(actions(json!({ "p_actor": "operator:1", "p_action": "capture.ordered", "p_subject": booking.booking_id })).await, "capture.ordered");
        assert_eq!(actions(json!({ "p_actor": "operator:2" })).await, "");
        assert_eq!(actions(json!({ "p_page": 2, "p_limit": 4 })).await, "capture.ordered payment.authorized");

        let result = list(json!({ "p_action": "booking.cancelled" })).await;
        let id = result["entries"][0]["id"].clone();
        assert_eq!(result, json!({
            "success": true,
            "entries": [{
                "id": id, "occurredAt": "2030-01-10T12:01:00Z", "actor": "operator:1", "action": "booking.cancelled", "subjectType": "booking",
                "subjectId": booking.booking_id, "requestId": "req-1", "detail": { "percent": 100, "settlement": "refund", "amount": "237.60" },
            }],
            "pagination": { "page": 1, "limit": 50, "total": 1, "totalPages": 1, "hasNext": false, "hasPrev": false },
        }));
        assert_eq!(db.content().await, before);
    })
    .await;
}
