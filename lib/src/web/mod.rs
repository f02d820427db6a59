//! HTTP as routes see it: requests, their fields, and replies.

pub(crate) mod address;
pub(crate) mod csv;
pub(crate) mod fields;
pub(crate) mod reply;
pub(crate) mod request;
