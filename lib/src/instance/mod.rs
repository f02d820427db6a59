//! The state of an instance between requests. Nothing here does I/O or knows the `App`.
//!
//! This state spares work and never decides about bookings or money. It is lost when the instance
//! ends.

pub(crate) mod body_cache;
pub(crate) mod cache_key;
pub(crate) mod callers;
pub(crate) mod envelope;
pub(crate) mod local_limits;
pub(crate) mod pending_invalidations;
pub(crate) mod request_counts;
pub(crate) mod single_flight;
