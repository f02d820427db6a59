//! The list of environment variables. `tests/tidy/documents.rs` compares it with
//! `docs/CONFIGURATION.md` and `.env.example`.

/// One environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    /// For the documentation, in Markdown.
    pub meaning: &'static str,
    /// The value or the effect of an unset variable. `required` when the configuration is invalid
    /// without it.
    pub default: &'static str,
    /// `all`, or the only host that reads it.
    pub host: &'static str,
    /// Secrets are never logged or shown.
    pub is_secret: bool,
}

const fn plain(name: &'static str, meaning: &'static str, default: &'static str) -> Variable {
    Variable {
        name,
        meaning,
        default,
        host: "all",
        is_secret: false,
    }
}

const fn secret(name: &'static str, meaning: &'static str, default: &'static str) -> Variable {
    Variable {
        is_secret: true,
        ..plain(name, meaning, default)
    }
}

/// Every variable, in the order of `docs/CONFIGURATION.md`.
pub const VARIABLES: [Variable; 34] = [
    plain("SUPABASE_URL", "The project's address", "required"),
    secret(
        "SUPABASE_SECRET_KEY",
        "A service key, `sb_secret_…` or a legacy JWT",
        "`SUPABASE_SERVICE_ROLE_KEY`, otherwise required",
    ),
    secret(
        "SUPABASE_SERVICE_ROLE_KEY",
        "The older name, read when `SUPABASE_SECRET_KEY` is not set",
        "unset",
    ),
    plain(
        "UPSTASH_REDIS_REST_URL",
        "Redis' REST address",
        "`KV_REST_API_URL`, otherwise no Redis",
    ),
    secret(
        "UPSTASH_REDIS_REST_TOKEN",
        "Redis' REST token",
        "required with `UPSTASH_REDIS_REST_URL`",
    ),
    plain(
        "KV_REST_API_URL",
        "The Vercel integration's name for the address",
        "unset",
    ),
    secret(
        "KV_REST_API_TOKEN",
        "The Vercel integration's name for the token",
        "required with `KV_REST_API_URL`",
    ),
    plain(
        "DISABLE_REDIS",
        "`true` stops all calls to Redis, and each instance counts the limits alone",
        "`false`",
    ),
    plain(
        "REDIS_BYPASS",
        "`true` does the same, and `/api/health` reports `bypassed`",
        "`false`",
    ),
    plain(
        "REDIS_TIMEOUT_MS",
        "Milliseconds that a visitor's request waits for Redis, 10 to 5000",
        "`150`",
    ),
    plain(
        "PAYPAL_MODE",
        "`live` or `sandbox`, nothing else",
        "required",
    ),
    plain("PAYPAL_CLIENT_ID", "The REST app's client id", "required"),
    secret("PAYPAL_CLIENT_SECRET", "The REST app's secret", "required"),
    plain(
        "PAYPAL_BASE_URL",
        "Another address of PayPal's API, refused in `live` mode",
        "PayPal's own address for the mode",
    ),
    plain(
        "PAYPAL_WEBHOOK_ID",
        "The id that PayPal gave the webhook",
        "The webhook route returns 503",
    ),
    plain(
        "PAYPAL_WEBHOOK_VERIFICATION",
        "`api` lets PayPal verify signatures, `certificate` verifies them here",
        "`api`",
    ),
    plain(
        "PAYPAL_WEBHOOK_ROOT",
        "A trusted root certificate as PEM or base64 DER, refused in `live` mode",
        "DigiCert's roots, which sign PayPal's certificates",
    ),
    secret(
        "ADMIN_TOKEN",
        "The operators' tokens, comma separated",
        "Only Supabase users with the role admin are operators",
    ),
    secret(
        "CRON_SECRET",
        "The crons' secret, at least 16 characters",
        "The crons' routes do nothing, and return 503 to a request with a secret",
    ),
    secret(
        "BOOKING_TOKEN_SECRET",
        "Signs booking tokens. A new value invalidates all links",
        "Derived from the service key",
    ),
    plain(
        "PUBLIC_BASE_URL",
        "The public address, for `bookingUrl` and the payer's return",
        "Vercel: the production domain, local: its own address, Worker: required",
    ),
    plain(
        "ALLOWED_ORIGINS",
        "Origins that browsers may call from, comma separated, or `*` for all",
        "None",
    ),
    plain(
        "TRUSTED_IP_HEADER",
        "The header with the client's address, which the platform in front overwrites",
        "Vercel `x-vercel-forwarded-for`, Worker `cf-connecting-ip`, local `x-forwarded-for`",
    ),
    plain(
        "RATE_LIMIT_PUBLIC",
        "Any client, by address, written as `60/60s`",
        "`60/60s`",
    ),
    plain("RATE_LIMIT_AUTHENTICATED", "A signed-in user", "`120/60s`"),
    plain("RATE_LIMIT_BOOKING", "Creating bookings", "`10/60s`"),
    plain(
        "RATE_LIMIT_PAYMENT",
        "Creating and authorizing orders, and cancellations",
        "`10/60s`",
    ),
    plain("RATE_LIMIT_ADMIN", "Operators and crons", "`300/60s`"),
    plain("RATE_LIMIT_WEBHOOK", "PayPal's events", "`100/60s`"),
    plain(
        "RATE_LIMIT_ALLOWLIST",
        "Networks (CIDR) and user ids without limits, comma separated",
        "None",
    ),
    plain(
        "CDN_CACHE_SECONDS",
        "Seconds that a CDN may cache the list and the cars, up to 3600 ([rules](API.md#cdn-caching))",
        "`0`, not at all",
    ),
    plain(
        "AUDIT_RETENTION_DAYS",
        "Days that the audit log, the security events and the history of bookings are kept, 90 to 3660",
        "`400`",
    ),
    plain(
        "COMMIT_SHA",
        "The commit that `/api/health` shows",
        "Vercel: `VERCEL_GIT_COMMIT_SHA`",
    ),
    Variable {
        host: "Vercel",
        ..plain(
            "VERCEL_GIT_COMMIT_SHA",
            "The commit, set by Vercel",
            "unset",
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, collections::BTreeSet};

    #[test]
    fn list_matches_variables_read() {
        let read = RefCell::new(BTreeSet::new());
        let values = [
            ("SUPABASE_URL", "http://a.test"),
            ("SUPABASE_SERVICE_ROLE_KEY", "a.b.c"),
            ("PAYPAL_MODE", "sandbox"),
            ("PAYPAL_CLIENT_ID", "id"),
            ("PAYPAL_CLIENT_SECRET", "secret"),
            ("PUBLIC_BASE_URL", "https://a.test"),
        ];
        let config = crate::config::Config::read(
            |name| {
                read.borrow_mut().insert(name.to_owned());
                let pair = values.iter().find(|(known, _)| *known == name);
                pair.map(|(_, value)| (*value).to_owned())
            },
            crate::config::Defaults::default(),
        );
        assert!(config.is_ok());
        let listed = VARIABLES
            .iter()
            .map(|variable| variable.name.to_owned())
            .collect();
        assert_eq!(read.into_inner(), listed);
    }
}
