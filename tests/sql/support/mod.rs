//! The database of a test, its bookings, and the calls and rules that tests share.

pub(crate) mod cancellation;
pub(crate) mod capture;
pub(crate) mod concurrency;
pub(crate) mod database;
pub(crate) mod fixtures;
pub(crate) mod observation;
pub(crate) mod operator;
pub(crate) mod plan_oracle;
pub(crate) mod price_oracle;
pub(crate) mod random;
pub(crate) mod reconciliation;
pub(crate) mod refund;
pub(crate) mod row_locks;
pub(crate) mod webhook;
