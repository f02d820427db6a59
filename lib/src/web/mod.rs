//! HTTP as routes see it: a request that has been read, fields that have been checked, a reply that can be sent.

pub mod address;
pub mod fields;
pub mod reply;
pub mod request;
