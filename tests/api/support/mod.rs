//! Clients, upstreams and booking steps that tests share.

pub(crate) mod cache;
pub(crate) mod cancellation;
pub(crate) mod capture_cron;
pub(crate) mod checkout;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod deployment;
pub(crate) mod environment;
pub(crate) mod faults;
pub(crate) mod instance;
pub(crate) mod isolation;
pub(crate) mod local_system;
pub(crate) mod operator;
pub(crate) mod paypal;
pub(crate) mod paypal_behaviour;
pub(crate) mod paypal_dashboard;
pub(crate) mod random;
pub(crate) mod reconciliation;
pub(crate) mod redis;
pub(crate) mod rental;
pub(crate) mod routes;
pub(crate) mod shown_money;
pub(crate) mod webhook_delivery;
pub(crate) mod webhook_inbox;
