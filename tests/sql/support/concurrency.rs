//! Concurrent calls, each over its own connection.

use crate::support::{
    database::{Database, call},
    row_locks::wait_for_lock,
};
use std::collections::BTreeMap;

use futures_util::future::{Either, join_all, select};
use serde_json::Value;

/// Calls a function with all sets of arguments at the same time and counts the outcomes.
pub(crate) async fn call_concurrently(
    db: &Database,
    function: &str,
    calls: Vec<Value>,
) -> BTreeMap<String, usize> {
    let clients = join_all(calls.iter().map(|_| db.service())).await;
    let results = join_all(
        clients
            .iter()
            .zip(calls)
            .map(|(client, arguments)| call(client, function, arguments)),
    )
    .await;
    let mut counts = BTreeMap::new();
    for result in results {
        *counts
            .entry(result["outcome"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    counts
}

/// The expected result of [`call_concurrently`].
pub(crate) fn outcome_counts<const N: usize>(
    expected: [(&str, usize); N],
) -> BTreeMap<String, usize> {
    expected
        .into_iter()
        .map(|(outcome, count)| (outcome.to_owned(), count))
        .collect()
}

/// Makes the second call before the first is committed. Fails if the second does not wait for the
/// first. Returns both results.
pub(crate) async fn call_overlapping(
    db: &Database,
    (first, first_arguments): (&str, Value),
    (second, second_arguments): (&str, Value),
) -> (Value, Value) {
    let (first_client, second_client) = (db.service().await, db.service().await);
    let pid = second_client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);
    first_client.batch_execute("BEGIN").await.unwrap();
    let first = call(&first_client, first, first_arguments).await;
    let waiting = Box::pin(call(&second_client, second, second_arguments));
    let second = match select(waiting, Box::pin(wait_for_lock(db, pid))).await {
        Either::Left((result, _)) => panic!("{second} did not wait: {result}"),
        Either::Right(((), waiting)) => {
            first_client.batch_execute("COMMIT").await.unwrap();
            waiting.await
        }
    };
    (first, second)
}
