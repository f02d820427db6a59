//! Captures that operators claim before their schedule: `claim_payment_capture`.

use crate::support::{
    cancellation::{by_customer, cancel, void_authorization},
    capture::{capture_failure, capture_of, claim},
    concurrency::{call_concurrently, call_overlapping, outcome_counts},
    database::{Database, call, with_database},
    fixtures::{Car, NOW, UNKNOWN_ID, begin_authorization, hold, order, upcoming_booking, with},
    operator::{claim_capture, claim_reauthorization, operator_request},
};
use serde_json::{Value, json};

/// The time of the scheduled capture of [`upcoming_booking`].
const CAPTURE_AT: &str = "2030-01-19T10:00:00Z";

fn not_capturable() -> Value {
    json!({ "outcome": "not_capturable" })
}

fn payment_in_progress() -> Value {
    json!({ "outcome": "payment_in_progress" })
}

#[tokio::test]
async fn operator_claims_early_capture_once() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let result = claim_capture(&service, &booking.booking_id, "2030-01-10T13:00:00Z").await;
        let first = result["claim"].clone();
        assert_eq!(result, json!({ "outcome": "claimed", "claim": {
            "paymentId": booking.payment_id, "bookingId": booking.booking_id, "reference": first["reference"], "lease": first["lease"],
            "authorizationId": format!("AUTH-{}", booking.payment_id), "originalAuthorizationId": format!("AUTH-{}", booking.payment_id), "authorizedAt": NOW, "authorizationExpiresAt": "2030-02-08T12:00:00Z",
            "orderId": booking.order_id, "amount": "237.60", "authorizedAmount": "237.60", "currency": "USD", "attempt": 1,
            "requestId": format!("{}:capture:1", booking.payment_id), "resumed": false, "lookOnly": false, "reauthorizeRequestId": null,
        } }));
        let entry = format!("action = 'capture.ordered' AND actor = 'operator:1' AND request_id = 'req-2' AND subject_id = '{}' AND detail = '{{\"bookingId\": \"{}\"}}' \
                               AND occurred_at = '2030-01-10T13:00:00Z'", booking.payment_id, booking.booking_id);
        assert_eq!(db.count("audit_log", &entry).await, 1);
        let before = db.content().await;
        for now in ["2030-01-10T13:00:00Z", "2030-01-10T13:01:59Z"] {
            assert_eq!(claim_capture(&service, &booking.booking_id, now).await, payment_in_progress());
        }
        assert_eq!(db.content().await, before);
        // The first call has no known outcome, so the next one resumes it under the same id.
        let next = claim_capture(&service, &booking.booking_id, "2030-01-10T13:02:00Z").await;
        let second = with(first, json!({ "lease": next["claim"]["lease"], "attempt": 2, "resumed": true }));
        assert_eq!(next["claim"], second);
        let capture = capture_of(&second, "2030-01-10T13:02:01Z");
        assert_eq!(call(&service, "record_capture", capture).await, json!({ "outcome": "captured" }));
        let already = json!({ "outcome": "already_captured", "captureId": format!("CAPTURE-{}", booking.payment_id) });
        assert_eq!(claim_capture(&service, &booking.booking_id, "2030-01-10T13:03:00Z").await, already);
        let refund = json!({ "p_payment_id": booking.payment_id, "p_paypal_refund_id": "R", "p_capture_id": format!("CAPTURE-{}", booking.payment_id),
                             "p_amount": "237.60", "p_status": "refunded", "p_now": NOW });
        call(&service, "record_observed_refund", refund).await;
        assert_eq!(claim_capture(&service, &booking.booking_id, "2030-01-10T13:03:00Z").await, json!({ "outcome": "already_refunded" }));
        assert_eq!(db.count("audit_log", "action = 'capture.ordered'").await, 2);
    })
    .await;
}

async fn assert_no_capture_ordered(db: &Database) {
    assert_eq!(db.count("audit_log", "action = 'capture.ordered'").await, 0);
    assert_eq!(
        db.count("payment_operations", "operation = 'capture'")
            .await,
        0
    );
}

#[tokio::test]
async fn unpaid_booking_is_not_capturable() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        assert_eq!(
            claim_capture(&service, UNKNOWN_ID, NOW).await,
            json!({ "outcome": "booking_not_found" })
        );
        let booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let id = booking["bookingId"].as_str().unwrap();
        assert_eq!(claim_capture(&service, id, NOW).await, not_capturable());
        let payment = order(&service, &booking, NOW).await;
        assert_eq!(claim_capture(&service, id, NOW).await, not_capturable());
        begin_authorization(&service, &payment.order_id, NOW).await;
        assert_eq!(
            claim_capture(&service, id, "2030-01-10T12:00:59Z").await,
            payment_in_progress()
        );
        assert_eq!(
            claim_capture(&service, id, "2030-01-10T12:01:00Z").await,
            not_capturable()
        );
        assert_no_capture_ordered(&db).await;
    })
    .await;
}

#[tokio::test]
async fn booking_canceled_by_hand_is_not_capturable() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        // SQL alone records no void and no partial capture.
        let cancellation = format!(
            "UPDATE public.bookings SET status = 'cancelled', cancelled_at = now() WHERE id = '{}'",
            booking.booking_id
        );
        assert_eq!(service.execute(&cancellation, &[]).await.unwrap(), 1);
        assert_eq!(
            claim_capture(&service, &booking.booking_id, NOW).await,
            not_capturable()
        );
        assert_no_capture_ordered(&db).await;
    })
    .await;
}

#[tokio::test]
async fn void_leaves_nothing_to_capture() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let result = cancel(&service, by_customer(&booking.booking_id, NOW)).await;
        assert_eq!(
            claim_capture(&service, &booking.booking_id, NOW).await,
            not_capturable(),
            "the void is ordered, but not made"
        );
        void_authorization(
            &service,
            &booking.payment_id,
            &result["authorizationId"],
            NOW,
        )
        .await;
        assert_eq!(
            claim_capture(&service, &booking.booking_id, NOW).await,
            not_capturable()
        );
        assert_no_capture_ordered(&db).await;
    })
    .await;
}

#[tokio::test]
async fn operator_capture_ignores_retry_delay() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let first = claim(&service, 1, "2030-01-19T10:00:00Z").await.remove(0);
        call(
            &service,
            "record_capture_failure",
            capture_failure(
                &first,
                "retryable",
                "2030-01-20T10:00:00Z",
                "2030-01-19T10:00:01Z",
            ),
        )
        .await;
        assert_eq!(
            claim(&service, 1, "2030-01-19T10:00:02Z").await,
            Vec::<Value>::new()
        );
        let result = claim_capture(&service, &booking.booking_id, "2030-01-19T10:00:02Z").await;
        assert_eq!(
            result["claim"]["reauthorizeRequestId"],
            first["reauthorizeRequestId"]
        );
        assert_eq!(
            result["claim"]["attempt"], 1,
            "nothing happened, so the first does not count"
        );
        let failure = capture_failure(
            &result["claim"],
            "declined",
            "2030-01-20T10:00:00Z",
            "2030-01-19T10:00:03Z",
        );
        call(&service, "record_capture_failure", failure).await;
        assert_eq!(db.count("payments", "status = 'failed'").await, 1);
        let again = claim_capture(&service, &booking.booking_id, "2030-01-19T10:00:04Z").await;
        assert_eq!(again["claim"]["attempt"], 2, "{again}");
        assert_ne!(again["claim"]["requestId"], result["claim"]["requestId"]);
    })
    .await;
}

#[tokio::test]
async fn claim_of_run_excludes_operator() {
    with_database(|db| async move {
        let (_, booking) = upcoming_booking(&db).await;
        let run = (
            "process_scheduled_payment_captures",
            json!({ "p_now": CAPTURE_AT }),
        );
        let operator = (
            "claim_payment_capture",
            operator_request(&booking.booking_id, CAPTURE_AT),
        );
        let (claims, result) = call_overlapping(&db, run, operator).await;
        assert_eq!(claims.as_array().unwrap().len(), 1);
        assert_eq!(result, payment_in_progress());
    })
    .await;
}

#[tokio::test]
async fn run_skips_uncommitted_claim_of_operator() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        service.batch_execute("BEGIN").await.unwrap();
        let result = claim_capture(&service, &booking.booking_id, CAPTURE_AT).await;
        assert_eq!(result["outcome"], "claimed");
        let run = db.service().await;
        assert_eq!(claim(&run, 25, CAPTURE_AT).await, Vec::<Value>::new());
        service.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(claim(&run, 25, CAPTURE_AT).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn concurrent_operators_claim_once() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        // A failed capture leaves the payment to the operators.
        let failed = claim(&service, 25, CAPTURE_AT).await.remove(0);
        let failure = capture_failure(&failed, "retryable", CAPTURE_AT, CAPTURE_AT);
        call(&service, "record_capture_failure", failure).await;
        let calls = (0..10)
            .map(|_| operator_request(&booking.booking_id, CAPTURE_AT))
            .collect();
        let outcomes = call_concurrently(&db, "claim_payment_capture", calls).await;
        assert_eq!(
            outcomes,
            outcome_counts([("claimed", 1), ("payment_in_progress", 9)])
        );
    })
    .await;
}

#[tokio::test]
async fn claimed_capture_excludes_reauthorization() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let result = claim_capture(&service, &booking.booking_id, CAPTURE_AT).await;
        assert_eq!(result["outcome"], "claimed");
        let result = claim_reauthorization(&service, &booking.booking_id, CAPTURE_AT).await;
        assert_eq!(result, payment_in_progress());
    })
    .await;
}
