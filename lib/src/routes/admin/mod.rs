//! `/api/admin`: routes for operators and crons.

mod window;

pub(super) mod audit;
pub(super) mod bookings;
pub(super) mod cache_clear;
pub(super) mod cache_warm;
pub(super) mod metrics;
pub(super) mod payments_acknowledge;
pub(super) mod payments_drift;
pub(super) mod payments_reconcile;
pub(super) mod process_payment_captures;
pub(super) mod rate_limit_monitoring;
pub(super) mod retention;
pub(super) mod webhooks_replay;
