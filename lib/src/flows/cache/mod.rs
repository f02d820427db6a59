//! The cache of responses in Redis: reading, invalidating and warming.

pub mod invalidate;
pub mod read;
pub mod warm;
