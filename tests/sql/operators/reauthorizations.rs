//! Reauthorizations that operators request: `claim_reauthorization`, `record_reauthorization`,
//! `release_payment`.

use crate::support::{
    cancellation::{HALF_REFUND_AT, by_customer, by_operator, cancel, void_authorization},
    capture::{capture_failure, capture_payment, claim},
    database::{call, with_database},
    fixtures::{NOW, UNKNOWN_ID, book_and_pay, hold, upcoming_booking, with},
    operator::{claim_capture, claim_reauthorization},
};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// The arguments that record the reauthorization of a claim.
fn reauthorization_success(claim: &Value, authorization_id: &str, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_request_id": claim["requestId"],
            "p_authorization_id": authorization_id, "p_now": now })
}

/// The arguments that record PayPal's refusal of a reauthorization, or an unknown outcome.
fn reauthorization_failure(claim: &Value, kind: &str, now: &str) -> Value {
    json!({ "p_payment_id": claim["paymentId"], "p_request_id": claim["requestId"], "p_error_code": "SOME_CODE", "p_kind": kind, "p_now": now })
}

async fn release_payment(client: &Client, claim: &Value, now: &str) -> Value {
    let arguments =
        json!({ "p_payment_id": claim["paymentId"], "p_lease": claim["lease"], "p_now": now });
    call(client, "release_payment", arguments).await
}

#[tokio::test]
async fn reauthorization_is_claimed_recorded_and_released() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let reauthorization = claim_reauthorization(&service, &booking.booking_id, NOW).await;
        assert_eq!(reauthorization, json!({
            "outcome": "claimed", "paymentId": booking.payment_id, "lease": reauthorization["lease"], "authorizationId": format!("AUTH-{}", booking.payment_id), "originalAuthorizationId": format!("AUTH-{}", booking.payment_id),
            "amount": "237.60", "currency": "USD", "requestId": format!("{}:reauthorize:1", booking.payment_id),
        }));
        let entry = format!("action = 'reauthorization.ordered' AND actor = 'operator:1' AND request_id = 'req-2' AND subject_id = '{}'", booking.payment_id);
        assert_eq!(db.count("audit_log", &entry).await, 1);
        assert_eq!(claim_reauthorization(&service, &booking.booking_id, "2030-01-10T12:01:59Z").await, json!({ "outcome": "payment_in_progress" }));
        assert_eq!(claim_capture(&service, &booking.booking_id, "2030-01-10T12:01:59Z").await, json!({ "outcome": "payment_in_progress" }));
        let other_claim = with(reauthorization.clone(), json!({ "lease": UNKNOWN_ID }));
        assert_eq!(release_payment(&service, &other_claim, NOW).await, json!({ "outcome": "lease_lost" }));
        let success = with(reauthorization_success(&reauthorization, "AUTH-NEW", NOW), json!({ "p_expires_at": "2030-02-07T00:00:00Z" }));
        assert_eq!(call(&service, "record_reauthorization", success).await, json!({ "outcome": "recorded" }));
        assert_eq!(release_payment(&service, &reauthorization, NOW).await, json!({ "outcome": "released" }));
        let row = format!("status = 'authorized' AND authorization_id = 'AUTH-NEW' AND original_authorization_id = 'AUTH-{}' AND reauthorized_at = '{NOW}' \
                            AND authorization_expires_at = '2030-02-07T00:00:00Z' AND lease_id IS NULL AND lease_expires_at IS NULL", booking.payment_id);
        assert_eq!(db.count("payments", &row).await, 1);
        let before = db.content().await;
        assert_eq!(release_payment(&service, &reauthorization, NOW).await, json!({ "outcome": "lease_lost" }));
        assert_eq!(call(&service, "record_reauthorization", reauthorization_success(&reauthorization, "AUTH-OTHER", NOW)).await, json!({ "outcome": "lease_lost" }));
        assert_eq!(db.content().await, before);
        assert_eq!(claim_reauthorization(&service, &booking.booking_id, NOW).await["requestId"], format!("{}:reauthorize:2", booking.payment_id));
    })
    .await;
}

#[tokio::test]
async fn abandoned_reauthorization_keeps_request_id() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let first = claim_reauthorization(&service, &booking.booking_id, NOW).await;
        let second =
            claim_reauthorization(&service, &booking.booking_id, "2030-01-10T12:02:00Z").await;
        assert_ne!(second["lease"], first["lease"]);
        assert_eq!(
            second,
            with(first.clone(), json!({ "lease": second["lease"] }))
        );
        let late = reauthorization_success(&first, "AUTH-NEW", "2030-01-10T12:02:01Z");
        assert_eq!(
            call(&service, "record_reauthorization", late).await,
            json!({ "outcome": "lease_lost" })
        );
        assert_eq!(
            release_payment(&service, &first, "2030-01-10T12:02:01Z").await,
            json!({ "outcome": "lease_lost" })
        );
        // The second call is lost as well. The run resumes it before it captures.
        let run = claim(&service, 1, "2030-01-19T10:00:00Z").await.remove(0);
        assert_eq!(
            (&run["reauthorizeRequestId"], &run["resumed"]),
            (&first["requestId"], &json!(false))
        );
    })
    .await;
}

#[tokio::test]
async fn unknown_reauthorization_keeps_amount_after_cancellation() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let first =
            claim_reauthorization(&service, &booking.booking_id, "2030-01-14T23:00:00Z").await;
        cancel(
            &service,
            by_customer(&booking.booking_id, "2030-01-15T00:00:00Z"),
        )
        .await;
        let resumed = claim(&service, 1, "2030-01-15T00:00:00Z").await.remove(0);
        assert_eq!(
            (
                &resumed["reauthorizeRequestId"],
                &resumed["authorizedAmount"],
                &resumed["amount"]
            ),
            (&first["requestId"], &first["amount"], &json!("118.80"))
        );
    })
    .await;
}

#[tokio::test]
async fn only_refused_reauthorization_gets_new_id() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        for (kind, number) in [
            ("unknown", 1),
            ("retryable", 1),
            ("ended", 1),
            ("declined", 2),
            ("unknown", 3),
        ] {
            let reauthorization = claim_reauthorization(&service, &booking.booking_id, NOW).await;
            assert_eq!(
                reauthorization["requestId"],
                format!("{}:reauthorize:{number}", booking.payment_id)
            );
            call(
                &service,
                "record_reauthorization_failure",
                reauthorization_failure(&reauthorization, kind, NOW),
            )
            .await;
            assert_eq!(
                release_payment(&service, &reauthorization, NOW).await,
                json!({ "outcome": "released" })
            );
        }
        assert_eq!(
            db.count(
                "payments",
                "status = 'authorized' AND original_authorization_id IS NULL"
            )
            .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn reauthorization_ends_old_capture() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let old = claim_capture(&service, &booking.booking_id, NOW).await["claim"].clone();
        call(
            &service,
            "record_capture_failure",
            capture_failure(&old, "retryable", NOW, NOW),
        )
        .await;
        let reauthorization = claim_reauthorization(&service, &booking.booking_id, NOW).await;
        call(
            &service,
            "record_reauthorization",
            reauthorization_success(&reauthorization, "AUTH-NEW", NOW),
        )
        .await;
        release_payment(&service, &reauthorization, NOW).await;
        let new = claim_capture(&service, &booking.booking_id, NOW).await["claim"].clone();
        assert_eq!(
            (&new["requestId"], &new["authorizationId"]),
            (
                &json!(format!("{}:capture:2", booking.payment_id)),
                &json!("AUTH-NEW")
            )
        );
        // A capture with an unknown outcome is settled first, however long that takes.
        call(
            &service,
            "record_capture_failure",
            capture_failure(&new, "unknown", NOW, NOW),
        )
        .await;
        assert_eq!(
            claim_reauthorization(&service, &booking.booking_id, "2030-01-19T00:00:00Z").await,
            json!({ "outcome": "payment_in_progress" })
        );
    })
    .await;
}

#[tokio::test]
async fn only_authorized_booking_is_reauthorized() {
    with_database(|db| async move {
        let (service, partly_kept) = upcoming_booking(&db).await;
        assert_eq!(
            claim_reauthorization(&service, UNKNOWN_ID, NOW).await,
            json!({ "outcome": "booking_not_found" })
        );
        let unpaid = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let captured = book_and_pay(&service, "plain", "2030-02-01", "2030-02-05", NOW).await;
        capture_payment(&service, &captured, NOW).await;
        let voided = book_and_pay(&service, "plain", "2030-02-10", "2030-02-14", NOW).await;
        cancel(&service, by_operator(&voided.booking_id, NOW)).await;
        cancel(
            &service,
            by_customer(&partly_kept.booking_id, HALF_REFUND_AT),
        )
        .await;
        let before = db.content().await;
        for (id, outcome) in [
            (unpaid["bookingId"].as_str().unwrap(), "not_authorized"),
            (&captured.booking_id, "already_captured"),
            (&voided.booking_id, "not_authorized"),
            (&partly_kept.booking_id, "not_authorized"),
        ] {
            assert_eq!(
                claim_reauthorization(&service, id, HALF_REFUND_AT).await["outcome"],
                outcome
            );
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn void_ends_unknown_reauthorization() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let reauthorization = claim_reauthorization(&service, &booking.booking_id, NOW).await;
        assert_eq!(release_payment(&service, &reauthorization, NOW).await, json!({ "outcome": "released" }));
        cancel(&service, by_operator(&booking.booking_id, "2030-01-10T13:00:00Z")).await;
        let authorization = json!(format!("AUTH-{}", booking.payment_id));
        void_authorization(&service, &booking.payment_id, &authorization, "2030-01-10T13:00:00Z").await;
        assert_eq!(db.count("payment_operations", "status = 'open'").await, 0);
        let operation = "operation = 'reauthorize' AND status = 'failed' AND NOT in_doubt AND error_code = 'voided'";
        assert_eq!(db.count("payment_operations", operation).await, 1);
    })
    .await;
}
