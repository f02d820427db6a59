//! Each due payment is captured once: claims, lost responses, retries.

use crate::support::{
    capture::{capture_failure, claim, due_payment},
    database::{call, try_call, with_database},
    fixtures::{NOW, with},
};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

fn capture_success(claim: &Value, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_request_id": claim["requestId"],
            "p_capture_id": "CAPTURE-1", "p_amount": "237.60", "p_now": now })
}

#[tokio::test]
async fn due_payment_is_claimed_and_captured() {
    with_database(|db| async move {
        let (service, booking) = due_payment(&db).await;
        assert_eq!(claim(&service, 25, "2030-01-11T09:59:59Z").await, Vec::<Value>::new());
        let claims = claim(&service, 25, "2030-01-11T10:00:00Z").await;
        assert_eq!(claims.len(), 1);
        let lease = claims[0]["lease"].clone();
        assert_eq!(claims[0], json!({
            "paymentId": booking.payment_id, "bookingId": booking.booking_id, "reference": claims[0]["reference"], "lease": lease,
            "authorizationId": format!("AUTH-{}", booking.payment_id), "originalAuthorizationId": format!("AUTH-{}", booking.payment_id), "authorizedAt": NOW, "authorizationExpiresAt": "2030-02-08T12:00:00Z",
            "orderId": booking.order_id, "amount": "237.60", "authorizedAmount": "237.60", "currency": "USD", "attempt": 1,
            "requestId": format!("{}:capture:1", booking.payment_id), "resumed": false, "lookOnly": false, "reauthorizeRequestId": null,
        }));
        assert_eq!(call(&service, "record_capture", capture_success(&claims[0], "2030-01-11T10:00:01Z")).await, json!({ "outcome": "captured" }));
        assert_eq!(call(&service, "record_capture", capture_success(&claims[0], "2030-01-11T10:00:02Z")).await, json!({ "outcome": "replayed" }));
        let details = call(&service, "get_booking", json!({ "p_booking_id": booking.booking_id })).await;
        assert_eq!((&details["payment"]["status"], &details["payment"]["captureId"]), (&json!("captured"), &json!("CAPTURE-1")));
        assert_eq!(claim(&service, 25, "2030-01-30T00:00:00Z").await, Vec::<Value>::new());
        assert_eq!(db.count("audit_log", "action = 'payment.captured'").await, 1);
        assert_eq!(db.count("bookings", "payment_capture_attempted_at = '2030-01-11T10:00:00Z'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn crashed_capture_resumes_under_same_id() {
    with_database(|db| async move {
        let (service, _) = due_payment(&db).await;
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
        // The first run was only slow. Its failure is ignored, its capture is recorded.
        let outdated = capture_failure(
            &first,
            "declined",
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
                capture_success(&first, "2030-01-11T10:03:00Z")
            )
            .await,
            json!({ "outcome": "captured" })
        );
        assert_eq!(
            call(
                &service,
                "record_capture",
                capture_success(&second, "2030-01-11T10:03:01Z")
            )
            .await,
            json!({ "outcome": "replayed" })
        );
        assert_eq!(db.count("security_events", "true").await, 0);
    })
    .await;
}

#[tokio::test]
async fn retryable_failure_waits_and_keeps_id() {
    with_database(|db| async move {
        let (service, booking) = due_payment(&db).await;
        let first = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        let retry = capture_failure(
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
            format!("{}:capture:1", booking.payment_id)
        );
        assert_eq!(
            second["resumed"], false,
            "its outcome is known: nothing was captured"
        );
    })
    .await;
}

#[tokio::test]
async fn unknown_capture_outcome_is_resumed() {
    with_database(|db| async move {
        let (service, _) = due_payment(&db).await;
        let first = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        let unknown = capture_failure(
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
async fn declined_capture_is_retried_while_authorization_lives() {
    with_database(|db| async move {
        let (service, _) = due_payment(&db).await;
        let capture_claim = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        let failure = capture_failure(
            &capture_claim,
            "declined",
            "2030-01-11T10:15:00Z",
            "2030-01-11T10:00:30Z",
        );
        assert_eq!(
            call(&service, "record_capture_failure", failure.clone()).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(
            call(&service, "record_capture_failure", failure.clone()).await,
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
        for now in ["2030-01-11T10:14:59Z", "2030-02-08T12:00:00Z"] {
            assert_eq!(claim(&service, 25, now).await, Vec::<Value>::new(), "{now}");
        }
        let again = claim(&service, 25, "2030-01-11T10:15:00Z").await.remove(0);
        assert_eq!(
            (&again["attempt"], &again["resumed"]),
            (&json!(2), &json!(false))
        );
        assert_ne!(again["requestId"], capture_claim["requestId"]);
        let unknown_kind = try_call(
            &service,
            "record_capture_failure",
            with(failure, json!({ "p_kind": "perhaps" })),
        )
        .await;
        assert_eq!(
            unknown_kind.unwrap_err().code(),
            Some(&SqlState::INVALID_PARAMETER_VALUE)
        );
        // PayPal did capture, so the capture is recorded.
        assert_eq!(
            call(
                &service,
                "record_capture",
                capture_success(&capture_claim, "2030-01-11T11:00:00Z")
            )
            .await,
            json!({ "outcome": "captured" })
        );
    })
    .await;
}

#[tokio::test]
async fn second_capture_records_security_event() {
    with_database(|db| async move {
        let (service, _) = due_payment(&db).await;
        let capture_claim = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        call(
            &service,
            "record_capture",
            capture_success(&capture_claim, NOW),
        )
        .await;
        let other = with(
            capture_success(&capture_claim, NOW),
            json!({ "p_capture_id": "CAPTURE-2" }),
        );
        assert_eq!(
            call(&service, "record_capture", other).await,
            json!({ "outcome": "captured" })
        );
        let sum = "capture_id = 'CAPTURE-1' AND captured_amount = 475.20";
        assert_eq!(db.count("payments", sum).await, 1);
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
