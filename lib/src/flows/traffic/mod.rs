//! Rate limits, callers and request metrics.

pub mod admission;
pub mod callers;
pub mod metrics;
pub mod violations;
