//! The money of a booking: authorized, captured, voided, refunded, and compared with PayPal.

pub mod authorize;
pub mod capture;
mod capture_of;
pub mod observe;
pub mod reauthorize;
pub mod reconcile;
pub mod refund;
mod upstream_error;
pub mod void;
pub mod webhook;

pub use upstream_error::UpstreamError;
