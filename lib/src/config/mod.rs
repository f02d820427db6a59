//! The configuration of a deployment. A host reads its environment once into a [`Config`].

mod read;
mod variables;
mod webhook;

pub use variables::{VARIABLES, Variable};
pub(crate) use webhook::{Verification, Webhook};

use crate::domain::{
    rate_limit::{Rule, Tier},
    secret::Secret,
};
use ipnet::IpNet;
use std::{net::IpAddr, time::Duration};

/// All settings of the product.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) supabase: Supabase,
    pub(crate) redis: Redis,
    pub(crate) paypal: PayPal,
    /// Each of these tokens belongs to an operator. With none, the operators' routes return 503.
    pub(crate) admin_tokens: Vec<Secret>,
    /// The token of the crons. Without it, their routes do nothing.
    pub(crate) cron_secret: Option<Secret>,
    /// Signs booking tokens.
    pub(crate) booking_token_secret: Secret,
    /// Origins that browsers may call from. A single `*` allows all.
    pub(crate) allowed_origins: Vec<String>,
    /// The start of `bookingUrl` and of the payer's return address, without a slash at the end.
    pub(crate) public_base_url: String,
    /// The header that carries the client's address, written by the platform in front.
    pub(crate) trusted_ip_header: Option<http::HeaderName>,
    pub(crate) limits: Limits,
    /// How long a CDN may cache public responses. 0 forbids it.
    pub(crate) cdn_cache_seconds: u32,
    /// How long the audit log, the security events and the history of bookings are kept.
    pub(crate) audit_retention_days: u32,
    /// The commit of this build.
    pub(crate) commit: Option<String>,
}

/// Supabase: PostgREST behind a gateway that accepts two kinds of keys.
#[derive(Clone, Debug)]
pub(crate) struct Supabase {
    /// Without a slash at the end.
    pub(crate) url: String,
    /// A key of the service role.
    pub(crate) key: SupabaseKey,
}

/// The two kinds of service keys, which go into different headers.
/// <https://supabase.com/docs/guides/api/api-keys>
#[derive(Clone, Debug)]
pub(crate) enum SupabaseKey {
    /// `sb_secret_…`: in `apikey` only.
    Secret(Secret),
    /// A legacy JWT: in `apikey` and as the bearer token.
    LegacyJwt(Secret),
}

impl SupabaseKey {
    #[must_use]
    pub(crate) fn secret(&self) -> &Secret {
        match self {
            Self::Secret(secret) | Self::LegacyJwt(secret) => secret,
        }
    }
}

/// Whether and where Redis is used.
#[derive(Clone, Debug)]
pub(crate) enum Redis {
    /// The instances share cache, locks and limits.
    Upstash {
        /// Without a slash at the end.
        url: String,
        token: Secret,
        /// How long a visitor's request waits for Redis.
        timeout: Duration,
    },
    /// `DISABLE_REDIS` is set, or no address.
    Disabled,
    /// `REDIS_BYPASS` is set.
    Bypassed,
}

/// A PayPal REST app.
#[derive(Clone, Debug)]
pub(crate) struct PayPal {
    /// Without a slash at the end.
    pub(crate) base_url: String,
    pub(crate) mode: PayPalMode,
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    /// Without one, the webhook's route returns 503.
    pub(crate) webhook: Option<Webhook>,
}

/// Whether money is real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PayPalMode {
    /// Real money.
    Live,
    /// Test money.
    Sandbox,
}

/// The rate limit of each tier, and the clients without limits.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    rules: Vec<(Tier, Rule)>,
    allowed_networks: Vec<IpNet>,
    allowed_users: Vec<String>,
}

impl Limits {
    /// The rule in force for `tier`.
    #[must_use]
    pub(crate) fn rule(&self, tier: Tier) -> Rule {
        self.rules
            .iter()
            .find(|(of, _)| *of == tier)
            .map_or_else(|| tier.default_rule(), |(_, rule)| *rule)
    }

    /// Whether requests from `address` have no limit.
    #[must_use]
    pub(crate) fn exempts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed_networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whether requests of the user with this id have no limit.
    #[must_use]
    pub(crate) fn exempts_user(&self, id: &str) -> bool {
        self.allowed_users.iter().any(|allowed| allowed == id)
    }
}

/// A host's values for variables that are not set.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// The header that this host's platform overwrites with the client's address.
    pub trusted_ip_header: Option<http::HeaderName>,
    /// The value for `PUBLIC_BASE_URL`.
    pub public_base_url: Option<String>,
}

/// An invalid variable. The error names the variable, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct ConfigError {
    pub variable: &'static str,
    pub problem: &'static str,
}
