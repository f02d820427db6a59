//! An authorization older than three days is reauthorized before it is captured.

use crate::support::{
    cancellation::{by_operator, cancel, refund_terms, void_authorization},
    capture::{capture_failure, capture_of, claim, due_payment},
    database::{Database, call, with_database},
    fixtures::{Car, NOW, book_and_pay, upcoming_booking},
    operator::operator_request,
};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// A payment that is due on the 19th at 10:00, nine days after its authorization.
async fn payment_due_late(db: &Database) -> (Client, String) {
    Car::default().insert(db).await;
    let service = db.service().await;
    let booking = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
    (service, booking.payment_id)
}

fn reauthorization_success(claim: &Value, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_request_id": claim["reauthorizeRequestId"],
            "p_authorization_id": "AUTH-NEW", "p_now": now })
}

async fn record_success(client: &Client, claimed: &Value, now: &str) -> Value {
    call(
        client,
        "record_reauthorization",
        reauthorization_success(claimed, now),
    )
    .await
}

/// Records a failed capture, and claims the payment when its retry is due.
async fn retry_capture(client: &Client, claimed: &Value, now: &str, retry_at: &str) -> Value {
    let failure = capture_failure(claimed, "retryable", retry_at, now);
    call(client, "record_capture_failure", failure).await;
    claim(client, 25, retry_at).await.remove(0)
}

#[tokio::test]
async fn old_authorization_is_reauthorized_before_capture() {
    with_database(|db| async move {
        let (service, payment_id) = payment_due_late(&db).await;
        let first = claim(&service, 25, "2030-01-19T10:00:00Z").await.remove(0);
        assert_eq!(
            first["reauthorizeRequestId"],
            format!("{payment_id}:reauthorize:1")
        );
        assert_eq!(first["requestId"], format!("{payment_id}:capture:1"));
        let result = record_success(&service, &first, "2030-01-19T10:00:01Z").await;
        assert_eq!(result, json!({ "outcome": "recorded" }));
        let payment = "authorization_id = 'AUTH-NEW' AND status = 'capturing'";
        assert_eq!(db.count("payments", payment).await, 1);
    })
    .await;
}

#[tokio::test]
async fn crashed_reauthorization_resumes_under_same_id() {
    with_database(|db| async move {
        let (service, payment_id) = payment_due_late(&db).await;
        let first = claim(&service, 25, "2030-01-19T10:00:00Z").await.remove(0);
        // The capture was never sent and gets a new id.
        let second = claim(&service, 25, "2030-01-19T10:02:00Z").await.remove(0);
        assert_eq!(
            (&second["reauthorizeRequestId"], &second["resumed"]),
            (&first["reauthorizeRequestId"], &json!(false))
        );
        assert_eq!(second["requestId"], format!("{payment_id}:capture:2"));
        let late = record_success(&service, &first, "2030-01-19T10:02:01Z").await;
        assert_eq!(late, json!({ "outcome": "lease_lost" }));
        let result = record_success(&service, &second, "2030-01-19T10:02:02Z").await;
        assert_eq!(result, json!({ "outcome": "recorded" }));
        let payment = "authorization_id = 'AUTH-NEW' AND status = 'capturing'";
        assert_eq!(db.count("payments", payment).await, 1);
    })
    .await;
}

#[tokio::test]
async fn reauthorization_lasts_three_days() {
    with_database(|db| async move {
        let (service, payment_id) = payment_due_late(&db).await;
        claim(&service, 25, "2030-01-19T10:00:00Z").await;
        let second = claim(&service, 25, "2030-01-19T10:02:00Z").await.remove(0);
        record_success(&service, &second, "2030-01-19T10:02:02Z").await;
        let third = retry_capture(
            &service,
            &second,
            "2030-01-19T10:02:03Z",
            "2030-01-19T10:15:00Z",
        )
        .await;
        assert_eq!(
            (&third["authorizationId"], &third["requestId"]),
            (&json!("AUTH-NEW"), &second["requestId"])
        );
        assert_eq!(third["reauthorizeRequestId"], Value::Null);
        // Three days later it is old again, and its capture gets a new id.
        let fourth = retry_capture(
            &service,
            &third,
            "2030-01-19T10:15:01Z",
            "2030-01-23T00:00:00Z",
        )
        .await;
        assert_eq!(
            fourth["reauthorizeRequestId"],
            format!("{payment_id}:reauthorize:2")
        );
        assert_eq!(fourth["requestId"], format!("{payment_id}:capture:3"));
    })
    .await;
}

#[tokio::test]
async fn refused_reauthorization_keeps_claim_without_retry() {
    with_database(|db| async move {
        let (service, payment_id) = payment_due_late(&db).await;
        let first = claim(&service, 25, "2030-01-19T10:00:00Z").await.remove(0);
        let failure = json!({ "p_payment_id": payment_id, "p_request_id": first["reauthorizeRequestId"], "p_error_code": "REAUTHORIZATION_NOT_SUPPORTED", "p_kind": "ended", "p_now": "2030-01-19T10:00:01Z" });
        call(&service, "record_reauthorization_failure", failure).await;
        assert_eq!(claim(&service, 25, "2030-01-19T10:00:02Z").await, Vec::<Value>::new());
        call(&service, "record_capture_failure", capture_failure(&first, "retryable", "2030-01-19T10:15:00Z", "2030-01-19T10:00:03Z")).await;
        let second = claim(&service, 25, "2030-01-19T10:15:00Z").await.remove(0);
        assert_eq!((&second["reauthorizeRequestId"], &second["requestId"]), (&Value::Null, &first["requestId"]));
    })
    .await;
}

#[tokio::test]
async fn unknown_capture_precedes_reauthorization() {
    with_database(|db| async move {
        let (service, _) = due_payment(&db).await;
        claim(&service, 25, "2030-01-11T10:00:00Z").await;
        let later = claim(&service, 25, "2030-01-20T10:00:00Z").await.remove(0);
        assert_eq!(
            (&later["resumed"], &later["reauthorizeRequestId"]),
            (&json!(true), &Value::Null)
        );
    })
    .await;
}

#[tokio::test]
async fn expiring_authorization_is_captured_without_reauthorization() {
    with_database(|db| async move {
        let (service, _) = payment_due_late(&db).await;
        let last_day = claim(&service, 25, "2030-02-07T12:00:00Z").await.remove(0);
        assert_eq!(last_day["reauthorizeRequestId"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn reauthorized_payment_voids_original_authorization() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        for (new, now) in [("AUTH-NEW-1", "2030-01-14T00:00:00Z"), ("AUTH-NEW-2", "2030-01-18T00:00:00Z")] {
            let reauthorization = call(&service, "claim_reauthorization", operator_request(&booking.booking_id, now)).await;
            assert_eq!(reauthorization["originalAuthorizationId"], format!("AUTH-{}", booking.payment_id), "PayPal reauthorizes no reauthorization");
            let success = json!({ "p_payment_id": booking.payment_id, "p_lease": reauthorization["lease"], "p_request_id": reauthorization["requestId"], "p_authorization_id": new, "p_now": now });
            assert_eq!(call(&service, "record_reauthorization", success).await, json!({ "outcome": "recorded" }));
            call(&service, "release_payment", json!({ "p_payment_id": booking.payment_id, "p_lease": reauthorization["lease"], "p_now": now })).await;
        }
        let original = json!(format!("AUTH-{}", booking.payment_id));
        let result = cancel(&service, by_operator(&booking.booking_id, "2030-01-19T00:00:00Z")).await;
        assert_eq!(refund_terms(&result), "100 237.60 pending void");
        assert_eq!(result["authorizationId"], original);
        let due = call(&service, "authorizations_to_void", json!({ "p_now": "2030-01-19T00:02:00Z" })).await;
        assert_eq!(due[0]["authorizationId"], original);
        let request_id = void_authorization(&service, &booking.payment_id, &original, "2030-01-19T00:02:00Z").await;
        assert_eq!(request_id, format!("{}:void:1", booking.payment_id));
        assert_eq!(db.count("payments", "status = 'voided' AND authorization_id = 'AUTH-NEW-2'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn unfinished_reauthorization_precedes_capture() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let arguments = operator_request(&booking.booking_id, "2030-01-10T11:00:00Z");
        let attempt = call(&service, "claim_reauthorization", arguments).await;
        let due = claim(&service, 25, "2030-01-11T10:00:00Z").await.remove(0);
        assert_eq!(due["reauthorizeRequestId"], attempt["requestId"]);
        assert_eq!(
            due["requestId"],
            format!("{}:capture:1", booking.payment_id)
        );
    })
    .await;
}

async fn fail_reauthorization(client: &Client, claim: &Value, kind: &str, now: &str) -> Value {
    let failure = json!({ "p_payment_id": claim["paymentId"], "p_request_id": claim["reauthorizeRequestId"], "p_lease": claim["lease"], "p_error_code": "SOME_CODE", "p_kind": kind, "p_now": now });
    call(client, "record_reauthorization_failure", failure).await["outcome"].clone()
}

/// PayPal gives no usable answer. The first time it is asked again, and then the old authorization
/// is captured.
#[tokio::test]
async fn unknown_reauthorization_stops_one_capture_run() {
    with_database(|db| async move {
        let (service, payment_id) = payment_due_late(&db).await;
        let first = claim(&service, 25, "2030-01-19T10:00:00Z").await.remove(0);
        assert_eq!(fail_reauthorization(&service, &first, "retryable", "2030-01-19T10:00:01Z").await, "recorded");
        let second = retry_capture(&service, &first, "2030-01-19T10:00:02Z", "2030-01-19T10:15:00Z").await;
        assert_eq!(fail_reauthorization(&service, &second, "unknown", "2030-01-19T10:15:01Z").await, "recorded");
        let third = retry_capture(&service, &second, "2030-01-19T10:15:02Z", "2030-01-19T10:30:00Z").await;
        assert_eq!(third["reauthorizeRequestId"], first["reauthorizeRequestId"]);
        let lost = json!({ "reauthorizeRequestId": third["reauthorizeRequestId"], "paymentId": payment_id, "lease": second["lease"] });
        assert_eq!(fail_reauthorization(&service, &lost, "unknown", "2030-01-19T10:30:01Z").await, "recorded", "another run's claim");
        assert_eq!(fail_reauthorization(&service, &third, "unknown", "2030-01-19T10:30:01Z").await, "capture_old");
        call(&service, "record_capture", capture_of(&third, "2030-01-19T10:30:02Z")).await;
        let done = "status = 'captured' AND hold_ended_at IS NOT NULL";
        assert_eq!(db.count("payments", done).await, 1);
        assert_eq!(db.count("payment_operations", "status = 'open'").await, 0);
    })
    .await;
}

/// The old authorization was captured while the reauthorization was open. The capture is looked up
/// before anything else is tried.
#[tokio::test]
async fn unknown_capture_of_old_authorization_precedes_reauthorization() {
    for is_crash in [false, true] {
        with_database(move |db| async move {
            let (service, _) = payment_due_late(&db).await;
            let first = claim(&service, 25, "2030-01-19T10:00:00Z").await.remove(0);
            fail_reauthorization(&service, &first, "unknown", "2030-01-19T10:00:01Z").await;
            let second = retry_capture(
                &service,
                &first,
                "2030-01-19T10:00:02Z",
                "2030-01-19T10:15:00Z",
            )
            .await;
            assert_eq!(
                fail_reauthorization(&service, &second, "unknown", "2030-01-19T10:15:01Z").await,
                "capture_old"
            );
            if !is_crash {
                let failure = capture_failure(
                    &second,
                    "unknown",
                    "2030-01-19T10:30:00Z",
                    "2030-01-19T10:15:02Z",
                );
                call(&service, "record_capture_failure", failure).await;
            }
            let third = claim(&service, 25, "2030-01-19T10:30:00Z").await.remove(0);
            assert_eq!(
                (
                    &third["requestId"],
                    &third["resumed"],
                    &third["reauthorizeRequestId"]
                ),
                (&second["requestId"], &json!(true), &Value::Null)
            );
            // PayPal refused the old one, because it had reauthorized.
            let failure = capture_failure(
                &third,
                "ended",
                "2030-01-19T10:45:00Z",
                "2030-01-19T10:30:01Z",
            );
            call(&service, "record_capture_failure", failure).await;
            let fourth = claim(&service, 25, "2030-01-19T10:45:00Z").await.remove(0);
            assert_eq!(
                fourth["reauthorizeRequestId"],
                first["reauthorizeRequestId"]
            );
            assert_eq!(fourth["resumed"], false);
        })
        .await;
    }
}

/// The money would be lost with the authorization.
#[tokio::test]
async fn last_day_does_not_wait_for_unknown_reauthorization() {
    with_database(|db| async move {
        let (service, _) = payment_due_late(&db).await;
        let due = claim(&service, 25, "2030-02-07T11:59:59Z").await.remove(0);
        assert_eq!(
            fail_reauthorization(&service, &due, "unknown", "2030-02-07T12:00:01Z").await,
            "capture_old"
        );
    })
    .await;
}
