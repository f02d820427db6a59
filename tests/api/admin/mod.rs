//! The routes of `/api/admin`, for operators and crons.

mod access;
mod acknowledge;
mod bookings_and_audit;
mod bulk_captures;
mod cache_clear;
mod cache_warm;
mod capture;
mod capture_refusals;
mod drift;
mod hanging_calls;
mod lists;
mod metrics;
mod operator_requests;
mod process_payment_captures;
mod rate_limit_monitoring;
mod rate_limit_violations;
mod reauthorize;
mod reconcile;
mod reconcile_repairs;
mod refund;
mod refund_refusals;
mod retention;
mod undecided_answers;
