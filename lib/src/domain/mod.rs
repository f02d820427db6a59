//! Types and decisions without side effects. Nothing here waits, reads a clock or knows a protocol.

pub(crate) mod access_token;
pub(crate) mod booking;
pub mod booking_state;
pub(crate) mod car;
pub(crate) mod dates;
pub(crate) mod difference;
pub(crate) mod finding;
pub(crate) mod metrics;
pub(crate) mod money;
pub(crate) mod observation;
pub(crate) mod payment;
pub mod payment_amounts;
#[cfg(test)]
pub(crate) mod payment_fixtures;
pub mod payment_plan;
pub(crate) mod payment_record;
pub mod payment_state;
pub(crate) mod paypal_meaning;
pub mod rate_limit;
pub(crate) mod refusal;
pub mod secret;
