//! Operators' requests in the audit log: `record_operator_request`.

use crate::support::{
    database::{call, try_call, with_database},
    fixtures::NOW,
};
use futures_util::future::join;
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

fn request(action: &str, request_id: &str) -> Value {
    json!({
        "p_actor": "operator:1", "p_action": action, "p_subject_type": "route", "p_subject_id": "/api/admin/metrics",
        "p_request_id": request_id, "p_detail": { "method": "GET", "code": null }, "p_now": NOW,
    })
}

#[tokio::test]
async fn request_is_recorded_once_of_each_kind() {
    with_database(|db| async move {
        let service = db.service().await;
        let other = db.service().await;
        for action in ["operator.change", "operator.outcome", "operator.read"] {
            // Both attempts of one request, at the same moment.
            let (one, two) = join(
                call(&service, "record_operator_request", request(action, "r1")),
                call(&other, "record_operator_request", request(action, "r1")),
            )
            .await;
            let mut outcomes = [one["outcome"].clone(), two["outcome"].clone()].map(|outcome| outcome.to_string());
            outcomes.sort();
            assert_eq!(outcomes, ["\"known\"", "\"recorded\""]);
        }
        call(&service, "record_operator_request", request("operator.read", "r2")).await;
        assert_eq!(db.count("audit_log", "request_id = 'r1'").await, 3);
        let row = db.value("SELECT to_jsonb(a) - 'id' FROM audit_log AS a WHERE request_id = 'r2'").await.unwrap();
        let row: Value = serde_json::from_str(&row).unwrap();
        assert_eq!(row, json!({
            "occurred_at": "2030-01-10T12:00:00+00:00", "actor": "operator:1", "action": "operator.read", "subject_type": "route",
            "subject_id": "/api/admin/metrics", "detail": { "method": "GET" }, "request_id": "r2",
        }));
    })
    .await;
}

/// Without an id two attempts could write two rows. Other actions have functions of their own.
#[tokio::test]
async fn only_requests_are_recorded() {
    with_database(|db| async move {
        let service = db.service().await;
        let mut unnamed = request("operator.read", "r1");
        unnamed["p_request_id"] = Value::Null;
        for wrong in [request("booking.cancelled", "r1"), unnamed] {
            let error = try_call(&service, "record_operator_request", wrong)
                .await
                .unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::INVALID_PARAMETER_VALUE));
        }
        assert_eq!(db.count("audit_log", "action LIKE 'operator.%'").await, 0);
    })
    .await;
}
