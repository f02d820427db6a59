//! Every variable that is read, for people: `docs/CONFIGURATION.md` and `.env.example` are compared with it.

/// One variable of the environment.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// What holds when it is not set; empty when it must be set or another takes its place.
    pub default: &'static str,
    /// `all`, or the host that reads it.
    pub host: &'static str,
    /// Whether it must never be shown.
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

/// All of them, in the order of the documentation.
pub const VARIABLES: [Variable; 32] = [
    plain("SUPABASE_URL", "the project's address", ""),
    secret(
        "SUPABASE_SECRET_KEY",
        "a service key: `sb_secret_…`, or a legacy JWT",
        "",
    ),
    secret(
        "SUPABASE_SERVICE_ROLE_KEY",
        "the same, by its older name; read when `SUPABASE_SECRET_KEY` is not set",
        "",
    ),
    plain(
        "UPSTASH_REDIS_REST_URL",
        "Redis' REST address",
        "without it: `KV_REST_API_URL`, else no Redis",
    ),
    secret("UPSTASH_REDIS_REST_TOKEN", "Redis' REST token", ""),
    plain(
        "KV_REST_API_URL",
        "the same, as the Vercel integration names it",
        "",
    ),
    secret(
        "KV_REST_API_TOKEN",
        "the same, as the Vercel integration names it",
        "",
    ),
    plain(
        "DISABLE_REDIS",
        "`true`: no call to Redis; limits are counted by each instance",
        "`false`",
    ),
    plain("REDIS_BYPASS", "`true`: the same, for a while", "`false`"),
    plain("PAYPAL_MODE", "`live` or `sandbox`, nothing else", ""),
    plain("PAYPAL_CLIENT_ID", "the REST app's id", ""),
    secret("PAYPAL_CLIENT_SECRET", "the REST app's secret", ""),
    plain(
        "PAYPAL_BASE_URL",
        "another address; refused when the mode is `live`",
        "PayPal's own, by mode",
    ),
    plain(
        "PAYPAL_WEBHOOK_ID",
        "the id that PayPal gave the webhook",
        "none: the webhook's route answers 503",
    ),
    plain(
        "PAYPAL_WEBHOOK_VERIFICATION",
        "`api`: PayPal verifies its signatures; `certificate`: they are verified here",
        "`api`",
    ),
    plain(
        "PAYPAL_WEBHOOK_ROOT",
        "the certificate to trust instead of DigiCert's roots, as PEM (newlines may be written `\\n`) or base64 of DER; refused when the mode is `live`",
        "DigiCert's roots, which PayPal's certificates lead to",
    ),
    secret(
        "ADMIN_TOKEN",
        "operators' tokens, comma separated",
        "none: only Supabase users with the role admin are operators",
    ),
    secret(
        "CRON_SECRET",
        "what the crons present, at least 16 characters",
        "none: the crons' routes do nothing, and answer 503 to whoever presents one",
    ),
    secret(
        "BOOKING_TOKEN_SECRET",
        "signs booking tokens; changing it ends all links",
        "derived from the service key",
    ),
    plain(
        "PUBLIC_BASE_URL",
        "the public address, for `bookingUrl` and the payer's way back",
        "Vercel: the production domain",
    ),
    plain(
        "ALLOWED_ORIGINS",
        "origins that browsers may call from, comma separated; `*` for all",
        "none",
    ),
    plain(
        "TRUSTED_IP_HEADER",
        "the header with the client's address, which the platform in front overwrites",
        "Vercel `x-vercel-forwarded-for`, Worker `cf-connecting-ip`, local `x-forwarded-for`",
    ),
    plain(
        "RATE_LIMIT_PUBLIC",
        "anyone, by address, as `60/60s`",
        "`60/60s`",
    ),
    plain("RATE_LIMIT_AUTHENTICATED", "a signed-in user", "`120/60s`"),
    plain("RATE_LIMIT_BOOKING", "making bookings", "`10/60s`"),
    plain(
        "RATE_LIMIT_PAYMENT",
        "making and authorizing orders",
        "`10/60s`",
    ),
    plain("RATE_LIMIT_ADMIN", "operators and crons", "`300/60s`"),
    plain("RATE_LIMIT_WEBHOOK", "PayPal's events", "`100/60s`"),
    plain(
        "RATE_LIMIT_ALLOWLIST",
        "networks (CIDR) and user ids that are not counted, comma separated",
        "none",
    ),
    plain(
        "CDN_CACHE_SECONDS",
        "for how long a CDN may keep the list and the cars, up to 3600; see [API.md](API.md#what-a-cdn-may-keep)",
        "`0`: not at all",
    ),
    plain(
        "COMMIT_SHA",
        "the commit, shown by `/api/health`",
        "Vercel: `VERCEL_GIT_COMMIT_SHA`",
    ),
    Variable {
        host: "Vercel",
        ..plain("VERCEL_GIT_COMMIT_SHA", "the same, set by Vercel", "")
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, collections::BTreeSet};

    #[test]
    fn what_is_read_is_in_the_table_and_what_is_in_the_table_is_read() {
        let asked = RefCell::new(BTreeSet::new());
        let answers = [
            ("SUPABASE_URL", "http://a.test"),
            ("SUPABASE_SERVICE_ROLE_KEY", "a.b.c"),
            ("PAYPAL_MODE", "sandbox"),
            ("PAYPAL_CLIENT_ID", "id"),
            ("PAYPAL_CLIENT_SECRET", "secret"),
            ("PUBLIC_BASE_URL", "https://a.test"),
        ];
        let config = crate::config::Config::read(
            |name| {
                asked.borrow_mut().insert(name.to_owned());
                let known = answers.iter().find(|(known, _)| *known == name);
                known.map(|(_, value)| (*value).to_owned())
            },
            crate::config::Defaults::default(),
        );
        assert!(config.is_ok());
        let table = VARIABLES
            .iter()
            .map(|variable| variable.name.to_owned())
            .collect();
        assert_eq!(asked.into_inner(), table);
    }
}
