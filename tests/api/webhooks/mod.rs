//! Webhook events of PayPal: delivery, retry, dead letters and replay.

mod approvals;
mod dead_letters;
mod disputes;
mod paypal;
mod redelivery;
mod retry;
