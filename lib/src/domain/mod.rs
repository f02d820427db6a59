//! Pure types and decisions. Nothing here waits, reads a clock or knows a protocol.

pub mod booking;
pub mod car;
pub mod dates;
pub mod money;
pub mod payment;
pub mod rate_limit;
pub mod refusal;
pub mod secret;
