//! Black-box tests of the product under `BASE_URL`, the same for every host.
//!
//! `script/test` starts a system and sets the environment that the tests read. Tests run in
//! parallel on one system. Each books its own days ([`support::rental`]), and each client has its
//! own address ([`support::client`]). A test that moves the clock, stops a server or sets faults
//! runs alone ([`support::isolation`]).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot continue fails"
)]

mod support;

mod admin;
mod bookings;
mod budgets;
mod cache;
mod cars;
mod concurrent_instances;
mod contract;
mod cors;
mod demo_redis;
mod failures;
mod happy_path;
mod health;
mod inputs;
mod rate_limits;
mod runbook;
mod webhooks;
