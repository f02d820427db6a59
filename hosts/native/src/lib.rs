//! The seam on an ordinary operating system: one pooled HTTPS client, tokio's timers, the system's clock and randomness.
//!
//! The Vercel functions, the local host and the operators' command line all stand on it.

mod clock;
mod environment;
mod log;
mod platform;

pub use clock::Clock;
pub use environment::read_config;
pub use log::log_to_stderr;
pub use platform::{NativePlatform, Spawn, read_body};
