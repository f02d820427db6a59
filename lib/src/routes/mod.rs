//! The HTTP API: one handler for each route, in the folders of `api/`.
//!
//! A handler reads as the steps a person would write down: parse, admit, load, decide, answer.

mod access;
mod admin;
mod body;
mod bookings;
mod cached;
mod cars;
mod cors;
mod cron;
mod demo_redis;
mod dispatch;
mod health;
pub mod problems;
mod reason;
mod table;
mod unreadable;
mod webhooks;

pub use dispatch::{MAX_BODY_BYTES, Service};
pub use table::{Route, TABLE};
