//! Holds, orders and cancellations.

pub(crate) mod cancel;
pub(crate) mod hold;
pub(crate) mod lock;
pub(crate) mod order;
pub(crate) mod token;
