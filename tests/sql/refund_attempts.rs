//! Making what is ordered back: `begin_refund`, `record_refund`, `record_refund_failure`, `refunds_due`.

use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::canceled_payments::operators;
use crate::database::{call, try_call, with_database};
use crate::fixtures::{NOW, with};
use crate::refunds::{begin, captured, made, ordered, part, standing};

fn failure(refund_id: &Value, request_id: &Value, kind: &str, now: &str) -> Value {
    json!({ "p_refund_id": refund_id, "p_request_id": request_id, "p_error_code": "SOME_CODE", "p_kind": kind,
            "p_retry_at": "2030-01-10T13:00:00Z", "p_now": now })
}

async fn due(client: &Client, now: &str) -> Value {
    call(client, "refunds_due", json!({ "p_now": now })).await
}

#[tokio::test]
async fn a_caller_has_a_minute_and_the_next_repeats_under_the_same_id() {
    with_database(|db| async move {
        let (service, booked) = captured(&db).await;
        let id = ordered(&service, part(&booked.booking_id, "10.00", "a")).await;
        let first = begin(&service, &id, NOW).await;
        for now in [NOW, "2030-01-10T12:00:59Z"] {
            assert_eq!(
                begin(&service, &id, now).await["outcome"],
                "payment_in_progress"
            );
            assert_eq!(due(&service, now).await, json!([]));
        }
        assert_eq!(due(&service, "2030-01-10T12:01:00Z").await, json!([id]));
        let second = begin(&service, &id, "2030-01-10T12:01:00Z").await;
        assert_eq!(second, with(first.clone(), json!({ "attempt": 2 })));
        // The first was only slow: what it says counts, and the second comes too late.
        let recorded = call(
            &service,
            "record_refund",
            made(&id, &first["requestId"], "2030-01-10T12:01:01Z"),
        )
        .await;
        assert_eq!(recorded["outcome"], "recorded");
        let late = call(
            &service,
            "record_refund",
            made(&id, &second["requestId"], "2030-01-10T12:01:02Z"),
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
        assert_eq!(standing(&db).await, "partially_refunded 10.00");
    })
    .await;
}

#[tokio::test]
async fn what_may_have_been_made_waits_and_keeps_its_id() {
    for (kind, in_doubt) in [("retryable", "NOT in_doubt"), ("unknown", "in_doubt")] {
        with_database(move |db| async move {
            let (service, booked) = captured(&db).await;
            let id = ordered(&service, part(&booked.booking_id, "10.00", "a")).await;
            let first = begin(&service, &id, NOW).await;
            let failed = failure(&id, &first["requestId"], kind, "2030-01-10T12:00:10Z");
            assert_eq!(call(&service, "record_refund_failure", failed).await, json!({ "outcome": "recorded" }));
            let waiting = format!("operation = 'refund' AND status = 'open' AND error_code = 'SOME_CODE' AND {in_doubt}");
            assert_eq!(db.count("payment_operations", &waiting).await, 1, "{kind}");
            assert_eq!(due(&service, "2030-01-10T12:59:59Z").await, json!([]));
            assert_eq!(due(&service, "2030-01-10T13:00:00Z").await, json!([id]));
            // Whoever asks for it by name need not wait.
            let second = begin(&service, &id, "2030-01-10T12:00:11Z").await;
            assert_eq!(second, with(first, json!({ "attempt": 2, "failureCode": "SOME_CODE" })));
            let recorded = call(&service, "record_refund", made(&id, &second["requestId"], NOW)).await;
            assert_eq!((&recorded["status"], &recorded["failureCode"]), (&json!("refunded"), &Value::Null));
        })
        .await;
    }
}

#[tokio::test]
async fn a_refused_refund_is_an_operators_matter() {
    with_database(|db| async move {
        let (service, booked) = captured(&db).await;
        let id = ordered(&service, operators(&booked.booking_id, NOW)).await;
        let begun = begin(&service, &id, NOW).await;
        let refused = failure(&id, &begun["requestId"], "final", NOW);
        assert_eq!(
            call(&service, "record_refund_failure", refused.clone()).await,
            json!({ "outcome": "recorded" })
        );
        assert_eq!(
            call(&service, "record_refund_failure", refused.clone()).await,
            json!({ "outcome": "lease_lost" })
        );
        assert_eq!(due(&service, "2030-02-01T00:00:00Z").await, json!([]));
        let ended = begin(&service, &id, NOW).await;
        assert_eq!(
            (&ended["outcome"], &ended["status"], &ended["failureCode"]),
            (
                &json!("nothing_to_do"),
                &json!("refused"),
                &json!("SOME_CODE")
            )
        );
        assert_eq!(standing(&db).await, "captured 0.00");
        // Its money is there to be ordered back again, in another call under another id.
        let again = ordered(&service, part(&booked.booking_id, "237.60", "again")).await;
        let second = begin(&service, &again, NOW).await;
        assert_eq!(
            second["requestId"],
            format!("{}:refund:2", booked.payment_id)
        );

        let nonsense = try_call(
            &service,
            "record_refund_failure",
            with(refused, json!({ "p_kind": "perhaps" })),
        )
        .await;
        assert_eq!(
            nonsense.unwrap_err().code(),
            Some(&SqlState::INVALID_PARAMETER_VALUE)
        );
        for function in ["record_refund", "record_refund_failure"] {
            let unknown = json!(format!("{}:refund:3", booked.payment_id));
            let arguments = if function == "record_refund" {
                made(&again, &unknown, NOW)
            } else {
                failure(&again, &unknown, "final", NOW)
            };
            let refused = try_call(&service, function, arguments).await;
            assert_eq!(
                refused.unwrap_err().code(),
                Some(&SqlState::NO_DATA_FOUND),
                "{function}"
            );
        }
        let unknown = begin(
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
async fn what_is_due_comes_in_the_order_in_which_it_was_ordered() {
    with_database(|db| async move {
        let (service, booked) = captured(&db).await;
        let mut ids = Vec::new();
        for (key, now) in [
            ("c", "2030-01-10T12:03:00Z"),
            ("a", "2030-01-10T12:01:00Z"),
            ("b", "2030-01-10T12:02:00Z"),
        ] {
            ids.push(
                ordered(
                    &service,
                    with(
                        part(&booked.booking_id, "1.00", key),
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
