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

mod advance_bookings;
mod audit;
mod authorizations;
mod availability;
mod booking_list;
mod booking_races;
mod bookings;
mod canceled_payments;
mod cancellations;
mod capture_schedule;
mod captures;
mod concurrency;
mod database;
mod findings;
mod fixtures;
mod hold_lifecycle;
mod late_captures;
mod listing;
mod migrations;
mod observations;
mod operator_captures;
mod operator_reauthorizations;
mod orders;
mod payment_plan;
mod plan_oracle;
mod price_oracle;
mod pricing;
mod privileges;
mod reauthorizations;
mod reconciliation;
mod refund_attempts;
mod refunds;
mod rollback;
mod states;
mod voids;
mod webhook_retries;
mod webhooks;
