//! Captures that operators claim before their schedule: `claim_payment_capture`.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::canceled_payments::{operator_request, upcoming_booking, void_authorization};
use crate::cancellations::{by_customer, cancel};
use crate::captures::capture_failure;
use crate::concurrency::{call_concurrently, call_overlapping, outcome_counts};
use crate::database::{call, with_database};
use crate::fixtures::{NOW, UNKNOWN_ID, begin_authorization, capture_of, claim, hold, order, with};

pub(crate) async fn claim_capture(client: &Client, booking_id: &str, now: &str) -> Value {
    call(
        client,
        "claim_payment_capture",
        operator_request(booking_id, now),
    )
    .await
}

pub(crate) async fn claim_reauthorization(client: &Client, booking_id: &str, now: &str) -> Value {
    call(
        client,
        "claim_reauthorization",
        operator_request(booking_id, now),
    )
    .await
}

#[tokio::test]
async fn operator_claims_early_capture_once() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let result = claim_capture(&service, &booking.booking_id, "2030-01-10T13:00:00Z").await;
        let first = result["claim"].clone();
        assert_eq!(result, json!({ "outcome": "claimed", "claim": {
            "paymentId": booking.payment_id, "bookingId": booking.booking_id, "reference": first["reference"], "lease": first["lease"],
            "authorizationId": format!("AUTH-{}", booking.payment_id), "authorizedAt": NOW, "authorizationExpiresAt": "2030-02-08T12:00:00Z",
            "orderId": booking.order_id, "amount": "237.60", "authorizedAmount": "237.60", "currency": "USD", "attempt": 1,
            "requestId": format!("{}:capture:1", booking.payment_id), "resumed": false, "reauthorizeRequestId": null,
        } }));
        let entry = format!("action = 'capture.ordered' AND actor = 'operator:1' AND request_id = 'req-2' AND subject_id = '{}' AND detail = '{{\"bookingId\": \"{}\"}}' \
                               AND occurred_at = '2030-01-10T13:00:00Z'", booking.payment_id, booking.booking_id);
        assert_eq!(db.count("audit_log", &entry).await, 1);
        let before = db.content().await;
        for now in ["2030-01-10T13:00:00Z", "2030-01-10T13:01:59Z"] {
            assert_eq!(claim_capture(&service, &booking.booking_id, now).await, json!({ "outcome": "payment_in_progress" }));
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
        call(&service, "record_observed_refunds", json!({ "p_payment_id": booking.payment_id, "p_total": "237.60", "p_now": NOW })).await;
        assert_eq!(claim_capture(&service, &booking.booking_id, "2030-01-10T13:03:00Z").await, already);
        assert_eq!(db.count("audit_log", "action = 'capture.ordered'").await, 2);
    })
    .await;
}

#[tokio::test]
async fn only_authorized_booking_is_capturable() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        assert_eq!(
            claim_capture(&service, UNKNOWN_ID, NOW).await,
            json!({ "outcome": "booking_not_found" })
        );
        let not_capturable = json!({ "outcome": "not_capturable" });
        let hold_booking = hold(&service, "plain", "2030-01-12", "2030-01-16", NOW).await;
        let id = hold_booking["bookingId"].as_str().unwrap();
        assert_eq!(claim_capture(&service, id, NOW).await, not_capturable);
        let payment = order(&service, &hold_booking, NOW).await;
        assert_eq!(claim_capture(&service, id, NOW).await, not_capturable);
        begin_authorization(&service, &payment.order_id, NOW).await;
        assert_eq!(
            claim_capture(&service, id, "2030-01-10T12:00:59Z").await,
            json!({ "outcome": "payment_in_progress" })
        );
        assert_eq!(
            claim_capture(&service, id, "2030-01-10T12:01:00Z").await,
            not_capturable
        );
        // Canceled by hand in SQL, so no void and no partial capture is recorded.
        service
            .batch_execute(
                "BEGIN; UPDATE public.bookings SET status = 'cancelled', cancelled_at = now()",
            )
            .await
            .unwrap();
        assert_eq!(
            claim_capture(&service, &booking.booking_id, NOW).await,
            not_capturable
        );
        service.batch_execute("ROLLBACK").await.unwrap();
        // A void leaves nothing to capture, even before it is made.
        let result = cancel(&service, by_customer(&booking.booking_id, NOW)).await;
        assert_eq!(
            claim_capture(&service, &booking.booking_id, NOW).await,
            not_capturable
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
            not_capturable
        );
        assert_eq!(db.count("audit_log", "action = 'capture.ordered'").await, 0);
        assert_eq!(
            db.count("payment_operations", "operation = 'capture'")
                .await,
            0
        );
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
        assert_eq!(result["claim"]["attempt"], 2);
        let failure = capture_failure(
            &result["claim"],
            "final",
            "2030-01-20T10:00:00Z",
            "2030-01-19T10:00:03Z",
        );
        call(&service, "record_capture_failure", failure).await;
        assert_eq!(
            claim_capture(&service, &booking.booking_id, "2030-01-19T10:00:04Z").await,
            json!({ "outcome": "not_capturable" })
        );
    })
    .await;
}

#[tokio::test]
async fn run_and_operators_claim_once() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let now = "2030-01-19T10:00:00Z";
        let operator_arguments = || operator_request(&booking.booking_id, now);
        let run = (
            "process_scheduled_payment_captures",
            json!({ "p_now": now }),
        );
        let (claims, result) =
            call_overlapping(&db, run, ("claim_payment_capture", operator_arguments())).await;
        assert_eq!(claims.as_array().unwrap().len(), 1);
        assert_eq!(result, json!({ "outcome": "payment_in_progress" }));
        call(
            &service,
            "record_capture_failure",
            capture_failure(&claims[0], "retryable", now, now),
        )
        .await;

        service.batch_execute("BEGIN").await.unwrap();
        assert_eq!(
            claim_capture(&service, &booking.booking_id, now).await["outcome"],
            "claimed"
        );
        assert_eq!(
            claim(&db.service().await, 25, now).await,
            Vec::<Value>::new()
        );
        service.batch_execute("ROLLBACK").await.unwrap();

        let results = call_concurrently(
            &db,
            "claim_payment_capture",
            (0..10).map(|_| operator_arguments()).collect(),
        )
        .await;
        assert_eq!(
            results,
            outcome_counts([("claimed", 1), ("payment_in_progress", 9)])
        );
        assert_eq!(
            claim_reauthorization(&service, &booking.booking_id, now).await,
            json!({ "outcome": "payment_in_progress" })
        );
    })
    .await;
}
