//! What a deployment decides. Hosts read their environment once and hand it over.

mod read;
mod variables;
mod webhook;

pub use variables::{VARIABLES, Variable};
pub use webhook::{Verification, Webhook};

use crate::domain::{
    rate_limit::{Rule, Tier},
    secret::Secret,
};
use ipnet::IpNet;
use std::net::IpAddr;

/// Everything the product needs to know about its surroundings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the data is.
    pub supabase: Supabase,
    /// Where the cache is, if it is used.
    pub redis: Redis,
    /// Where the money is.
    pub paypal: PayPal,
    /// Any of these is an operator. Empty: operators' routes answer 503.
    pub admin_tokens: Vec<Secret>,
    /// What the cron presents. Absent: the crons' routes do nothing.
    pub cron_secret: Option<Secret>,
    /// Signs booking tokens.
    pub booking_token_secret: Secret,
    /// Origins that browsers may call from; `*` alone allows all.
    pub allowed_origins: Vec<String>,
    /// The public address, without a slash at the end: start of `bookingUrl` and of the payer's way back.
    pub public_base_url: String,
    /// The one header that carries the client's address, written by the platform in front of us.
    pub trusted_ip_header: Option<http::HeaderName>,
    /// How often a client may ask.
    pub limits: Limits,
    /// For how long a cache in front of us may keep what all visitors may see; 0: not at all.
    pub cdn_cache_seconds: u32,
    /// The commit this was built from, if known.
    pub commit: Option<String>,
}

/// Supabase: PostgREST behind a gateway that knows two kinds of keys.
#[derive(Clone, Debug)]
pub struct Supabase {
    /// Without a slash at the end.
    pub url: String,
    /// A key of the service role.
    pub key: SupabaseKey,
}

/// The two kinds of service keys, which travel in different headers.
/// <https://supabase.com/docs/guides/api/api-keys>
#[derive(Clone, Debug)]
pub enum SupabaseKey {
    /// `sb_secret_…`: in `apikey` only.
    Secret(Secret),
    /// A legacy JWT: in `apikey` and as the bearer token.
    LegacyJwt(Secret),
}

impl SupabaseKey {
    /// The key itself.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Secret(secret) | Self::LegacyJwt(secret) => secret,
        }
    }
}

/// Whether Redis is asked at all.
#[derive(Clone, Debug)]
pub enum Redis {
    /// Cache, locks and limits are shared.
    Upstash {
        /// Without a slash at the end.
        url: String,
        /// The REST token.
        token: Secret,
    },
    /// `DISABLE_REDIS`, or nothing configured.
    Disabled,
    /// `REDIS_BYPASS`: configured, left alone for now.
    Bypassed,
}

/// A PayPal REST app.
#[derive(Clone, Debug)]
pub struct PayPal {
    /// Without a slash at the end.
    pub base_url: String,
    /// `live` or `sandbox`.
    pub mode: PayPalMode,
    /// The app's id.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: Secret,
    /// Where its events come in. Absent: the webhook's route answers 503.
    pub webhook: Option<Webhook>,
}

/// Whether money is real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayPalMode {
    /// Real money.
    Live,
    /// Play money.
    Sandbox,
}

/// The rule of each tier, and who is not counted.
#[derive(Clone, Debug)]
pub struct Limits {
    rules: Vec<(Tier, Rule)>,
    allowed_networks: Vec<IpNet>,
    allowed_names: Vec<String>,
}

impl Limits {
    /// The rule in force for `tier`.
    #[must_use]
    pub fn rule(&self, tier: Tier) -> Rule {
        self.rules
            .iter()
            .find(|(of, _)| *of == tier)
            .map_or_else(|| tier.default_rule(), |(_, rule)| *rule)
    }

    /// Whether requests from `address` are not counted.
    #[must_use]
    pub fn exempts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed_networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whether requests of the user `name` are not counted.
    #[must_use]
    pub fn exempts_name(&self, name: &str) -> bool {
        self.allowed_names.iter().any(|allowed| allowed == name)
    }
}

/// What a host assumes where its environment is silent.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// The header that this host's platform overwrites with the client's address.
    pub trusted_ip_header: Option<http::HeaderName>,
    /// The public address when `PUBLIC_BASE_URL` is not set.
    pub public_base_url: Option<String>,
}

/// Why the environment does not make a configuration. Names the variable, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct ConfigError {
    /// The variable to look at.
    pub variable: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}
