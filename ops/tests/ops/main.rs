//! `exo` as an operator runs it: the program itself, a real PostgreSQL, real HTTP.
//!
//! `DATABASE_URL` names a superuser connection. Each test that needs a database creates its own and
//! drops it afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at its first failure"
)]

mod cache;
mod changes;
mod command_line;
mod crashes;
mod database;
mod deployment;
mod errors;
mod exo;
mod findings;
mod folder;
mod metrics;
mod migrate;
mod migrate_json;
mod operators;
mod psql;
mod rate_limits;
mod reconcile;
mod tls;
mod traffic;
