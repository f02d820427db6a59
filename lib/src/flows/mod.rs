//! Steps that routes share. A flow knows clients and decisions, not HTTP and not problems.

pub mod admission;
pub mod authorize;
pub mod cache;
pub mod callers;
pub mod cancel;
pub mod capture;
pub mod hold;
pub mod lease;
pub mod lock;
pub mod metrics;
pub mod observe;
pub mod order;
pub mod reauthorize;
pub mod reconcile;
pub mod refund;
mod step;
pub mod violations;
pub mod void;
pub mod webhook;
