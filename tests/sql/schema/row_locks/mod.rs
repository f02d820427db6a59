//! Every lock clause of the SQL functions: which call waits there for which row, or skips it.
//!
//! The tables are in the files of this folder. A new lock clause needs a row there, and so does a
//! public function whose comment says that it locks something.

mod bookings;
mod findings;
mod payments;
mod refunds;
mod rows;
mod webhooks;

use crate::support::{
    database::{Database, with_database},
    row_locks::{FunctionBodies, LockCase, Outcome, Row, call_beside, waiting_clause},
};
use std::collections::{BTreeMap, BTreeSet};

/// The rows that functions lock, by the words of their comments. The plural means that one call
/// locks several.
const LOCKABLE: [&str; 5] = ["car", "booking", "payment", "refund", "event"];

async fn all_cases(db: &Database) -> Vec<LockCase> {
    let mut cases = bookings::cases(db).await;
    cases.extend(payments::cases(db).await);
    cases.extend(refunds::cases(db).await);
    cases.extend(findings::cases(db).await);
    cases.extend(webhooks::cases(db).await);
    cases
}

#[tokio::test]
async fn every_lock_clause_waits_or_skips() {
    with_database(|db| async move {
        let bodies = FunctionBodies::read(&db).await;
        let mut unseen = bodies.clauses();
        let mut faults = Vec::new();
        for case in all_cases(&db).await {
            for row in &case.waits {
                match waiting_clause(&db, &bodies, &case, row).await {
                    Ok(clause) => _ = unseen.remove(&clause),
                    Err(fault) => faults.push(describe(&case, row, &fault)),
                }
            }
            for row in &case.updates {
                let outcome = call_beside(&db, &case, Some(row), "SHARE").await;
                if !bodies.waits_to_update(&outcome) {
                    faults.push(describe(&case, row, &format!("no update: {outcome:?}")));
                }
            }
            for (function, row) in &case.skips {
                match bodies.skipping_clause(function) {
                    Some(clause) => _ = unseen.remove(&clause),
                    None => faults.push(describe(&case, row, &format!("no clause in {function}"))),
                }
                let free = call_beside(&db, &case, None, "").await;
                let skipped = call_beside(&db, &case, Some(row), "KEY SHARE").await;
                if free == skipped || !matches!(skipped, Outcome::Ended(_)) {
                    faults.push(describe(&case, row, &format!("not skipped: {skipped:?}")));
                }
            }
        }
        let unseen = unseen.iter().map(|clause| bodies.line(clause));
        faults.extend(unseen.map(|line| format!("no row of the table reaches {line}")));
        assert!(faults.is_empty(), "{faults:#?}");
    })
    .await;
}

fn describe(case: &LockCase, row: &Row, fault: &str) -> String {
    format!("{} beside a locked {}: {fault}", case.function, row.name)
}

/// The comment of a function says which rows it locks. The table must have the same.
#[tokio::test]
async fn comments_name_all_locked_rows() {
    with_database(|db| async move {
        let mut tested: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for case in all_cases(&db).await {
            let tested = tested.entry(case.function.to_owned()).or_default();
            tested.extend(locked_words(&case));
        }
        let sql = "SELECT proname::text, obj_description(oid) FROM pg_proc \
                   WHERE pronamespace = 'public'::regnamespace AND obj_description(oid) ~ 'Locks '";
        let comments = db.admin.query(sql, &[]).await.unwrap();
        assert!(!comments.is_empty());
        for comment in comments {
            let (function, text): (String, String) = (comment.get(0), comment.get(1));
            let (_, locks) = text.split_once("Locks ").unwrap();
            let (locks, _) = locks.split_once('.').unwrap();
            let words: BTreeSet<&str> = locks.split(|c: char| !c.is_alphabetic()).collect();
            let lockable = LOCKABLE.map(|row| [row.to_owned(), format!("{row}s")]);
            let named: BTreeSet<String> = lockable
                .into_iter()
                .flatten()
                .filter(|row| words.contains(row.as_str()))
                .collect();
            assert_eq!(
                tested.get(&function),
                Some(&named),
                "{function}: Locks {locks}."
            );
        }
    })
    .await;
}

/// The words for the rows that a call locks: `payment` for one, `payments` for several.
fn locked_words(case: &LockCase) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in case.waits.iter().chain(&case.updates) {
        *counts.entry(row.name).or_default() += 1;
    }
    let word = |(name, count): (&str, usize)| match count {
        1 => name.to_owned(),
        _ => format!("{name}s"),
    };
    counts.into_iter().map(word).collect()
}
