//! Calls at the same time, each over a connection of its own.

use std::collections::BTreeMap;

use futures_util::future::{Either, join_all, select};
use serde_json::Value;

use crate::database::{Database, call};

/// Calls a function with each of the arguments at once and counts the outcomes.
pub(crate) async fn outcomes(
    db: &Database,
    function: &str,
    calls: Vec<Value>,
) -> BTreeMap<String, usize> {
    let clients = join_all(calls.iter().map(|_| db.service())).await;
    let answers = join_all(
        clients
            .iter()
            .zip(calls)
            .map(|(client, arguments)| call(client, function, arguments)),
    )
    .await;
    let mut counted = BTreeMap::new();
    for answer in answers {
        *counted
            .entry(answer["outcome"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    counted
}

/// The counts that are expected.
pub(crate) fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected
        .into_iter()
        .map(|(outcome, count)| (outcome.to_owned(), count))
        .collect()
}

/// Two calls of which the second begins while the first is not committed, and has to wait for it. Gives both answers.
pub(crate) async fn in_turn(
    db: &Database,
    (first, first_arguments): (&str, Value),
    (second, second_arguments): (&str, Value),
) -> (Value, Value) {
    let (before, after) = (db.service().await, db.service().await);
    let pid = after
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);
    before.batch_execute("BEGIN").await.unwrap();
    let first = call(&before, first, first_arguments).await;
    let waiting = Box::pin(call(&after, second, second_arguments));
    let second = match select(waiting, Box::pin(waits_for_a_lock(db, pid))).await {
        Either::Left((answer, _)) => panic!("{second} did not wait: {answer}"),
        Either::Right(((), waiting)) => {
            before.batch_execute("COMMIT").await.unwrap();
            waiting.await
        }
    };
    (first, second)
}

/// Returns once a backend waits for a lock.
async fn waits_for_a_lock(db: &Database, pid: i32) {
    let waits = format!("pid = {pid} AND wait_event_type = 'Lock'");
    while db.count("pg_stat_activity", &waits).await == 0 {}
}
