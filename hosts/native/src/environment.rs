//! Reading the configuration from the process environment.

use exodrive::config::{Config, ConfigError, Defaults};

/// The product's configuration, as this process was started with it.
#[expect(
    clippy::disallowed_methods,
    reason = "a host reads its environment once, here"
)]
pub fn read_config(defaults: Defaults) -> Result<Config, ConfigError> {
    Config::read(|name| std::env::var(name).ok(), defaults)
}
