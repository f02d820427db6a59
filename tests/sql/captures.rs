//! Each due payment is captured once: leases, lost answers, retries.

use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::database::{Database, call, try_call, with_database};
use crate::fixtures::{Car, NOW, Ordered, claim, paid, with};

/// Due on the 11th at 10:00: a day before pickup.
pub(crate) async fn due(db: &Database) -> (Client, Ordered) {
    Car::default().insert(db).await;
    let service = db.service().await;
    let settled = paid(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
    (service, settled)
}

fn captured(claim: &Value, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_request_id": claim["requestId"],
            "p_capture_id": "CAPTURE-1", "p_amount": "237.60", "p_now": now })
}

pub(crate) fn failed(claim: &Value, kind: &str, retry_at: &str, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_request_id": claim["requestId"],
            "p_error_code": "SOME_CODE", "p_kind": kind, "p_retry_at": retry_at, "p_now": now })
}

#[tokio::test]
async fn a_payment_is_claimed_when_due_and_captured() {
    with_database(|db| async move {
        let (service, settled) = due(&db).await;
        assert_eq!(claim(&service, 25, "2030-01-11T09:59:59Z").await, Vec::<Value>::new());
        let claims = claim(&service, 25, "2030-01-11T10:00:00Z").await;
        assert_eq!(claims.len(), 1);
        let lease = claims[0]["lease"].clone();
        assert_eq!(claims[0], json!({
            "paymentId": settled.payment_id, "bookingId": settled.booking_id, "reference": claims[0]["reference"], "lease": lease,
            "authorizationId": format!("AUTH-{}", settled.payment_id), "authorizedAt": NOW, "authorizationExpiresAt": "2030-02-08T12:00:00Z",
            "orderId": settled.order_id, "amount": "237.60", "authorizedAmount": "237.60", "currency": "USD", "attempt": 1,
            "requestId": format!("{}:capture:1", settled.payment_id), "resumed": false, "reauthorizeRequestId": null,
        }));
        assert_eq!(call(&service, "record_capture", captured(&claims[0], "2030-01-11T10:00:01Z")).await, json!({ "outcome": "captured" }));
        assert_eq!(call(&service, "record_capture", captured(&claims[0], "2030-01-11T10:00:02Z")).await, json!({ "outcome": "replayed" }));
        let read = call(&service, "get_booking", json!({ "p_booking_id": settled.booking_id })).await;
        assert_eq!((&read["payment"]["status"], &read["payment"]["captureId"]), (&json!("captured"), &json!("CAPTURE-1")));
        assert_eq!(claim(&service, 25, "2030-01-30T00:00:00Z").await, Vec::<Value>::new());
        assert_eq!(db.count("audit_log", "action = 'payment.captured'").await, 1);
        assert_eq!(db.count("bookings", "payment_capture_attempted_at = '2030-01-11T10:00:00Z'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_crash_leaves_the_payment_to_the_next_run_under_the_same_id() {
    with_database(|db| async move {
        let (service, _) = due(&db).await;
        let first = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        assert_eq!(
            claim(&service, 25, "2030-01-11T10:01:59Z").await,
            Vec::<Value>::new()
        );
        let second = claim(&service, 25, "2030-01-11T10:02:00Z").await.remove(0);
        assert_ne!(second["lease"], first["lease"]);
        assert_eq!(
            second,
            with(
                first.clone(),
                json!({ "lease": second["lease"], "attempt": 2, "resumed": true })
            )
        );
        // The first was only slow. Its failure no longer counts; its capture does.
        let outdated = failed(
            &first,
            "final",
            "2030-01-11T10:10:00Z",
            "2030-01-11T10:03:00Z",
        );
        assert_eq!(
            call(&service, "record_capture_failure", outdated).await,
            json!({ "outcome": "lease_lost" })
        );
        assert_eq!(
            call(
                &service,
                "record_capture",
                captured(&first, "2030-01-11T10:03:00Z")
            )
            .await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            call(
                &service,
                "record_capture",
                captured(&second, "2030-01-11T10:03:01Z")
            )
            .await,
            json!({ "outcome": "replayed" })
        );
        assert_eq!(db.count("security_events", "true").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_retryable_failure_waits_and_keeps_its_id() {
    with_database(|db| async move {
        let (service, settled) = due(&db).await;
        let first = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        let retry = failed(
            &first,
            "retryable",
            "2030-01-11T10:15:00Z",
            "2030-01-11T10:00:01Z",
        );
        assert_eq!(
            call(&service, "record_capture_failure", retry).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(db.count("payments", "status = 'authorized'").await, 1);
        assert_eq!(
            claim(&service, 25, "2030-01-11T10:14:59Z").await,
            Vec::<Value>::new()
        );
        let second = claim(&service, 25, "2030-01-11T10:15:00Z").await.remove(0);
        assert_eq!(
            second["requestId"],
            format!("{}:capture:1", settled.payment_id)
        );
        assert_eq!(
            second["resumed"], false,
            "its outcome is known: nothing was captured"
        );
    })
    .await;
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_for() {
    with_database(|db| async move {
        let (service, _) = due(&db).await;
        let first = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        let unknown = failed(
            &first,
            "unknown",
            "2030-01-11T10:05:00Z",
            "2030-01-11T10:00:30Z",
        );
        assert_eq!(
            call(&service, "record_capture_failure", unknown).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(
            db.count("payments", "status = 'capturing' AND lease_id IS NULL")
                .await,
            1
        );
        let second = claim(&service, 25, "2030-01-11T10:05:00Z").await.remove(0);
        assert_eq!(
            (&second["requestId"], &second["resumed"]),
            (&first["requestId"], &json!(true))
        );
    })
    .await;
}

#[tokio::test]
async fn a_final_failure_is_an_operators_matter() {
    with_database(|db| async move {
        let (service, _) = due(&db).await;
        let claimed = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        let last = failed(
            &claimed,
            "final",
            "2030-01-11T10:05:00Z",
            "2030-01-11T10:00:30Z",
        );
        assert_eq!(
            call(&service, "record_capture_failure", last.clone()).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(
            call(&service, "record_capture_failure", last.clone()).await,
            json!({ "outcome": "lease_lost" })
        );
        assert_eq!(
            db.count(
                "payments",
                "status = 'failed' AND failure_code = 'SOME_CODE'"
            )
            .await,
            1
        );
        assert_eq!(
            claim(&service, 25, "2030-02-01T00:00:00Z").await,
            Vec::<Value>::new()
        );
        let nonsense = try_call(
            &service,
            "record_capture_failure",
            with(last, json!({ "p_kind": "perhaps" })),
        )
        .await;
        assert_eq!(
            nonsense.unwrap_err().code(),
            Some(&SqlState::INVALID_PARAMETER_VALUE)
        );
        // PayPal had captured after all: that is what counts.
        assert_eq!(
            call(
                &service,
                "record_capture",
                captured(&claimed, "2030-01-11T11:00:00Z")
            )
            .await,
            json!({ "outcome": "captured" })
        );
    })
    .await;
}

#[tokio::test]
async fn two_captures_of_one_payment_are_noticed() {
    with_database(|db| async move {
        let (service, _) = due(&db).await;
        let claimed = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        call(&service, "record_capture", captured(&claimed, NOW)).await;
        let other = with(
            captured(&claimed, NOW),
            json!({ "p_capture_id": "CAPTURE-2" }),
        );
        assert_eq!(
            call(&service, "record_capture", other).await,
            json!({ "outcome": "replayed" })
        );
        assert_eq!(db.count("payments", "capture_id = 'CAPTURE-1'").await, 1);
        assert_eq!(
            db.count(
                "security_events",
                "kind = 'duplicate_capture' AND detail ->> 'captureId' = 'CAPTURE-2'"
            )
            .await,
            1
        );
    })
    .await;
}
