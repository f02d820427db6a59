//! The product seen from outside: black box over `BASE_URL`, the same for every host.
//!
//! `script/test` starts a stack and sets the environment that the tests read. They run in parallel and share the
//! stack: each books days of its own ([`support::rental`]), each client has an address of its own
//! ([`support::client`]), and a test that disturbs the others (moves the clock, stops a server, loses
//! answers) runs alone ([`support::isolation`]).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
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
