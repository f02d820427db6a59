//! The round trip to Redis that most requests begin with.

pub mod admit;
pub mod lease;
pub mod lookup;
