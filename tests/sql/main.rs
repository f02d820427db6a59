//! Tests of the database alone. They apply the migrations to a real PostgreSQL and check every
//! outcome of every function.
//!
//! `DATABASE_URL` names a superuser connection. Each test creates a database from `migrations/` and
//! drops it at the end. The database in the URL is not changed. Functions are called as
//! `service_role`, the role of the product.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails at the first unexpected result"
)]

mod support;

mod bookings;
mod catalogue;
mod operators;
mod payments;
mod reconciliation;
mod schema;
mod webhooks;
