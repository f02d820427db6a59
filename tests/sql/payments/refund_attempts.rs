//! Making ordered refunds: `begin_refund`, `record_refund`, `record_refund_failure`,
//! `refunds_due`.

use crate::support::{
    database::{call, try_call, with_database},
    fixtures::{NOW, OrderedBooking, UNKNOWN_ID, with},
    operator::operator_request,
    refund::{
        begin_refund, captured_booking, keyed_refund, order_refund, payment_status, refund_success,
    },
};
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

fn failure(refund_id: &Value, request_id: &Value, kind: &str, now: &str) -> Value {
    json!({ "p_refund_id": refund_id, "p_request_id": request_id, "p_error_code": "SOME_CODE", "p_kind": kind,
            "p_retry_at": "2030-01-10T13:00:00Z", "p_now": now })
}

async fn due(client: &Client, now: &str) -> Value {
    call(client, "refunds_due", json!({ "p_now": now })).await
}

#[tokio::test]
async fn expired_refund_claim_keeps_request_id() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let id = order_refund(&service, keyed_refund(&booking.booking_id, "10.00", "a")).await;
        let first = begin_refund(&service, &id, NOW).await;
        for now in [NOW, "2030-01-10T12:00:59Z"] {
            assert_eq!(
                begin_refund(&service, &id, now).await["outcome"],
                "payment_in_progress"
            );
            assert_eq!(due(&service, now).await, json!([]));
        }
        assert_eq!(due(&service, "2030-01-10T12:01:00Z").await, json!([id]));
        let second = begin_refund(&service, &id, "2030-01-10T12:01:00Z").await;
        assert_eq!(second, with(first.clone(), json!({ "attempt": 2 })));
        // The first caller was only slow. Its success is recorded, the second one is a replay.
        let result = call(
            &service,
            "record_refund",
            refund_success(&id, &first["requestId"], "2030-01-10T12:01:01Z"),
        )
        .await;
        assert_eq!(result["outcome"], "recorded");
        let late = call(
            &service,
            "record_refund",
            refund_success(&id, &second["requestId"], "2030-01-10T12:01:02Z"),
        )
        .await;
        assert_eq!(late["outcome"], "replayed");
        let content = db.content().await;
        for kind in ["ended", "declined", "retryable", "unknown"] {
            let late = failure(&id, &second["requestId"], kind, "2030-01-10T12:01:03Z");
            assert_eq!(
                call(&service, "record_refund_failure", late).await["outcome"],
                "lease_lost"
            );
        }
        assert_eq!(db.content().await, content);
        assert_eq!(payment_status(&db).await, "partially_refunded 10.00");
    })
    .await;
}

#[tokio::test]
async fn unfinished_refund_waits_and_keeps_id() {
    for (kind, in_doubt, attempt) in [("retryable", "NOT in_doubt", 1), ("unknown", "in_doubt", 2)]
    {
        with_database(move |db| async move {
            let (service, booking) = captured_booking(&db).await;
            let id = order_refund(&service, keyed_refund(&booking.booking_id, "10.00", "a")).await;
            let first = begin_refund(&service, &id, NOW).await;
            let failure_record = failure(&id, &first["requestId"], kind, "2030-01-10T12:00:10Z");
            assert_eq!(call(&service, "record_refund_failure", failure_record).await["outcome"], "recorded");
            let waiting = format!("operation = 'refund' AND status = 'open' AND error_code = 'SOME_CODE' AND {in_doubt}");
            assert_eq!(db.count("payment_operations", &waiting).await, 1, "{kind}");
            assert_eq!(due(&service, "2030-01-10T12:59:59Z").await, json!([]));
            assert_eq!(due(&service, "2030-01-10T13:00:00Z").await, json!([id]));
            // A call for this refund alone does not wait for the retry time.
            let second = begin_refund(&service, &id, "2030-01-10T12:00:11Z").await;
            assert_eq!(second, with(first, json!({ "attempt": attempt })));
            let result = call(&service, "record_refund", refund_success(&id, &second["requestId"], NOW)).await;
            assert_eq!((&result["status"], &result["failureCode"]), (&json!("refunded"), &Value::Null));
        })
        .await;
    }
}

/// Orders a refund of 237.60 that PayPal refuses. Returns its id and the refusal's arguments.
async fn refused_refund(client: &Client, booking: &OrderedBooking) -> (Value, Value) {
    let id = order_refund(client, operator_request(&booking.booking_id, NOW)).await;
    let attempt = begin_refund(client, &id, NOW).await;
    let refusal = failure(&id, &attempt["requestId"], "ended", NOW);
    let result = call(client, "record_refund_failure", refusal.clone()).await;
    assert_eq!(
        (&result["outcome"], &result["status"]),
        (&json!("recorded"), &json!("refused"))
    );
    (id, refusal)
}

#[tokio::test]
async fn refused_refund_is_not_retried() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let (id, refusal) = refused_refund(&service, &booking).await;
        assert_eq!(
            call(&service, "record_refund_failure", refusal).await["outcome"],
            "lease_lost"
        );
        assert_eq!(due(&service, "2030-02-01T00:00:00Z").await, json!([]));
        let result = begin_refund(&service, &id, NOW).await;
        assert_eq!(
            (
                &result["outcome"],
                &result["status"],
                &result["failureCode"]
            ),
            (
                &json!("nothing_to_do"),
                &json!("refused"),
                &json!("SOME_CODE")
            )
        );
        assert_eq!(payment_status(&db).await, "captured 0.00");
    })
    .await;
}

#[tokio::test]
async fn refused_amount_is_refundable_under_new_id() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        refused_refund(&service, &booking).await;
        let again = keyed_refund(&booking.booking_id, "237.60", "again");
        let again = order_refund(&service, again).await;
        let second = begin_refund(&service, &again, NOW).await;
        assert_eq!(
            second["requestId"],
            format!("{}:refund:2", booking.payment_id)
        );
    })
    .await;
}

#[tokio::test]
async fn unknown_refund_or_attempt_is_refused() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let (id, refusal) = refused_refund(&service, &booking).await;
        let unknown_kind = with(refusal, json!({ "p_kind": "perhaps" }));
        let error = try_call(&service, "record_refund_failure", unknown_kind).await;
        assert_eq!(
            error.unwrap_err().code(),
            Some(&SqlState::INVALID_PARAMETER_VALUE)
        );
        let unknown = json!(format!("{}:refund:3", booking.payment_id));
        for (function, arguments) in [
            ("record_refund", refund_success(&id, &unknown, NOW)),
            (
                "record_refund_failure",
                failure(&id, &unknown, "ended", NOW),
            ),
        ] {
            let error = try_call(&service, function, arguments).await;
            assert_eq!(
                error.unwrap_err().code(),
                Some(&SqlState::NO_DATA_FOUND),
                "{function}"
            );
        }
        let result = begin_refund(&service, &json!(UNKNOWN_ID), NOW).await;
        assert_eq!(result["outcome"], "nothing_to_do");
    })
    .await;
}

#[tokio::test]
async fn due_refunds_follow_order_time() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let mut ids = Vec::new();
        for (key, now) in [
            ("c", "2030-01-10T12:03:00Z"),
            ("a", "2030-01-10T12:01:00Z"),
            ("b", "2030-01-10T12:02:00Z"),
        ] {
            ids.push(
                order_refund(
                    &service,
                    with(
                        keyed_refund(&booking.booking_id, "1.00", key),
                        json!({ "p_now": now }),
                    ),
                )
                .await,
            );
        }
        let [third, first, second] = <[Value; 3]>::try_from(ids).unwrap();
        assert_eq!(due(&service, "2030-01-10T12:00:59Z").await, json!([]));
        assert_eq!(
            due(&service, "2030-01-10T12:02:00Z").await,
            json!([first, second])
        );
        assert_eq!(
            due(&service, "2030-01-10T12:03:00Z").await,
            json!([first, second, third])
        );
        let two = call(
            &service,
            "refunds_due",
            json!({ "p_limit": 2, "p_now": "2030-01-10T12:03:00Z" }),
        )
        .await;
        assert_eq!(two, json!([first, second]));
    })
    .await;
}
