//! The money of a booking: authorized, captured, voided, refunded, and compared with PayPal.

pub(crate) mod authorize;
pub(crate) mod capture;
mod capture_of;
pub(crate) mod due_voids;
pub(crate) mod observe;
pub(crate) mod reauthorize;
pub(crate) mod reconcile;
pub(crate) mod refund;
pub(crate) mod run;
mod upstream_error;
pub(crate) mod void;
pub(crate) mod webhook;

pub(crate) use upstream_error::UpstreamError;
