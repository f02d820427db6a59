//! What was done to money and by whom, as operators read it: `list_audit`.

use serde_json::{Value, json};

use crate::cancellations::{by_operator, cancel};
use crate::database::{call, with_database};
use crate::fixtures::{Car, NOW, paid, take};

#[tokio::test]
async fn the_audit_log_is_read_backwards_and_filtered() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booked = paid(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        take(&service, &booked, NOW).await;
        cancel(&service, by_operator(&booked.booking_id, "2030-01-10T12:01:00Z")).await;
        let other = paid(&service, "plain", "2030-01-20", "2030-01-24", "2030-01-10T12:02:00Z").await;
        let before = db.content().await;
        let list = async |filter: Value| call(&service, "list_audit", filter).await;
        let actions = async |filter: Value| -> String {
            let entries = list(filter).await["entries"].clone();
            let action = |entry: &Value| entry["action"].as_str().unwrap().to_owned();
            entries.as_array().unwrap().iter().map(action).collect::<Vec<_>>().join(" ")
        };
        let of_first = "booking.cancelled payment.captured payment.capturing capture.ordered payment.authorized";
        assert_eq!(actions(json!({})).await, format!("payment.authorized {of_first}"));
        assert_eq!(actions(json!({ "p_subject": booked.booking_id })).await, of_first);
        assert_eq!(actions(json!({ "p_subject": booked.payment_id })).await, of_first.trim_start_matches("booking.cancelled "));
        assert_eq!(actions(json!({ "p_subject": other.booking_id })).await, "payment.authorized");
        assert_eq!(actions(json!({ "p_action": "payment.authorized" })).await, "payment.authorized payment.authorized");
        assert_eq!(actions(json!({ "p_actor": "operator:1" })).await, "booking.cancelled capture.ordered");
        assert_eq!(actions(json!({ "p_actor": "operator:1", "p_action": "capture.ordered", "p_subject": booked.booking_id })).await, "capture.ordered");
        assert_eq!(actions(json!({ "p_actor": "operator:2" })).await, "");
        assert_eq!(actions(json!({ "p_page": 2, "p_limit": 4 })).await, "capture.ordered payment.authorized");

        let listed = list(json!({ "p_action": "booking.cancelled" })).await;
        let id = listed["entries"][0]["id"].clone();
        assert_eq!(listed, json!({
            "success": true,
            "entries": [{
                "id": id, "occurredAt": "2030-01-10T12:01:00Z", "actor": "operator:1", "action": "booking.cancelled", "subjectType": "booking",
                "subjectId": booked.booking_id, "requestId": "req-1", "detail": { "percent": 100, "settlement": "refund", "amount": "237.60" },
            }],
            "pagination": { "page": 1, "limit": 50, "total": 1, "totalPages": 1, "hasNext": false, "hasPrev": false },
        }));
        assert_eq!(db.content().await, before);
    })
    .await;
}
