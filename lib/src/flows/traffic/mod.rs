//! Rate limits, callers, request metrics and the audit of operators.

pub(crate) mod admission;
pub(crate) mod callers;
pub(crate) mod metrics;
pub(crate) mod operators;
pub(crate) mod violations;
