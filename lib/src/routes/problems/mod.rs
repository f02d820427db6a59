//! Every error that a client can meet: its code, its status and its text (RFC 9457).
//!
//! The client gets a code and a text that says what to do. The log gets the chain of causes.
//! Neither gets secrets, SQL or personal data.

mod codes;
mod input;
mod problem;
mod refusals;
mod upstream;

pub use codes::Code;
pub use problem::Problem;
