//! Webhook events of PayPal: delivery, retry, dead letters and replay.

mod dead_letters;
mod paypal;
mod redelivery;
mod retry;
