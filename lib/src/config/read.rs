//! Reads the configuration. Every variable is looked up here by its name.

use super::{
    Config, ConfigError, Defaults, Limits, PayPal, PayPalMode, Redis, Supabase, SupabaseKey,
    Webhook,
};
use crate::domain::{
    rate_limit::{Rule, Tier},
    secret::Secret,
};
use ipnet::IpNet;
use std::{net::IpAddr, ops::RangeInclusive, time::Duration};

pub(super) const fn error(variable: &'static str, problem: &'static str) -> ConfigError {
    ConfigError { variable, problem }
}

pub(super) const MISSING: &str = "is not set";

impl Config {
    /// Reads the environment that `variable` looks up. An empty variable counts as unset.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        defaults: Defaults,
    ) -> Result<Self, ConfigError> {
        let environment = |name: &str| {
            variable(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let supabase = read_supabase(&environment)?;
        let public_base_url = match environment("PUBLIC_BASE_URL").or(defaults.public_base_url) {
            Some(url) => http_url(&url, "PUBLIC_BASE_URL")?,
            None => return Err(error("PUBLIC_BASE_URL", MISSING)),
        };
        Ok(Self {
            redis: read_redis(&environment)?,
            paypal: read_paypal(&environment)?,
            admin_tokens: read_list(&environment, "ADMIN_TOKEN")
                .map(Secret::new)
                .collect(),
            cron_secret: read_cron_secret(&environment)?,
            // Without BOOKING_TOKEN_SECRET, rotating the service key invalidates all links.
            booking_token_secret: environment("BOOKING_TOKEN_SECRET").map_or_else(
                || Secret::new(supabase.key.secret().sign("booking-token-secret")),
                Secret::new,
            ),
            allowed_origins: read_list(&environment, "ALLOWED_ORIGINS").collect(),
            public_base_url,
            trusted_ip_header: match environment("TRUSTED_IP_HEADER") {
                None => defaults.trusted_ip_header,
                Some(name) => Some(
                    name.parse()
                        .map_err(|_| error("TRUSTED_IP_HEADER", "is not a header name"))?,
                ),
            },
            limits: read_limits(&environment)?,
            cdn_cache_seconds: read_cdn_cache_seconds(&environment)?,
            audit_retention_days: read_audit_retention_days(&environment)?,
            commit: environment("VERCEL_GIT_COMMIT_SHA").or_else(|| environment("COMMIT_SHA")),
            supabase,
        })
    }
}

/// Looks up a variable by name. `None` if it is unset or empty.
pub(super) type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

fn read_list(environment: &Environment<'_>, name: &str) -> impl Iterator<Item = String> {
    let text = environment(name).unwrap_or_default();
    let items: Vec<String> = text
        .split(',')
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect();
    items.into_iter()
}

fn read_flag(environment: &Environment<'_>, name: &'static str) -> Result<bool, ConfigError> {
    match environment(name).as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(error(name, "is neither true nor false")),
    }
}

fn read_number(
    environment: &Environment<'_>,
    name: &'static str,
    range: RangeInclusive<u32>,
    problem: &'static str,
) -> Result<Option<u32>, ConfigError> {
    match environment(name).map(|text| text.parse()) {
        None => Ok(None),
        Some(Ok(number)) if range.contains(&number) => Ok(Some(number)),
        Some(_) => Err(error(name, problem)),
    }
}

fn http_url(url: &str, name: &'static str) -> Result<String, ConfigError> {
    let parsed: http::Uri = url.parse().map_err(|_| error(name, "is not an address"))?;
    let is_complete =
        matches!(parsed.scheme_str(), Some("http" | "https")) && parsed.authority().is_some();
    if is_complete {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(error(name, "is not an http or https address"))
    }
}

fn read_supabase(environment: &Environment<'_>) -> Result<Supabase, ConfigError> {
    let url = environment("SUPABASE_URL").ok_or(error("SUPABASE_URL", MISSING))?;
    let key = environment("SUPABASE_SECRET_KEY")
        .or_else(|| environment("SUPABASE_SERVICE_ROLE_KEY"))
        .ok_or(error("SUPABASE_SECRET_KEY", MISSING))?;
    if http::HeaderValue::from_str(&key).is_err() {
        return Err(error(
            "SUPABASE_SECRET_KEY",
            "has characters that a header cannot carry",
        ));
    }
    let is_secret_key = key.starts_with("sb_");
    let key = Secret::new(key);
    Ok(Supabase {
        url: http_url(&url, "SUPABASE_URL")?,
        key: if is_secret_key {
            SupabaseKey::Secret(key)
        } else {
            SupabaseKey::LegacyJwt(key)
        },
    })
}

fn read_redis(environment: &Environment<'_>) -> Result<Redis, ConfigError> {
    let timeout = read_redis_timeout(environment)?;
    if read_flag(environment, "DISABLE_REDIS")? {
        return Ok(Redis::Disabled);
    }
    if read_flag(environment, "REDIS_BYPASS")? {
        return Ok(Redis::Bypassed);
    }
    let pairs = [
        ("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"),
        ("KV_REST_API_URL", "KV_REST_API_TOKEN"),
    ];
    for (url_name, token_name) in pairs {
        match (environment(url_name), environment(token_name)) {
            (Some(url), Some(token)) => {
                return Ok(Redis::Upstash {
                    url: http_url(&url, url_name)?,
                    token: Secret::new(token),
                    timeout,
                });
            }
            (Some(_), None) => return Err(error(token_name, MISSING)),
            (None, Some(_)) => return Err(error(url_name, MISSING)),
            (None, None) => {}
        }
    }
    Ok(Redis::Disabled)
}

fn read_redis_timeout(environment: &Environment<'_>) -> Result<Duration, ConfigError> {
    let millis = read_number(
        environment,
        "REDIS_TIMEOUT_MS",
        10..=5_000,
        "is not a whole number of milliseconds from 10 to 5000",
    )?;
    Ok(Duration::from_millis(millis.unwrap_or(150).into()))
}

fn read_paypal(environment: &Environment<'_>) -> Result<PayPal, ConfigError> {
    const LIVE: &str = "https://api-m.paypal.com";
    const SANDBOX: &str = "https://api-m.sandbox.paypal.com";
    let mode = match environment("PAYPAL_MODE").as_deref() {
        Some("live") => PayPalMode::Live,
        Some("sandbox") => PayPalMode::Sandbox,
        Some(_) => return Err(error("PAYPAL_MODE", "is neither live nor sandbox")),
        None => return Err(error("PAYPAL_MODE", MISSING)),
    };
    let base_url = match (mode, environment("PAYPAL_BASE_URL")) {
        (PayPalMode::Live, None) => LIVE.to_owned(),
        (PayPalMode::Sandbox, None) => SANDBOX.to_owned(),
        (PayPalMode::Live, Some(url)) if url.trim_end_matches('/') == LIVE => LIVE.to_owned(),
        (PayPalMode::Live, Some(_)) => {
            return Err(error(
                "PAYPAL_BASE_URL",
                "must not be set when PAYPAL_MODE is live",
            ));
        }
        (PayPalMode::Sandbox, Some(url)) if url.trim_end_matches('/') == LIVE => {
            return Err(error(
                "PAYPAL_BASE_URL",
                "is the live address while PAYPAL_MODE is sandbox",
            ));
        }
        (PayPalMode::Sandbox, Some(url)) => http_url(&url, "PAYPAL_BASE_URL")?,
    };
    Ok(PayPal {
        base_url,
        mode,
        client_id: environment("PAYPAL_CLIENT_ID").ok_or(error("PAYPAL_CLIENT_ID", MISSING))?,
        client_secret: environment("PAYPAL_CLIENT_SECRET")
            .map(Secret::new)
            .ok_or(error("PAYPAL_CLIENT_SECRET", MISSING))?,
        webhook: Webhook::read(environment, mode)?,
    })
}

fn read_cron_secret(environment: &Environment<'_>) -> Result<Option<Secret>, ConfigError> {
    match environment("CRON_SECRET") {
        Some(secret) if secret.len() < 16 => {
            Err(error("CRON_SECRET", "is shorter than 16 characters"))
        }
        secret => Ok(secret.map(Secret::new)),
    }
}

fn read_cdn_cache_seconds(environment: &Environment<'_>) -> Result<u32, ConfigError> {
    let seconds = read_number(
        environment,
        "CDN_CACHE_SECONDS",
        0..=3_600,
        "is not a whole number of seconds from 0 to 3600",
    )?;
    Ok(seconds.unwrap_or(0))
}

fn read_audit_retention_days(environment: &Environment<'_>) -> Result<u32, ConfigError> {
    let days = read_number(
        environment,
        "AUDIT_RETENTION_DAYS",
        90..=3_660,
        "is not a whole number of days from 90 to 3660",
    )?;
    Ok(days.unwrap_or(400))
}

fn read_limits(environment: &Environment<'_>) -> Result<Limits, ConfigError> {
    let mut rules = Vec::new();
    for tier in Tier::ALL {
        let name = match tier {
            Tier::Public => "RATE_LIMIT_PUBLIC",
            Tier::Authenticated => "RATE_LIMIT_AUTHENTICATED",
            Tier::Booking => "RATE_LIMIT_BOOKING",
            Tier::Payment => "RATE_LIMIT_PAYMENT",
            Tier::Admin => "RATE_LIMIT_ADMIN",
            Tier::Webhook => "RATE_LIMIT_WEBHOOK",
        };
        if let Some(text) = environment(name) {
            let rule = Rule::parse(&text).ok_or(error(name, "is not of the form 60/60s"))?;
            rules.push((tier, rule));
        }
    }
    let (mut allowed_networks, mut allowed_users) = (Vec::new(), Vec::new());
    for item in read_list(environment, "RATE_LIMIT_ALLOWLIST") {
        if let Ok(network) = item.parse::<IpNet>() {
            allowed_networks.push(network);
        } else if let Ok(address) = item.parse::<IpAddr>() {
            allowed_networks.push(IpNet::from(address));
        } else {
            allowed_users.push(item);
        }
    }
    Ok(Limits {
        rules,
        allowed_networks,
        allowed_users,
    })
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
