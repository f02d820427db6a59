//! The memory of an instance between requests. Nothing here does I/O or knows the `App`.
//!
//! A memory spares work and never decides about bookings or money: it is gone when the instance
//! ends.

pub(crate) mod body_cache;
pub(crate) mod cache_key;
pub(crate) mod callers;
pub(crate) mod envelope;
pub(crate) mod local_limits;
pub(crate) mod pending_invalidations;
pub(crate) mod request_counts;
pub(crate) mod single_flight;
