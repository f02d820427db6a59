//! The inbox of webhooks: an event is stored once, applied by one worker.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::concurrency::{counts, in_turn, outcomes};
use crate::database::{Database, call, with_database};
use crate::fixtures::{NOW, with};

/// The arguments by which an event is stored.
pub(crate) fn event(id: &str, now: &str) -> Value {
    json!({ "p_event_id": id, "p_event_type": "PAYMENT.CAPTURE.COMPLETED", "p_body": format!("{{\"id\":\"{id}\"}}"),
            "p_resource_id": "CAPTURE-1", "p_request_id": "req-1", "p_now": now })
}

/// Stores an event, and gives the work that comes of it.
pub(crate) async fn store(client: &Client, id: &str, outcome: &str, now: &str) -> Value {
    let answer = call(client, "store_webhook_event", event(id, now)).await;
    assert_eq!(answer["outcome"], outcome, "{now}");
    answer["work"].clone()
}

/// Claims what is due.
pub(crate) async fn claim(client: &Client, now: &str) -> Vec<Value> {
    let claimed = call(client, "claim_webhook_events", json!({ "p_now": now })).await;
    claimed.as_array().unwrap().clone()
}

/// Tells that an event is applied.
pub(crate) async fn applied(client: &Client, work: &Value, now: &str) -> Value {
    let arguments = json!({ "p_event_id": work["eventId"], "p_lease": work["lease"], "p_result": "applied", "p_now": now });
    call(client, "record_webhook_result", arguments).await
}

/// Tells that an event could not be applied.
pub(crate) async fn failed(client: &Client, work: &Value, now: &str) -> Value {
    let arguments = json!({ "p_event_id": work["eventId"], "p_lease": work["lease"], "p_error_code": "unknown_payment", "p_now": now });
    call(client, "record_webhook_failure", arguments).await
}

/// Has a dead letter applied again.
pub(crate) async fn replay(client: &Client, id: &str, now: &str) -> Value {
    let arguments =
        json!({ "p_event_id": id, "p_actor": "operator:1", "p_request_id": "req-2", "p_now": now });
    call(client, "replay_webhook_event", arguments).await
}

/// What those are told whose lease is over.
pub(crate) fn lease_lost() -> Value {
    json!({ "outcome": "lease_lost" })
}

/// Where an event stands: its status, what came of it, and the attempts that are still to be told of.
pub(crate) async fn standing(db: &Database, id: &str) -> String {
    let sql = format!(
        "SELECT concat_ws(' ', e.status, e.result, r.attempts) FROM webhook_events AS e LEFT JOIN webhook_retries AS r USING (event_id) WHERE event_id = '{id}'"
    );
    db.value(&sql).await.unwrap()
}

#[tokio::test]
async fn an_event_is_stored_once_and_applied_by_whoever_stored_it() {
    with_database(|db| async move {
        let service = db.service().await;
        let work = store(&service, "WH-1", "stored", NOW).await;
        assert_eq!(work, json!({ "eventId": "WH-1", "body": "{\"id\":\"WH-1\"}", "lease": work["lease"], "attempt": 1 }));
        let stored = "event_type = 'PAYMENT.CAPTURE.COMPLETED' AND resource_id = 'CAPTURE-1' AND request_id = 'req-1' AND received_at = '2030-01-10T12:00:00Z' \
                      AND provider = 'paypal' AND processed_at IS NULL";
        assert_eq!(db.count("webhook_events", stored).await, 1);
        let before = db.content().await;
        for now in [NOW, "2030-01-10T12:01:59Z"] {
            assert_eq!(store(&service, "WH-1", "known", now).await, Value::Null);
            assert_eq!(claim(&service, now).await, Vec::<Value>::new());
        }
        assert_eq!(db.content().await, before);
        // Whoever stored it never came back, and PayPal tells of it again.
        let again = store(&service, "WH-1", "known", "2030-01-10T12:02:00Z").await;
        assert_eq!(again, with(work.clone(), json!({ "lease": again["lease"], "attempt": 2 })));
        assert_ne!(again["lease"], work["lease"]);
        let third = claim(&service, "2030-01-10T12:04:00Z").await.remove(0);
        assert_eq!(third, with(work, json!({ "lease": third["lease"], "attempt": 3 })));
    })
    .await;
}

#[tokio::test]
async fn the_bytes_come_back_as_they_were_stored() {
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
            let stored = call(
                &service,
                "store_webhook_event",
                with(event(&id, NOW), json!({ "p_body": body })),
            )
            .await;
            assert_eq!(stored["work"]["body"], body);
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
                claim(&service, "2030-01-10T12:02:00Z").await[0]["body"],
                body
            );
            // The first that was verified stays, whatever comes under its id later.
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
async fn an_event_that_comes_twice_at_once_is_one_work() {
    with_database(|db| async move {
        let store = ("store_webhook_event", event("WH-1", NOW));
        let (first, second) = in_turn(&db, store.clone(), store).await;
        assert_eq!(
            (&first["outcome"], &first["work"]["attempt"]),
            (&json!("stored"), &json!(1))
        );
        assert_eq!(second, json!({ "outcome": "known", "work": null }));

        let calls = (0..10).map(|_| event("WH-2", NOW)).collect();
        assert_eq!(
            outcomes(&db, "store_webhook_event", calls).await,
            counts([("known", 9), ("stored", 1)])
        );
        // And when it is due again, by PayPal and by the run at once.
        let run = (
            "claim_webhook_events",
            json!({ "p_now": "2030-01-10T12:02:00Z" }),
        );
        let (claimed, told) = in_turn(
            &db,
            run,
            ("store_webhook_event", event("WH-2", "2030-01-10T12:02:00Z")),
        )
        .await;
        assert_eq!(claimed.as_array().unwrap().len(), 2);
        assert_eq!(told, json!({ "outcome": "known", "work": null }));
        assert_eq!(standing(&db, "WH-2").await, "received 2");
    })
    .await;
}

#[tokio::test]
async fn two_runs_claim_disjoint_events_those_that_waited_longest_first() {
    with_database(|db| async move {
        let (service, other) = (db.service().await, db.service().await);
        for (id, now) in [
            ("WH-C", "2030-01-10T11:00:00Z"),
            ("WH-B", NOW),
            ("WH-A", NOW),
        ] {
            let work = store(&service, id, "stored", now).await;
            failed(&service, &work, now).await;
        }
        let ids = |claimed: &[Value]| {
            claimed
                .iter()
                .map(|work| work["eventId"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ids(&claim(&service, "2030-01-10T11:00:59Z").await),
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
        assert_eq!(ids(&claim(&other, "2030-01-10T12:01:00Z").await), ["WH-B"]);
        service.batch_execute("COMMIT").await.unwrap();
        assert_eq!(
            ids(&claim(&other, "2030-01-10T12:01:00Z").await),
            Vec::<String>::new()
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_applied_is_never_applied_again() {
    with_database(|db| async move {
        let service = db.service().await;
        let work = store(&service, "WH-1", "stored", NOW).await;
        assert_eq!(applied(&service, &work, "2030-01-10T12:00:01Z").await, json!({ "outcome": "recorded" }));
        assert_eq!(db.count("webhook_events", "status = 'processed' AND processed_at = '2030-01-10T12:00:01Z' AND result = 'applied'").await, 1);
        let written = "action = 'webhook.applied' AND subject_type = 'webhook' AND subject_id = 'WH-1' AND actor = 'system' AND detail = '{\"result\": \"applied\"}'";
        assert_eq!(db.count("audit_log", written).await, 1);
        let before = db.content().await;
        for now in ["2030-01-10T12:00:02Z", "2030-02-10T12:00:00Z"] {
            assert_eq!(store(&service, "WH-1", "known", now).await, Value::Null);
            assert_eq!(claim(&service, now).await, Vec::<Value>::new());
            assert_eq!(applied(&service, &work, now).await, lease_lost());
            assert_eq!(failed(&service, &work, now).await, lease_lost());
            assert_eq!(replay(&service, "WH-1", now).await, json!({ "outcome": "already_processed" }));
        }
        assert_eq!(db.content().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_slow_worker_loses_its_lease_to_the_next_and_only_to_it() {
    with_database(|db| async move {
        let service = db.service().await;
        let slow = store(&service, "WH-1", "stored", NOW).await;
        let next = claim(&service, "2030-01-10T12:02:00Z").await.remove(0);
        let before = db.content().await;
        assert_eq!(
            applied(&service, &slow, "2030-01-10T12:02:01Z").await,
            lease_lost()
        );
        assert_eq!(
            failed(&service, &slow, "2030-01-10T12:02:01Z").await,
            lease_lost()
        );
        assert_eq!(db.content().await, before);
        // Late, but nobody else is at it.
        assert_eq!(
            applied(&service, &next, "2030-01-10T12:30:00Z").await,
            json!({ "outcome": "recorded" })
        );
        let strangers = json!({ "eventId": "WH-2", "lease": next["lease"] });
        assert_eq!(applied(&service, &strangers, NOW).await, lease_lost());
    })
    .await;
}
