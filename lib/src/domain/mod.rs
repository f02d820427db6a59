//! Pure types and decisions. Nothing here waits, reads a clock or knows a protocol.

pub mod access_token;
pub mod booking;
pub mod booking_state;
pub mod car;
pub mod dates;
pub mod finding;
pub mod metrics;
pub mod money;
pub mod observation;
pub mod payment;
pub mod payment_plan;
pub mod payment_state;
pub mod rate_limit;
pub mod refusal;
pub mod secret;
