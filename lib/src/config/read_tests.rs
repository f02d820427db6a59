//! Correct and wrong values of every variable.

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
fn required_variables_suffice() {
    let config = read(&complete()).unwrap();
    assert_eq!(config.supabase.url, "http://127.0.0.1:5000");
    assert!(matches!(config.supabase.key, SupabaseKey::Secret(_)));
    assert_eq!(config.paypal.base_url, "https://api-m.sandbox.paypal.com");
    assert!(matches!(config.redis, Redis::Upstash { .. }));
}

#[test]
fn missing_variable_is_named() {
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
        ("REDIS_TIMEOUT_MS", "fast"),
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
fn redis_has_three_configurations() {
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
fn redis_timeout_is_ten_to_5000_milliseconds() {
    let timeout = |config: Config| match config.redis {
        Redis::Upstash { timeout, .. } => timeout.as_millis(),
        Redis::Disabled | Redis::Bypassed => panic!("Redis is off"),
    };
    assert_eq!(timeout(read(&complete()).unwrap()), 150);
    for (text, millis) in [("10", 10), (" 400 ", 400), ("5000", 5_000)] {
        assert_eq!(timeout(with("REDIS_TIMEOUT_MS", text).unwrap()), millis);
    }
    for text in ["9", "5001", "0", "-150", "150ms", "0.15", "4294967446"] {
        assert_eq!(
            with("REDIS_TIMEOUT_MS", text).unwrap_err(),
            error(
                "REDIS_TIMEOUT_MS",
                "is not a whole number of milliseconds from 10 to 5000"
            ),
            "{text:?}"
        );
    }
}

#[test]
fn invalid_timeout_is_refused_without_redis() {
    let mut environment = complete();
    environment.insert("DISABLE_REDIS", "true");
    environment.insert("REDIS_TIMEOUT_MS", "fast");
    assert_eq!(read(&environment).unwrap_err().variable, "REDIS_TIMEOUT_MS");
}

#[test]
fn audit_log_is_kept_for_ninety_days() {
    assert_eq!(read(&complete()).unwrap().audit_retention_days, 400);
    for (text, days) in [("90", 90), (" 3660 ", 3_660)] {
        let config = with("AUDIT_RETENTION_DAYS", text).unwrap();
        assert_eq!(config.audit_retention_days, days);
    }
    for text in ["89", "0", "-400", "3661", "400d", "1.5"] {
        assert_eq!(
            with("AUDIT_RETENTION_DAYS", text).unwrap_err(),
            error(
                "AUDIT_RETENTION_DAYS",
                "is not a whole number of days from 90 to 3660"
            ),
            "{text:?}"
        );
    }
}

#[test]
fn limits_and_exemptions_are_read() {
    let config = with("RATE_LIMIT_ALLOWLIST", "10.0.0.0/8, 192.0.2.7, user-1").unwrap();
    assert!(config.limits.exempts("10.1.2.3".parse().unwrap()));
    assert!(config.limits.exempts("::ffff:192.0.2.7".parse().unwrap()));
    assert!(!config.limits.exempts("192.0.2.8".parse().unwrap()));
    assert!(config.limits.exempts_user("user-1"));
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
