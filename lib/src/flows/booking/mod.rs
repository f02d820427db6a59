//! Holds, orders and cancellations.

pub mod cancel;
pub mod hold;
pub mod lock;
pub mod order;
pub mod token;
