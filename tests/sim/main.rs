//! The simulation runs the whole product in one thread, with its real SQL and a real Redis. A
//! seed decides the clock, the order of events and every fault.
//!
//! `DATABASE_URL` names a superuser connection and `REDIS_URL` a Redis. `script/sim` and
//! `script/test` start both. The simulation creates its own database and its own key prefix.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod actors;
mod books;
mod checks;
mod cron_jobs;
mod environment;
mod faults;
mod fleet;
mod futures;
mod history;
mod instances;
mod leaps;
mod ledger;
mod mutations;
mod network;
mod platform;
mod random;
mod run;
mod seeds;
mod settle;
mod slot;
mod summary;
mod tasks;
mod tests;
mod unkindness;
mod upstreams;
mod world;
