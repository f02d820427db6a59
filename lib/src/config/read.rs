//! Reading the configuration: every variable is looked up here, by its name.

use super::{
    Config, ConfigError, Defaults, Limits, PayPal, PayPalMode, Redis, Supabase, SupabaseKey,
    Webhook,
};
use crate::domain::{
    rate_limit::{Rule, Tier},
    secret::Secret,
};
use ipnet::IpNet;
use std::net::IpAddr;

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
        let read = |name: &str| {
            variable(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let supabase = read_supabase(&read)?;
        let public_base_url = match read("PUBLIC_BASE_URL").or(defaults.public_base_url) {
            Some(url) => http_url(&url, "PUBLIC_BASE_URL")?,
            None => return Err(error("PUBLIC_BASE_URL", MISSING)),
        };
        Ok(Self {
            redis: read_redis(&read)?,
            paypal: read_paypal(&read)?,
            admin_tokens: read_list(&read, "ADMIN_TOKEN").map(Secret::new).collect(),
            cron_secret: read_cron_secret(&read)?,
            // Without a secret of its own the token hangs on the service key: rotating that ends all links.
            booking_token_secret: read("BOOKING_TOKEN_SECRET").map_or_else(
                || Secret::new(supabase.key.secret().sign("booking-token-secret")),
                Secret::new,
            ),
            allowed_origins: read_list(&read, "ALLOWED_ORIGINS").collect(),
            public_base_url,
            trusted_ip_header: match read("TRUSTED_IP_HEADER") {
                None => defaults.trusted_ip_header,
                Some(name) => Some(
                    name.parse()
                        .map_err(|_| error("TRUSTED_IP_HEADER", "is not a header's name"))?,
                ),
            },
            limits: read_limits(&read)?,
            cdn_cache_seconds: read_cdn_cache_seconds(&read)?,
            commit: read("VERCEL_GIT_COMMIT_SHA").or_else(|| read("COMMIT_SHA")),
            supabase,
        })
    }
}

pub(super) type Read<'a> = dyn Fn(&str) -> Option<String> + 'a;

fn read_list(read: &Read<'_>, name: &str) -> impl Iterator<Item = String> {
    let text = read(name).unwrap_or_default();
    let items: Vec<String> = text
        .split(',')
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect();
    items.into_iter()
}

fn read_flag(read: &Read<'_>, name: &'static str) -> Result<bool, ConfigError> {
    match read(name).as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(error(name, "is neither true nor false")),
    }
}

fn http_url(url: &str, name: &'static str) -> Result<String, ConfigError> {
    let parsed: http::Uri = url.parse().map_err(|_| error(name, "is not an address"))?;
    let complete =
        matches!(parsed.scheme_str(), Some("http" | "https")) && parsed.authority().is_some();
    if complete {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(error(name, "is not an http or https address"))
    }
}

fn read_supabase(read: &Read<'_>) -> Result<Supabase, ConfigError> {
    let url = read("SUPABASE_URL").ok_or(error("SUPABASE_URL", MISSING))?;
    let key = read("SUPABASE_SECRET_KEY")
        .or_else(|| read("SUPABASE_SERVICE_ROLE_KEY"))
        .ok_or(error("SUPABASE_SECRET_KEY", MISSING))?;
    if http::HeaderValue::from_str(&key).is_err() {
        return Err(error(
            "SUPABASE_SECRET_KEY",
            "holds characters that no header can carry",
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

fn read_redis(read: &Read<'_>) -> Result<Redis, ConfigError> {
    if read_flag(read, "DISABLE_REDIS")? {
        return Ok(Redis::Disabled);
    }
    if read_flag(read, "REDIS_BYPASS")? {
        return Ok(Redis::Bypassed);
    }
    let pairs = [
        ("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"),
        ("KV_REST_API_URL", "KV_REST_API_TOKEN"),
    ];
    for (url_name, token_name) in pairs {
        match (read(url_name), read(token_name)) {
            (Some(url), Some(token)) => {
                return Ok(Redis::Upstash {
                    url: http_url(&url, url_name)?,
                    token: Secret::new(token),
                });
            }
            (Some(_), None) => return Err(error(token_name, MISSING)),
            (None, Some(_)) => return Err(error(url_name, MISSING)),
            (None, None) => {}
        }
    }
    Ok(Redis::Disabled)
}

fn read_paypal(read: &Read<'_>) -> Result<PayPal, ConfigError> {
    const LIVE: &str = "https://api-m.paypal.com";
    const SANDBOX: &str = "https://api-m.sandbox.paypal.com";
    let mode = match read("PAYPAL_MODE").as_deref() {
        Some("live") => PayPalMode::Live,
        Some("sandbox") => PayPalMode::Sandbox,
        Some(_) => return Err(error("PAYPAL_MODE", "is neither live nor sandbox")),
        None => return Err(error("PAYPAL_MODE", MISSING)),
    };
    let base_url = match (mode, read("PAYPAL_BASE_URL")) {
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
        client_id: read("PAYPAL_CLIENT_ID").ok_or(error("PAYPAL_CLIENT_ID", MISSING))?,
        client_secret: read("PAYPAL_CLIENT_SECRET")
            .map(Secret::new)
            .ok_or(error("PAYPAL_CLIENT_SECRET", MISSING))?,
        webhook: Webhook::read(read, mode)?,
    })
}

fn read_cron_secret(read: &Read<'_>) -> Result<Option<Secret>, ConfigError> {
    match read("CRON_SECRET") {
        Some(secret) if secret.len() < 16 => {
            Err(error("CRON_SECRET", "is shorter than 16 characters"))
        }
        secret => Ok(secret.map(Secret::new)),
    }
}

fn read_cdn_cache_seconds(read: &Read<'_>) -> Result<u32, ConfigError> {
    const NAME: &str = "CDN_CACHE_SECONDS";
    match read(NAME).map(|text| text.parse()) {
        None => Ok(0),
        Some(Ok(seconds)) if seconds <= 3_600 => Ok(seconds),
        Some(_) => Err(error(
            NAME,
            "is not a whole number of seconds from 0 to 3600",
        )),
    }
}

fn read_limits(read: &Read<'_>) -> Result<Limits, ConfigError> {
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
        if let Some(text) = read(name) {
            let rule = Rule::parse(&text).ok_or(error(name, "is not of the form 60/60s"))?;
            rules.push((tier, rule));
        }
    }
    let (mut allowed_networks, mut allowed_names) = (Vec::new(), Vec::new());
    for item in read_list(read, "RATE_LIMIT_ALLOWLIST") {
        if let Ok(network) = item.parse::<IpNet>() {
            allowed_networks.push(network);
        } else if let Ok(address) = item.parse::<IpAddr>() {
            allowed_networks.push(IpNet::from(address));
        } else {
            allowed_names.push(item);
        }
    }
    Ok(Limits {
        rules,
        allowed_networks,
        allowed_names,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn complete() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("SUPABASE_URL", "http://127.0.0.1:5000/"),
            ("SUPABASE_SECRET_KEY", "sb_secret_abc"),
            ("UPSTASH_REDIS_REST_URL", "http://127.0.0.1:5001"),
            ("UPSTASH_REDIS_REST_TOKEN", "token"),
            ("PAYPAL_MODE", "sandbox"),
            ("PAYPAL_CLIENT_ID", "id"),
            ("PAYPAL_CLIENT_SECRET", "secret"),
            ("PUBLIC_BASE_URL", "https://exodrive.example"),
            ("CRON_SECRET", "0123456789abcdef"),
        ])
    }

    fn read(environment: &BTreeMap<&'static str, &'static str>) -> Result<Config, ConfigError> {
        Config::read(
            |name| environment.get(name).map(ToString::to_string),
            Defaults::default(),
        )
    }

    fn with(name: &'static str, value: &'static str) -> Result<Config, ConfigError> {
        let mut environment = complete();
        environment.insert(name, value);
        read(&environment)
    }

    #[test]
    fn a_complete_environment_is_enough() {
        let config = read(&complete()).unwrap();
        assert_eq!(config.supabase.url, "http://127.0.0.1:5000");
        assert!(matches!(config.supabase.key, SupabaseKey::Secret(_)));
        assert_eq!(config.paypal.base_url, "https://api-m.sandbox.paypal.com");
        assert!(matches!(config.redis, Redis::Upstash { .. }));
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in [
            "SUPABASE_URL",
            "SUPABASE_SECRET_KEY",
            "PAYPAL_MODE",
            "PAYPAL_CLIENT_ID",
            "PAYPAL_CLIENT_SECRET",
            "PUBLIC_BASE_URL",
            "UPSTASH_REDIS_REST_TOKEN",
        ] {
            let mut environment = complete();
            environment.remove(name);
            assert_eq!(read(&environment).unwrap_err(), error(name, MISSING));
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (name, value) in [
            ("PAYPAL_MODE", "production"),
            ("PAYPAL_BASE_URL", "https://api-m.paypal.com"),
            ("CRON_SECRET", "short"),
            ("RATE_LIMIT_BOOKING", "many"),
            ("DISABLE_REDIS", "maybe"),
            ("SUPABASE_URL", "localhost"),
        ] {
            assert_eq!(with(name, value).unwrap_err().variable, name);
        }
        let mut live = complete();
        live.insert("PAYPAL_MODE", "live");
        live.insert("PAYPAL_BASE_URL", "https://api-m.sandbox.paypal.com");
        assert_eq!(read(&live).unwrap_err().variable, "PAYPAL_BASE_URL");
    }

    #[test]
    fn redis_can_be_left_out_switched_off_or_named_otherwise() {
        assert!(matches!(
            with("DISABLE_REDIS", "true").unwrap().redis,
            Redis::Disabled
        ));
        assert!(matches!(
            with("REDIS_BYPASS", "true").unwrap().redis,
            Redis::Bypassed
        ));
        let mut environment = complete();
        environment.remove("UPSTASH_REDIS_REST_URL");
        environment.remove("UPSTASH_REDIS_REST_TOKEN");
        assert!(matches!(read(&environment).unwrap().redis, Redis::Disabled));
        environment.insert("KV_REST_API_URL", "https://kv.example");
        environment.insert("KV_REST_API_TOKEN", "token");
        assert!(matches!(
            read(&environment).unwrap().redis,
            Redis::Upstash { .. }
        ));
    }

    #[test]
    fn limits_and_exemptions_are_read() {
        let config = with("RATE_LIMIT_ALLOWLIST", "10.0.0.0/8, 192.0.2.7, user-1").unwrap();
        assert!(config.limits.exempts("10.1.2.3".parse().unwrap()));
        assert!(config.limits.exempts("::ffff:192.0.2.7".parse().unwrap()));
        assert!(!config.limits.exempts("192.0.2.8".parse().unwrap()));
        assert!(config.limits.exempts_name("user-1"));
        let config = with("RATE_LIMIT_PUBLIC", "1000/1s").unwrap();
        assert_eq!(
            config.limits.rule(Tier::Public),
            Rule {
                limit: 1000,
                window_seconds: 1
            }
        );
        assert_eq!(
            config.limits.rule(Tier::Booking),
            Tier::Booking.default_rule()
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", read(&complete()).unwrap());
        for secret in [
            "sb_secret_abc",
            "\"token\"",
            "0123456789abcdef",
            "\"secret\"",
        ] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
