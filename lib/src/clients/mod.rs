//! The three upstreams: how a request to each is built, how its answer is read, and what its refusals are called.
//!
//! | client | upstream | protocol |
//! |---|---|---|
//! | [`supabase`] | PostgreSQL | PostgREST function calls |
//! | [`upstash`] | Redis | Upstash's REST pipeline |
//! | [`paypal`] | PayPal | Orders v2, Payments v2 |

pub mod paypal;
pub mod supabase;
pub mod upstash;
