//! Reads the configuration from the process environment.

use exodrive::config::{Config, ConfigError, Defaults};

/// The product's configuration.
#[expect(
    clippy::disallowed_methods,
    reason = "a host reads its environment once"
)]
pub fn read_config(defaults: Defaults) -> Result<Config, ConfigError> {
    Config::read(|name| std::env::var(name).ok(), defaults)
}
