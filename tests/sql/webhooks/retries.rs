//! Events that cannot be applied: retried after 1, 5, 15, 60 and 60 minutes, kept as dead letters,
//! and replayed.

use crate::support::{
    concurrency::{call_concurrently, call_overlapping, outcome_counts},
    database::with_database,
    fixtures::NOW,
    webhook::{
        claim_events, event_status, lease_lost, record_applied, record_failure, replay_event,
        store_event,
    },
};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// The due times of the attempts of an event stored at `NOW`: at once, then after 1, 5, 15, 60 and
/// 60 minutes.
const DUE: [&str; 6] = [
    NOW,
    "2030-01-10T12:01:00Z",
    "2030-01-10T12:06:00Z",
    "2030-01-10T12:21:00Z",
    "2030-01-10T13:21:00Z",
    "2030-01-10T14:21:00Z",
];
/// The second before each due time except the first.
const EARLY: [&str; 5] = [
    "2030-01-10T12:00:59Z",
    "2030-01-10T12:05:59Z",
    "2030-01-10T12:20:59Z",
    "2030-01-10T13:20:59Z",
    "2030-01-10T14:20:59Z",
];

/// Stores an event and fails all attempts but the last. Returns the work of the last one.
async fn last_attempt(client: &Client, id: &str) -> Value {
    let mut work = store_event(client, id, "stored", NOW).await;
    for now in DUE.windows(2) {
        assert_eq!(
            record_failure(client, &work, now[0]).await,
            json!({ "outcome": "retry", "nextAttemptAt": now[1] })
        );
        work = claim_events(client, now[1]).await.remove(0);
    }
    work
}

#[tokio::test]
async fn failing_event_is_kept_after_six_attempts() {
    with_database(|db| async move {
        let service = db.service().await;
        let mut work = store_event(&service, "WH-1", "stored", NOW).await;
        for (number, (early, due)) in EARLY.into_iter().zip(&DUE[1..]).enumerate() {
            assert_eq!(
                record_failure(&service, &work, DUE[number]).await,
                json!({ "outcome": "retry", "nextAttemptAt": due })
            );
            assert_eq!(
                record_failure(&service, &work, DUE[number]).await,
                lease_lost()
            );
            assert_eq!(
                claim_events(&service, early).await,
                Vec::<Value>::new(),
                "{early}"
            );
            assert_eq!(
                store_event(&service, "WH-1", "known", early).await,
                Value::Null
            );
            assert_eq!(
                replay_event(&service, "WH-1", early).await,
                json!({ "outcome": "waiting" })
            );
            work = claim_events(&service, due).await.remove(0);
            assert_eq!(work["attempt"], number + 2);
        }
        assert_eq!(
            record_failure(&service, &work, DUE[5]).await,
            json!({ "outcome": "dead_letter" })
        );
        assert_eq!(
            event_status(&db, "WH-1").await,
            "dead_letter unknown_payment"
        );
        for now in [DUE[5], "2030-02-10T12:00:00Z"] {
            assert_eq!(claim_events(&service, now).await, Vec::<Value>::new());
            assert_eq!(
                store_event(&service, "WH-1", "known", now).await,
                Value::Null
            );
            assert_eq!(record_failure(&service, &work, now).await, lease_lost());
        }
    })
    .await;
}

#[tokio::test]
async fn abandoned_last_attempt_is_kept_without_blocking() {
    with_database(|db| async move {
        let service = db.service().await;
        last_attempt(&service, "WH-1").await;
        store_event(&service, "WH-2", "stored", DUE[5]).await;
        assert_eq!(
            claim_events(&service, "2030-01-10T14:22:59Z").await,
            Vec::<Value>::new()
        );
        let claims = claim_events(&service, "2030-01-10T14:23:00Z").await;
        assert_eq!(claims.len(), 1);
        assert_eq!(
            (&claims[0]["eventId"], &claims[0]["attempt"]),
            (&json!("WH-2"), &json!(2))
        );
        assert_eq!(
            event_status(&db, "WH-1").await,
            "dead_letter unknown_payment"
        );
        // A delivery from PayPal may find it first.
        db.run("DELETE FROM webhook_retries; DELETE FROM webhook_events")
            .await;
        last_attempt(&service, "WH-1").await;
        assert_eq!(
            store_event(&service, "WH-1", "known", "2030-01-10T14:22:59Z").await,
            Value::Null
        );
        assert_eq!(event_status(&db, "WH-1").await, "received 6");
        assert_eq!(
            store_event(&service, "WH-1", "known", "2030-01-10T14:23:00Z").await,
            Value::Null
        );
        assert_eq!(
            event_status(&db, "WH-1").await,
            "dead_letter unknown_payment"
        );
        // Six crashed attempts leave no error code.
        let mut now = "2030-01-10T12:00:00Z".to_owned();
        store_event(&service, "WH-3", "stored", &now).await;
        for _ in 0..5 {
            now = db
                .value(&format!(
                    "SELECT internal.utc('{now}'::timestamptz + interval '2 minutes')"
                ))
                .await
                .unwrap();
            assert_eq!(claim_events(&service, &now).await.len(), 1);
        }
        assert_eq!(
            claim_events(&service, "2030-01-10T12:12:00Z").await,
            Vec::<Value>::new()
        );
        assert_eq!(event_status(&db, "WH-3").await, "dead_letter abandoned");
    })
    .await;
}

#[tokio::test]
async fn replayed_dead_letter_gets_six_attempts() {
    with_database(|db| async move {
        let service = db.service().await;
        assert_eq!(replay_event(&service, "WH-1", NOW).await, json!({ "outcome": "event_not_found" }));
        let last = last_attempt(&service, "WH-1").await;
        record_failure(&service, &last, DUE[5]).await;
        let calls = (0..10).map(|_| json!({ "p_event_id": "WH-1", "p_actor": "operator:1", "p_request_id": "req-2", "p_now": "2030-01-11T12:00:00Z" })).collect();
        assert_eq!(call_concurrently(&db, "replay_webhook_event", calls).await, outcome_counts([("replayed", 1), ("waiting", 9)]));
        assert_eq!(event_status(&db, "WH-1").await, "received 1");
        let entry = "action = 'webhook.replayed' AND subject_type = 'webhook' AND subject_id = 'WH-1' AND actor = 'operator:1' AND request_id = 'req-2'";
        assert_eq!(db.count("audit_log", entry).await, 1);
        // The replay does not finish, so the runs continue it.
        let second = claim_events(&service, "2030-01-11T12:02:00Z").await.remove(0);
        assert_eq!((&second["attempt"], &second["body"]), (&json!(2), &json!("{\"id\":\"WH-1\"}")));
        let mut work = second;
        for day in 12..16 {
            record_failure(&service, &work, "2030-01-11T12:02:00Z").await;
            work = claim_events(&service, &format!("2030-01-{day}T00:00:00Z")).await.remove(0);
        }
        assert_eq!(work["attempt"], 6);
        assert_eq!(record_failure(&service, &work, "2030-01-20T00:00:00Z").await, json!({ "outcome": "dead_letter" }));
        let work = replay_event(&service, "WH-1", "2030-01-20T00:00:01Z").await["work"].clone();
        assert_eq!(work, json!({ "eventId": "WH-1", "body": "{\"id\":\"WH-1\"}", "lease": work["lease"], "attempt": 1 }));
        assert_eq!(record_applied(&service, &work, "2030-01-20T00:00:02Z").await, json!({ "outcome": "recorded" }));
        assert_eq!(event_status(&db, "WH-1").await, "processed applied");
    })
    .await;
}

/// Of two outcomes of one claim at the same time, the first counts.
#[tokio::test]
async fn second_outcome_of_claim_waits_and_is_lost() {
    with_database(|db| async move {
        let service = db.service().await;
        for (id, first, second) in [
            ("WH-1", "record_webhook_result", "record_webhook_failure"),
            ("WH-2", "record_webhook_failure", "record_webhook_result"),
            ("WH-3", "record_webhook_result", "record_webhook_result"),
        ] {
            let work = store_event(&service, id, "stored", NOW).await;
            let outcome = |function: &'static str| {
                let argument = if function == "record_webhook_result" {
                    "p_result"
                } else {
                    "p_error_code"
                };
                (
                    function,
                    json!({ "p_event_id": id, "p_lease": work["lease"], argument: "x", "p_now": NOW }),
                )
            };
            let (_, lost) = call_overlapping(&db, outcome(first), outcome(second)).await;
            assert_eq!(lost, lease_lost(), "{first} {second}");
        }
        assert_eq!(
            event_status(&db, "WH-2").await,
            "received 1",
            "it is retried"
        );
        assert_eq!(db.count("audit_log", "action = 'webhook.applied'").await, 2);
    })
    .await;
}

#[tokio::test]
async fn second_replay_waits_for_first() {
    with_database(|db| async move {
        let service = db.service().await;
        let last = last_attempt(&service, "WH-1").await;
        record_failure(&service, &last, DUE[5]).await;
        let replay = (
            "replay_webhook_event",
            json!({ "p_event_id": "WH-1", "p_actor": "operator:1", "p_now": DUE[5] }),
        );
        let (first, second) = call_overlapping(&db, replay.clone(), replay).await;
        assert_eq!(
            (&first["outcome"], second),
            (&json!("replayed"), json!({ "outcome": "waiting" }))
        );
    })
    .await;
}
