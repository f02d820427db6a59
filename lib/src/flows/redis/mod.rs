//! The round trip to Redis that most requests begin with.

pub(crate) mod admit;
pub(crate) mod lease;
pub(crate) mod lookup;
