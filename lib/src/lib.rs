//! ExoDrive: rents exotic cars over the web.
//!
//! The crate holds the whole product and does no I/O: a host gives it requests and a
//! [`platform::Platform`], and gets responses. `docs/ARCHITECTURE.md` walks one booking through it.
//!
//! Direction: `domain` <- `clients` <- `flows` <- `routes` <- hosts, never back. Only routes see
//! `problem`.

pub mod app;
pub mod clients;
pub mod config;
pub mod domain;
mod flows;
pub mod instance;
pub mod platform;
pub mod routes;
#[cfg(test)]
mod scripted;
mod web;

pub use app::App;
pub use routes::Service;
