//! The steps behind the routes. A flow knows clients and decisions, but no problem of the HTTP API.

pub(crate) mod booking;
pub(crate) mod cache;
pub(crate) mod payment;
pub(crate) mod redis;
pub(crate) mod traffic;
