//! The memory of an instance between requests. Nothing here does I/O or knows the `App`.
//!
//! A memory spares work and never decides about bookings or money: it is gone when the instance
//! ends.

pub mod body_cache;
pub mod cache_key;
pub mod callers;
pub mod envelope;
pub mod local_limits;
pub mod pending_invalidations;
pub mod request_counts;
pub mod single_flight;
