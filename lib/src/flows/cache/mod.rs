//! The cache of responses in Redis: reading, invalidating and warming.

pub(crate) mod invalidate;
pub(crate) mod read;
pub(crate) mod warm;
