//! Making ordered refunds: `begin_refund`, `record_refund`, `record_refund_failure`,
//! `refunds_due`.

use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::canceled_payments::operator_request;
use crate::database::{call, try_call, with_database};
use crate::fixtures::{NOW, with};
use crate::refunds::{
    begin_refund, captured_booking, keyed_refund, order_refund, payment_status, refund_success,
};

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
        for kind in ["final", "retryable", "unknown"] {
            let late = failure(&id, &second["requestId"], kind, "2030-01-10T12:01:03Z");
            assert_eq!(
                call(&service, "record_refund_failure", late).await,
                json!({ "outcome": "lease_lost" })
            );
        }
        assert_eq!(db.content().await, content);
        assert_eq!(payment_status(&db).await, "partially_refunded 10.00");
    })
    .await;
}

#[tokio::test]
async fn unfinished_refund_waits_and_keeps_id() {
    for (kind, in_doubt) in [("retryable", "NOT in_doubt"), ("unknown", "in_doubt")] {
        with_database(move |db| async move {
            let (service, booking) = captured_booking(&db).await;
            let id = order_refund(&service, keyed_refund(&booking.booking_id, "10.00", "a")).await;
            let first = begin_refund(&service, &id, NOW).await;
            let failure_record = failure(&id, &first["requestId"], kind, "2030-01-10T12:00:10Z");
            assert_eq!(call(&service, "record_refund_failure", failure_record).await, json!({ "outcome": "recorded" }));
            let waiting = format!("operation = 'refund' AND status = 'open' AND error_code = 'SOME_CODE' AND {in_doubt}");
            assert_eq!(db.count("payment_operations", &waiting).await, 1, "{kind}");
            assert_eq!(due(&service, "2030-01-10T12:59:59Z").await, json!([]));
            assert_eq!(due(&service, "2030-01-10T13:00:00Z").await, json!([id]));
            // A call for this refund alone does not wait for the retry time.
            let second = begin_refund(&service, &id, "2030-01-10T12:00:11Z").await;
            assert_eq!(second, with(first, json!({ "attempt": 2, "failureCode": "SOME_CODE" })));
            let result = call(&service, "record_refund", refund_success(&id, &second["requestId"], NOW)).await;
            assert_eq!((&result["status"], &result["failureCode"]), (&json!("refunded"), &Value::Null));
        })
        .await;
    }
}

#[tokio::test]
async fn refused_refund_is_not_retried() {
    with_database(|db| async move {
        let (service, booking) = captured_booking(&db).await;
        let id = order_refund(&service, operator_request(&booking.booking_id, NOW)).await;
        let attempt = begin_refund(&service, &id, NOW).await;
        let refusal = failure(&id, &attempt["requestId"], "final", NOW);
        assert_eq!(
            call(&service, "record_refund_failure", refusal.clone()).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(
            call(&service, "record_refund_failure", refusal.clone()).await,
            json!({ "outcome": "lease_lost" })
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
        // The amount can be ordered again, as a new refund under a new id.
        let again = order_refund(
            &service,
            keyed_refund(&booking.booking_id, "237.60", "again"),
        )
        .await;
        let second = begin_refund(&service, &again, NOW).await;
        assert_eq!(
            second["requestId"],
            format!("{}:refund:2", booking.payment_id)
        );

        let unknown_kind = try_call(
            &service,
            "record_refund_failure",
            with(refusal, json!({ "p_kind": "perhaps" })),
        )
        .await;
        assert_eq!(
            unknown_kind.unwrap_err().code(),
            Some(&SqlState::INVALID_PARAMETER_VALUE)
        );
        for function in ["record_refund", "record_refund_failure"] {
            let unknown = json!(format!("{}:refund:3", booking.payment_id));
            let arguments = if function == "record_refund" {
                refund_success(&again, &unknown, NOW)
            } else {
                failure(&again, &unknown, "final", NOW)
            };
            let error = try_call(&service, function, arguments).await;
            assert_eq!(
                error.unwrap_err().code(),
                Some(&SqlState::NO_DATA_FOUND),
                "{function}"
            );
        }
        let unknown = begin_refund(
            &service,
            &json!("00000000-0000-4000-8000-000000000000"),
            NOW,
        )
        .await;
        assert_eq!(unknown["outcome"], "nothing_to_do");
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
