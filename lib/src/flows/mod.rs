//! The steps behind the routes. A flow knows clients and decisions, but no problem of the HTTP API.

pub mod booking;
pub mod cache;
pub mod payment;
pub mod redis;
pub mod traffic;
