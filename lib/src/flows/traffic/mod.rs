//! Rate limits, callers and request metrics.

pub(crate) mod admission;
pub(crate) mod callers;
pub(crate) mod metrics;
pub(crate) mod violations;
