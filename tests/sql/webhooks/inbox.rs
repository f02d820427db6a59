//! The inbox of webhooks: an event is stored once and applied by one worker.

use crate::support::{
    concurrency::{call_concurrently, call_overlapping, outcome_counts},
    database::{call, with_database},
    fixtures::{NOW, with},
    webhook::{
        claim_events, event, event_status, lease_lost, record_applied, record_failure,
        replay_event, store_event,
    },
};
use serde_json::{Value, json};

#[tokio::test]
async fn event_is_stored_once_with_one_claim() {
    with_database(|db| async move {
        let service = db.service().await;
        let work = store_event(&service, "WH-1", "stored", NOW).await;
        assert_eq!(work, json!({ "eventId": "WH-1", "body": "{\"id\":\"WH-1\"}", "lease": work["lease"], "attempt": 1 }));
        let row = "event_type = 'PAYMENT.CAPTURE.COMPLETED' AND resource_id = 'CAPTURE-1' AND request_id = 'req-1' AND received_at = '2030-01-10T12:00:00Z' \
                      AND provider = 'paypal' AND processed_at IS NULL";
        assert_eq!(db.count("webhook_events", row).await, 1);
        let before = db.content().await;
        for now in [NOW, "2030-01-10T12:01:59Z"] {
            assert_eq!(store_event(&service, "WH-1", "known", now).await, Value::Null);
            assert_eq!(claim_events(&service, now).await, Vec::<Value>::new());
        }
        assert_eq!(db.content().await, before);
        // The first worker never finished, and PayPal delivers the event again.
        let again = store_event(&service, "WH-1", "known", "2030-01-10T12:02:00Z").await;
        assert_eq!(again, with(work.clone(), json!({ "lease": again["lease"], "attempt": 2 })));
        assert_ne!(again["lease"], work["lease"]);
        let third = claim_events(&service, "2030-01-10T12:04:00Z").await.remove(0);
        assert_eq!(third, with(work, json!({ "lease": third["lease"], "attempt": 3 })));
    })
    .await;
}

#[tokio::test]
async fn stored_body_keeps_its_bytes() {
    with_database(|db| async move {
        let service = db.service().await;
        for (number, body) in [
            "{\"summary\":\"Größe 東京 🏎\", \"n\" : 1.0 }\r\n",
            "{\"a\":\"\\u0000\\ud83c\\udfce\\\\ \\\"quoted\\\" 'single' $1 %s\"}",
            " \t{}\n\n",
            "e\u{301} is not \u{e9}, \u{feff} is kept, \u{1f} too",
            "",
        ]
        .into_iter()
        .enumerate()
        {
            let id = format!("WH-{number}");
            let result = call(
                &service,
                "store_webhook_event",
                with(event(&id, NOW), json!({ "p_body": body })),
            )
            .await;
            assert_eq!(result["work"]["body"], body);
            let bytes: Vec<u8> = db
                .admin
                .query_one(
                    "SELECT raw_body FROM webhook_events WHERE event_id = $1",
                    &[&id],
                )
                .await
                .unwrap()
                .get(0);
            assert_eq!(bytes, body.as_bytes());
            assert_eq!(
                claim_events(&service, "2030-01-10T12:02:00Z").await[0]["body"],
                body
            );
            // The first verified body stays, even if the same id arrives with another.
            let other = with(
                event(&id, "2030-01-10T12:04:00Z"),
                json!({ "p_body": "{}", "p_event_type": "OTHER" }),
            );
            assert_eq!(
                call(&service, "store_webhook_event", other).await["work"]["body"],
                body
            );
            db.run("DELETE FROM webhook_retries").await;
        }
    })
    .await;
}

#[tokio::test]
async fn concurrent_deliveries_get_one_claim() {
    with_database(|db| async move {
        let store = ("store_webhook_event", event("WH-1", NOW));
        let (first, second) = call_overlapping(&db, store.clone(), store).await;
        assert_eq!(
            (&first["outcome"], &first["work"]["attempt"]),
            (&json!("stored"), &json!(1))
        );
        assert_eq!(second, json!({ "outcome": "known", "work": null }));

        let calls = (0..10).map(|_| event("WH-2", NOW)).collect();
        assert_eq!(
            call_concurrently(&db, "store_webhook_event", calls).await,
            outcome_counts([("known", 9), ("stored", 1)])
        );
    })
    .await;
}

#[tokio::test]
async fn claim_of_run_excludes_delivery() {
    with_database(|db| async move {
        let service = db.service().await;
        for id in ["WH-1", "WH-2"] {
            store_event(&service, id, "stored", NOW).await;
        }
        let due_at = "2030-01-10T12:02:00Z";
        let run = ("claim_webhook_events", json!({ "p_now": due_at }));
        let delivery = ("store_webhook_event", event("WH-2", due_at));
        let (claims, result) = call_overlapping(&db, run, delivery).await;
        assert_eq!(claims.as_array().unwrap().len(), 2);
        assert_eq!(result, json!({ "outcome": "known", "work": null }));
        assert_eq!(event_status(&db, "WH-2").await, "received 2");
    })
    .await;
}

#[tokio::test]
async fn runs_claim_disjoint_events_oldest_first() {
    with_database(|db| async move {
        let (service, other) = (db.service().await, db.service().await);
        for (id, now) in [
            ("WH-C", "2030-01-10T11:00:00Z"),
            ("WH-B", NOW),
            ("WH-A", NOW),
        ] {
            let work = store_event(&service, id, "stored", now).await;
            record_failure(&service, &work, now).await;
        }
        let ids = |claimed: &[Value]| {
            claimed
                .iter()
                .map(|work| work["eventId"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ids(&claim_events(&service, "2030-01-10T11:00:59Z").await),
            Vec::<String>::new()
        );
        service.batch_execute("BEGIN").await.unwrap();
        let two = call(
            &service,
            "claim_webhook_events",
            json!({ "p_limit": 2, "p_now": "2030-01-10T12:01:00Z" }),
        )
        .await;
        assert_eq!(ids(two.as_array().unwrap()), ["WH-C", "WH-A"]);
        assert_eq!(
            ids(&claim_events(&other, "2030-01-10T12:01:00Z").await),
            ["WH-B"]
        );
        service.batch_execute("COMMIT").await.unwrap();
        assert_eq!(
            ids(&claim_events(&other, "2030-01-10T12:01:00Z").await),
            Vec::<String>::new()
        );
    })
    .await;
}

#[tokio::test]
async fn applied_event_is_never_applied_again() {
    with_database(|db| async move {
        let service = db.service().await;
        let work = store_event(&service, "WH-1", "stored", NOW).await;
        assert_eq!(record_applied(&service, &work, "2030-01-10T12:00:01Z").await, json!({ "outcome": "recorded" }));
        assert_eq!(db.count("webhook_events", "status = 'processed' AND processed_at = '2030-01-10T12:00:01Z' AND result = 'applied'").await, 1);
        let entry = "action = 'webhook.applied' AND subject_type = 'webhook' AND subject_id = 'WH-1' AND actor = 'system' AND detail = '{\"result\": \"applied\"}'";
        assert_eq!(db.count("audit_log", entry).await, 1);
        let before = db.content().await;
        for now in ["2030-01-10T12:00:02Z", "2030-02-10T12:00:00Z"] {
            assert_eq!(store_event(&service, "WH-1", "known", now).await, Value::Null);
            assert_eq!(claim_events(&service, now).await, Vec::<Value>::new());
            assert_eq!(record_applied(&service, &work, now).await, lease_lost());
            assert_eq!(record_failure(&service, &work, now).await, lease_lost());
            assert_eq!(replay_event(&service, "WH-1", now).await, json!({ "outcome": "already_processed" }));
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn slow_worker_loses_claim_only_to_next() {
    with_database(|db| async move {
        let service = db.service().await;
        let slow = store_event(&service, "WH-1", "stored", NOW).await;
        let next = claim_events(&service, "2030-01-10T12:02:00Z")
            .await
            .remove(0);
        let before = db.content().await;
        assert_eq!(
            record_applied(&service, &slow, "2030-01-10T12:02:01Z").await,
            lease_lost()
        );
        assert_eq!(
            record_failure(&service, &slow, "2030-01-10T12:02:01Z").await,
            lease_lost()
        );
        assert_eq!(db.content().await, before);
        // The result is late, but no other worker has the claim.
        assert_eq!(
            record_applied(&service, &next, "2030-01-10T12:30:00Z").await,
            json!({ "outcome": "recorded" })
        );
        let other_work = json!({ "eventId": "WH-2", "lease": next["lease"] });
        assert_eq!(
            record_applied(&service, &other_work, NOW).await,
            lease_lost()
        );
    })
    .await;
}
