//! The inbox of webhook events, and the events that cannot be applied.

mod inbox;
mod retries;
