//! The database by itself: the migrations are applied to a real PostgreSQL and every function is asked for every outcome.
//!
//! `DATABASE_URL` names a superuser connection. Each test makes a database of its own from `migrations/` and drops it
//! afterwards; the database of the URL itself is not touched. Functions are called as `service_role`, as the product does.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

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
