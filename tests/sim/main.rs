//! The simulation: the whole product, its real SQL and its real Redis, a PayPal, a clock that is moved, and everything that
//! can go wrong between them, in one thread, decided by a seed.
//!
//! `DATABASE_URL` names a superuser connection and `REDIS_URL` a Redis; `script/sim` and `script/test` start both. The
//! database of the URL is not touched, and neither are the keys of others.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod actors;
mod books;
mod checks;
mod due;
mod faults;
mod fleet;
mod history;
mod instances;
mod ledger;
mod mutations;
mod network;
mod random;
mod run;
mod seam;
mod seeds;
mod settle;
mod slot;
mod summary;
mod surroundings;
mod tasks;
mod tests;
mod upstreams;
mod waiting;
mod work;
mod world;
