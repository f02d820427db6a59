//! Events that cannot be applied: tried again after 1, 5, 15, 60 and 60 minutes, kept, and replayed.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::concurrency::{counts, outcomes};
use crate::database::with_database;
use crate::fixtures::NOW;
use crate::webhooks::{applied, claim, failed, lease_lost, replay, standing, store};

/// When the attempts of an event that is stored at `NOW` are due: at once, then 1, 5, 15, 60 and 60 minutes on.
const DUE: [&str; 6] = [
    NOW,
    "2030-01-10T12:01:00Z",
    "2030-01-10T12:06:00Z",
    "2030-01-10T12:21:00Z",
    "2030-01-10T13:21:00Z",
    "2030-01-10T14:21:00Z",
];
/// The second before each but the first.
const EARLY: [&str; 5] = [
    "2030-01-10T12:00:59Z",
    "2030-01-10T12:05:59Z",
    "2030-01-10T12:20:59Z",
    "2030-01-10T13:20:59Z",
    "2030-01-10T14:20:59Z",
];

/// Stores an event and fails all attempts but the last; gives the work of that.
async fn last_attempt(client: &Client, id: &str) -> Value {
    let mut work = store(client, id, "stored", NOW).await;
    for now in DUE.windows(2) {
        assert_eq!(
            failed(client, &work, now[0]).await,
            json!({ "outcome": "retry", "nextAttemptAt": now[1] })
        );
        work = claim(client, now[1]).await.remove(0);
    }
    work
}

#[tokio::test]
async fn what_cannot_be_applied_is_tried_six_times_and_kept() {
    with_database(|db| async move {
        let service = db.service().await;
        let mut work = store(&service, "WH-1", "stored", NOW).await;
        for (number, (early, due)) in EARLY.into_iter().zip(&DUE[1..]).enumerate() {
            assert_eq!(
                failed(&service, &work, DUE[number]).await,
                json!({ "outcome": "retry", "nextAttemptAt": due })
            );
            assert_eq!(failed(&service, &work, DUE[number]).await, lease_lost());
            assert_eq!(claim(&service, early).await, Vec::<Value>::new(), "{early}");
            assert_eq!(store(&service, "WH-1", "known", early).await, Value::Null);
            assert_eq!(
                replay(&service, "WH-1", early).await,
                json!({ "outcome": "waiting" })
            );
            work = claim(&service, due).await.remove(0);
            assert_eq!(work["attempt"], number + 2);
        }
        assert_eq!(
            failed(&service, &work, DUE[5]).await,
            json!({ "outcome": "dead_letter" })
        );
        assert_eq!(standing(&db, "WH-1").await, "dead_letter unknown_payment");
        for now in [DUE[5], "2030-02-10T12:00:00Z"] {
            assert_eq!(claim(&service, now).await, Vec::<Value>::new());
            assert_eq!(store(&service, "WH-1", "known", now).await, Value::Null);
            assert_eq!(failed(&service, &work, now).await, lease_lost());
        }
    })
    .await;
}

#[tokio::test]
async fn a_last_attempt_that_nobody_came_back_from_is_kept_and_holds_nobody_up() {
    with_database(|db| async move {
        let service = db.service().await;
        last_attempt(&service, "WH-1").await;
        store(&service, "WH-2", "stored", DUE[5]).await;
        assert_eq!(
            claim(&service, "2030-01-10T14:22:59Z").await,
            Vec::<Value>::new()
        );
        let claimed = claim(&service, "2030-01-10T14:23:00Z").await;
        assert_eq!(claimed.len(), 1);
        assert_eq!(
            (&claimed[0]["eventId"], &claimed[0]["attempt"]),
            (&json!("WH-2"), &json!(2))
        );
        assert_eq!(standing(&db, "WH-1").await, "dead_letter unknown_payment");
        // PayPal may be the first to come to it.
        db.run("DELETE FROM webhook_retries; DELETE FROM webhook_events")
            .await;
        last_attempt(&service, "WH-1").await;
        assert_eq!(
            store(&service, "WH-1", "known", "2030-01-10T14:22:59Z").await,
            Value::Null
        );
        assert_eq!(standing(&db, "WH-1").await, "received 6");
        assert_eq!(
            store(&service, "WH-1", "known", "2030-01-10T14:23:00Z").await,
            Value::Null
        );
        assert_eq!(standing(&db, "WH-1").await, "dead_letter unknown_payment");
        // Six runs that crash say nothing of why.
        let mut now = "2030-01-10T12:00:00Z".to_owned();
        store(&service, "WH-3", "stored", &now).await;
        for _ in 0..5 {
            now = db
                .value(&format!(
                    "SELECT internal.utc('{now}'::timestamptz + interval '2 minutes')"
                ))
                .await
                .unwrap();
            assert_eq!(claim(&service, &now).await.len(), 1);
        }
        assert_eq!(
            claim(&service, "2030-01-10T12:12:00Z").await,
            Vec::<Value>::new()
        );
        assert_eq!(standing(&db, "WH-3").await, "dead_letter abandoned");
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_is_replayed_with_six_new_attempts() {
    with_database(|db| async move {
        let service = db.service().await;
        assert_eq!(replay(&service, "WH-1", NOW).await, json!({ "outcome": "event_not_found" }));
        let last = last_attempt(&service, "WH-1").await;
        failed(&service, &last, DUE[5]).await;
        let calls = (0..10).map(|_| json!({ "p_event_id": "WH-1", "p_actor": "operator:1", "p_request_id": "req-2", "p_now": "2030-01-11T12:00:00Z" })).collect();
        assert_eq!(outcomes(&db, "replay_webhook_event", calls).await, counts([("replayed", 1), ("waiting", 9)]));
        assert_eq!(standing(&db, "WH-1").await, "received 1");
        let written = "action = 'webhook.replayed' AND subject_type = 'webhook' AND subject_id = 'WH-1' AND actor = 'operator:1' AND request_id = 'req-2'";
        assert_eq!(db.count("audit_log", written).await, 1);
        // It is not applied to the end: the runs go on with it.
        let second = claim(&service, "2030-01-11T12:02:00Z").await.remove(0);
        assert_eq!((&second["attempt"], &second["body"]), (&json!(2), &json!("{\"id\":\"WH-1\"}")));
        let mut work = second;
        for day in 12..16 {
            failed(&service, &work, "2030-01-11T12:02:00Z").await;
            work = claim(&service, &format!("2030-01-{day}T00:00:00Z")).await.remove(0);
        }
        assert_eq!(work["attempt"], 6);
        assert_eq!(failed(&service, &work, "2030-01-20T00:00:00Z").await, json!({ "outcome": "dead_letter" }));
        let work = replay(&service, "WH-1", "2030-01-20T00:00:01Z").await["work"].clone();
        assert_eq!(work, json!({ "eventId": "WH-1", "body": "{\"id\":\"WH-1\"}", "lease": work["lease"], "attempt": 1 }));
        assert_eq!(applied(&service, &work, "2030-01-20T00:00:02Z").await, json!({ "outcome": "recorded" }));
        assert_eq!(standing(&db, "WH-1").await, "processed applied");
    })
    .await;
}
