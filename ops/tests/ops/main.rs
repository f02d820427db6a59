//! `exo` as an operator runs it: the program itself, a real PostgreSQL, real HTTP.
//!
//! `DATABASE_URL` names a superuser connection; each test makes a database of its own and drops it afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod changes;
mod command_line;
mod database;
mod errors;
mod exo;
mod folder;
mod migrate;
mod operators;
mod reconcile;
mod tls;
