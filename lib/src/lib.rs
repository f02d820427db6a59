//! ExoDrive: rents exotic cars over the web.
//!
//! The crate holds the whole product and does no I/O. A host gives it requests and a
//! [`platform::Platform`], and gets responses. `docs/ARCHITECTURE.md` follows one booking through
//! it.
//!
//! Each layer uses only the layers before it: `domain`, `clients`, `instance`, `app`, `flows`,
//! `routes`, the hosts. `web` holds requests and responses and knows none of them.

mod app;
pub mod clients;
pub mod config;
pub mod domain;
mod flows;
mod instance;
pub mod platform;
pub mod routes;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod stepped;
mod web;

pub use routes::Service;
