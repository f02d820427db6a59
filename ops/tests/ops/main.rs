//! `exo` as an operator runs it: the program itself, a real PostgreSQL, real HTTP.
//!
//! `DATABASE_URL` names a superuser connection; each test makes a database of its own and drops it afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod cache;
mod changes;
mod command_line;
mod database;
mod deployment;
mod errors;
mod exo;
mod folder;
mod metrics;
mod migrate;
mod operators;
mod psql;
mod rate_limits;
mod reconcile;
mod tls;
mod traffic;
