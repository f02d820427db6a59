//! Row locks: at which clause a call waits for a locked row, and which rows it skips.
//!
//! A call that updates a row waits for it even without a lock clause. Two facts tell the cases
//! apart. The other session holds the weakest lock that conflicts with the clause, and the error of
//! the canceled call names the statement that waited.

use crate::support::database::{Database, try_call};
use futures_util::future::{Either, select};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

/// A row that another session locks.
#[derive(Clone)]
pub(crate) struct Row {
    /// The name that the comments of functions use.
    pub(crate) name: &'static str,
    table: &'static str,
    condition: String,
}

/// The row of `table` whose key has this value.
pub(crate) fn row(name: &'static str, table: &'static str, key: &str, value: &str) -> Row {
    let condition = format!("{key} = '{value}'");
    Row {
        name,
        table,
        condition,
    }
}

/// A call of a public function, and what it does about locked rows.
pub(crate) struct LockCase {
    pub(crate) function: &'static str,
    pub(crate) arguments: Value,
    /// It waits for these rows at a lock clause.
    pub(crate) waits: Vec<Row>,
    /// It waits for these rows only to update them.
    pub(crate) updates: Vec<Row>,
    /// It skips these rows by the SKIP LOCKED of the named function.
    pub(crate) skips: Vec<(&'static str, Row)>,
}

impl LockCase {
    /// A call that waits for each of `rows`.
    pub(crate) fn waits<const N: usize>(
        function: &'static str,
        arguments: Value,
        rows: [Row; N],
    ) -> Self {
        Self {
            function,
            arguments,
            waits: rows.into(),
            updates: Vec::new(),
            skips: Vec::new(),
        }
    }

    /// A call that skips each of `rows`. Without the other session it does something with it.
    pub(crate) fn skips<const N: usize>(
        function: &'static str,
        arguments: Value,
        rows: [(&'static str, Row); N],
    ) -> Self {
        Self {
            skips: rows.into(),
            ..Self::waits(function, arguments, [])
        }
    }

    pub(crate) fn and_updates<const N: usize>(self, rows: [Row; N]) -> Self {
        Self {
            updates: rows.into(),
            ..self
        }
    }
}

/// A lock clause: its function, and its line in the function's body.
pub(crate) type Clause = (String, usize);

/// The bodies of all functions, by name.
pub(crate) struct FunctionBodies(BTreeMap<String, Vec<String>>);

impl FunctionBodies {
    pub(crate) async fn read(db: &Database) -> Self {
        let sql = "SELECT pronamespace::regnamespace || '.' || proname, prosrc FROM pg_proc \
                   WHERE pronamespace IN ('public'::regnamespace, 'internal'::regnamespace)";
        let rows = db.admin.query(sql, &[]).await.unwrap();
        let lines = |body: &str| {
            let code = |line: &str| line.split("--").next().unwrap_or_default().to_owned();
            body.split('\n').map(code).collect()
        };
        let bodies = rows.iter().map(|row| (row.get(0), lines(row.get(1))));
        Self(bodies.collect())
    }

    /// Every lock clause.
    pub(crate) fn clauses(&self) -> BTreeSet<Clause> {
        let lines = self.0.iter().flat_map(|(name, lines)| {
            let numbered = lines.iter().zip(1..);
            numbered.map(move |(line, number)| (name, number, line))
        });
        lines
            .filter(|(_, _, line)| lock_strengths(line) > 0)
            .map(|(name, number, line)| {
                assert_eq!(lock_strengths(line), 1, "one clause a line: {name}: {line}");
                (name.clone(), number)
            })
            .collect()
    }

    /// The clause of the statement that begins in this line.
    fn clause_from(&self, function: &str, line: usize) -> Option<Clause> {
        for (text, number) in self.0.get(function)?.iter().zip(1..).skip(line - 1) {
            let (statement, rest) = text
                .split_once(';')
                .map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
            if lock_strengths(statement) > 0 {
                return Some((function.to_owned(), number));
            }
            if rest.is_some() {
                return None;
            }
        }
        None
    }

    /// Whether a call waited to update a row, at no lock clause. Before triggers of an update lock
    /// its row first.
    pub(crate) fn waits_to_update(&self, outcome: &Outcome) -> bool {
        let Outcome::Waited(context) = outcome else {
            return false;
        };
        let updates = context.starts_with("while updating tuple")
            || (context.starts_with("while locking tuple")
                && context.contains("\nSQL statement \"UPDATE "));
        let statement = waiting_statement(context);
        updates && statement.is_some_and(|(name, line)| self.clause_from(&name, line).is_none())
    }

    /// The only SKIP LOCKED of a function.
    pub(crate) fn skipping_clause(&self, function: &str) -> Option<Clause> {
        let lines = self.0.get(function)?.iter().zip(1..);
        let mut clauses = lines.filter(|(line, _)| line.contains("SKIP LOCKED"));
        let (_, number) = clauses.next()?;
        assert!(clauses.next().is_none(), "one SKIP LOCKED in {function}");
        Some((function.to_owned(), number))
    }

    pub(crate) fn line(&self, (function, line): &Clause) -> String {
        let text = self.0[function][line - 1].trim();
        format!("{function}, line {line}: {text}")
    }
}

/// The number of lock clauses in a line.
fn lock_strengths(line: &str) -> usize {
    let words: Vec<_> = line.split_whitespace().collect();
    let is_strength = |word: &str| ["UPDATE", "SHARE"].contains(&word.trim_end_matches([';', ')']));
    let clause = |at: usize| match words[at..] {
        ["FOR", strength, ..] if is_strength(strength) => true,
        ["FOR", "KEY", strength, ..] if is_strength(strength) => true,
        ["FOR", "NO", "KEY", strength, ..] => is_strength(strength),
        _ => false,
    };
    (0..words.len()).filter(|at| clause(*at)).count()
}

/// The outcome of a call while another session had locked a row.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It ended, with this summary of its result, or this SQLSTATE.
    Ended(String),
    /// It waited at a statement: PostgreSQL's description of the wait.
    Waited(String),
}

/// A result without its ids, which differ each time: the outcome and the number of things.
fn summary(result: &Value) -> String {
    match result.as_array() {
        Some(items) => format!("{} items", items.len()),
        None => format!("{} {}", result["outcome"], result["count"]),
    }
}

/// Makes a call while another session holds `lock` on a row, and undoes the call.
pub(crate) async fn call_beside(
    db: &Database,
    case: &LockCase,
    row: Option<&Row>,
    lock: &str,
) -> Outcome {
    let (holder, caller) = (db.service().await, db.service().await);
    if let Some(Row {
        table, condition, ..
    }) = row
    {
        let sql = format!("SELECT FROM public.{table} WHERE {condition} FOR {lock}");
        holder.batch_execute("BEGIN").await.unwrap();
        let rows = holder.query(&sql, &[]).await.unwrap().len();
        assert_eq!(rows, 1, "{sql}");
    }
    caller.batch_execute("BEGIN").await.unwrap();
    let pid = backend(&caller).await;
    let waiting = Box::pin(try_call(&caller, case.function, case.arguments.clone()));
    match select(waiting, Box::pin(wait_for_lock(db, pid))).await {
        Either::Left((Ok(result), _)) => Outcome::Ended(summary(&result)),
        Either::Left((Err(error), _)) => {
            Outcome::Ended(error.code().map_or("", |code| code.code()).to_owned())
        }
        Either::Right(((), waiting)) => {
            db.run(&format!("SELECT pg_cancel_backend({pid})")).await;
            let error = waiting.await.unwrap_err();
            let context = error.as_db_error().and_then(|error| error.where_());
            Outcome::Waited(context.unwrap_or_default().to_owned())
        }
    }
}

/// The clause at which a call waits for a row. Otherwise a description of the fault.
pub(crate) async fn waiting_clause(
    db: &Database,
    bodies: &FunctionBodies,
    case: &LockCase,
    row: &Row,
) -> Result<Clause, String> {
    let mut outcome = Outcome::Ended(String::new());
    // FOR UPDATE alone waits for a key share, FOR NO KEY UPDATE for a share.
    for lock in ["KEY SHARE", "SHARE"] {
        outcome = call_beside(db, case, Some(row), lock).await;
        if let Outcome::Waited(context) = &outcome {
            let (function, line) = waiting_statement(context).ok_or_else(|| context.clone())?;
            let clause = bodies.clause_from(&function, line);
            let is_lock = context.starts_with("while locking tuple");
            return match clause.filter(|_| is_lock) {
                Some(clause) => Ok(clause),
                None => Err(format!("waits at no lock clause: {context}")),
            };
        }
    }
    Err(format!("does not wait: {outcome:?}"))
}

/// The function and the line of the innermost statement in an error's context.
fn waiting_statement(context: &str) -> Option<(String, usize)> {
    let frame = context
        .lines()
        .find_map(|line| line.strip_prefix("PL/pgSQL function "))?;
    let (name, _) = frame.split_once('(')?;
    let (_, line) = frame.split_once(") line ")?;
    Some((name.to_owned(), line.split(' ').next()?.parse().ok()?))
}

async fn backend(client: &Client) -> i32 {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await;
    row.unwrap().get(0)
}

/// Returns when a backend waits for a lock.
pub(crate) async fn wait_for_lock(db: &Database, pid: i32) {
    let condition = format!("pid = {pid} AND wait_event_type = 'Lock'");
    while db.count("pg_stat_activity", &condition).await == 0 {}
}
