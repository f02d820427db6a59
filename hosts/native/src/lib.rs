//! The platform of an ordinary operating system: a pooled HTTPS client, tokio's timers, the
//! system's clock and randomness.
//!
//! The Vercel functions, the local host and the operators' command line use it.

mod clock;
mod environment;
mod log;
mod platform;

pub use clock::Clock;
pub use environment::read_config;
pub use log::log_to_stderr;
pub use platform::{NativePlatform, Spawn, read_body};
