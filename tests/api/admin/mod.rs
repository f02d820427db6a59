//! The routes of `/api/admin`, for operators and crons.

mod access;
mod acknowledge;
mod bookings_and_audit;
mod bulk_captures;
mod cache_clear;
mod cache_warm;
mod capture_and_reauthorize;
mod drift;
mod metrics;
mod paypal_refusals;
mod process_payment_captures;
mod rate_limit_monitoring;
mod rate_limit_violations;
mod reconcile;
mod refund;
