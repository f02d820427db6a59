//! The product seen from outside: black box over `BASE_URL`, the same for every host.
//!
//! `script/test` starts a stack and sets the environment that `surroundings.rs` lists. Tests run in parallel and share the
//! stack: each books days of its own ([`fleet`]), each client has an address of its own ([`client`]), and a test that
//! disturbs the others (moves the clock, stops a server, loses answers) runs alone ([`turns`]).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod client;
mod dashboard;
mod database;
mod desk;
mod fleet;
mod instance;
mod letters;
mod local;
mod paypal;
mod product;
mod redis;
mod steps;
mod surroundings;
mod turns;

mod authorize_paypal_order;
mod availability;
mod booking;
mod bookings;
mod budgets;
mod bulk_captures;
mod cache;
mod cache_clear;
mod cache_warm;
mod cancellation_losses;
mod cancellation_races;
mod cancellations;
mod captures;
mod car;
mod cars;
mod contract;
mod cors;
mod create_paypal_order;
mod crowds;
mod dead_letters;
mod degradation;
mod demo_redis;
mod drift;
mod faults;
mod health;
mod holds;
mod inputs;
mod limits;
mod locks;
mod losses;
mod metrics;
mod operator_lists;
mod operator_payments;
mod operators;
mod outages;
mod races;
mod rate_limit_monitoring;
mod reconciliation;
mod refunds;
mod repeated_losses;
mod runbook;
mod signed_in;
mod story;
mod violations;
mod webhook_deliveries;
mod webhook_retries;
mod webhooks;
