//! The clients of the three upstreams. A client builds requests, decodes responses and names
//! failures.
//!
//! | client | upstream | protocol |
//! |---|---|---|
//! | [`supabase`] | PostgreSQL | PostgREST function calls |
//! | [`upstash`] | Redis | Upstash's REST pipeline |
//! | [`paypal`] | PayPal | Orders v2, Payments v2 |

pub(crate) mod json;
pub(crate) mod paypal;
mod redaction;
pub(crate) mod supabase;
pub mod upstash;
