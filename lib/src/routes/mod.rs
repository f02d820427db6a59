//! The HTTP API: one handler for each route, in the folders of `api/`.
//!
//! A handler reads from top to bottom: parse, admit, load, decide, reply.

mod access;
mod admin;
mod body;
mod bookings;
mod cached;
mod cars;
mod cors;
mod cron;
mod demo_redis;
mod health;
mod idempotency_key;
mod matching;
pub mod problems;
mod reason;
mod rental_dates;
mod response;
mod service;
mod table;
#[cfg(test)]
mod tests;
mod unreadable;
mod webhooks;

pub use service::{MAX_BODY_BYTES, Service};
pub use table::{Route, TABLE};
