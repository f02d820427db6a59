//! The product's environment: what the caller gave, and made-up values for what is missing.
//!
//! An upstream whose address the caller gives is the caller's altogether; of the others only the secrets are taken.

use crate::{
    error::Error,
    paypal::{self, Credentials},
    state_dir::StateDir,
    supabase::Keys,
    surroundings,
};
use std::collections::BTreeMap;

/// Variables that are passed on when they are set, and never made up.
const PASSED_ON: &[&str] = &[
    "ALLOWED_ORIGINS",
    "COMMIT_SHA",
    "DISABLE_REDIS",
    "RATE_LIMIT_ADMIN",
    "RATE_LIMIT_ALLOWLIST",
    "RATE_LIMIT_AUTHENTICATED",
    "RATE_LIMIT_BOOKING",
    "RATE_LIMIT_PAYMENT",
    "RATE_LIMIT_PUBLIC",
    "RATE_LIMIT_WEBHOOK",
    "REDIS_BYPASS",
    "TRUSTED_IP_HEADER",
];

const SUPABASE: &[&str] = &[
    "SUPABASE_URL",
    "SUPABASE_SECRET_KEY",
    "SUPABASE_SERVICE_ROLE_KEY",
];
const UPSTASH: &[&str] = &[
    "UPSTASH_REDIS_REST_URL",
    "UPSTASH_REDIS_REST_TOKEN",
    "KV_REST_API_URL",
    "KV_REST_API_TOKEN",
];
const PAYPAL: &[&str] = &[
    "PAYPAL_MODE",
    "PAYPAL_BASE_URL",
    "PAYPAL_CLIENT_ID",
    "PAYPAL_CLIENT_SECRET",
    "PAYPAL_WEBHOOK_ID",
    WEBHOOK_VERIFICATION,
    "PAYPAL_WEBHOOK_ROOT",
];
/// How the product verifies webhooks; both ways work with the simulated PayPal.
const WEBHOOK_VERIFICATION: &str = "PAYPAL_WEBHOOK_VERIFICATION";

/// The secrets of the local upstreams.
pub(crate) struct Secrets {
    pub(crate) supabase: Keys,
    pub(crate) jwt_secret: String,
    pub(crate) upstash_token: String,
    pub(crate) paypal: Credentials,
}

/// Where everything listens.
pub(crate) struct Addresses<'a> {
    pub(crate) public_base_url: String,
    /// Where `/_local/*` is.
    pub(crate) local_url: String,
    pub(crate) supabase: String,
    pub(crate) upstash: String,
    pub(crate) paypal: String,
    pub(crate) database: &'a str,
    pub(crate) redis: &'a str,
}

/// Reads a variable of the caller.
type Given<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Secrets {
    /// The caller's secrets, or made-up ones that stay the same from start to start.
    pub(crate) fn read(state: &StateDir) -> Result<Self, Error> {
        let given_or = |variable: &str, made_up: &dyn Fn() -> Result<String, Error>| {
            surroundings::variable(variable).map_or_else(made_up, Ok)
        };
        let jwt_secret = state.secret("jwt")?;
        let publishable = format!("sb_publishable_{}", state.secret("publishable_key")?);
        let secret = match surroundings::variable("SUPABASE_SECRET_KEY") {
            Some(secret) if surroundings::variable("SUPABASE_URL").is_none() => secret,
            _ => format!("sb_secret_{}", state.secret("secret_key")?),
        };
        Ok(Self {
            supabase: Keys::new(jwt_secret.clone(), publishable, secret),
            jwt_secret,
            upstash_token: given_or("UPSTASH_REDIS_REST_TOKEN", &|| state.secret("upstash"))?,
            paypal: Credentials {
                client_id: given_or("PAYPAL_CLIENT_ID", &|| Ok("local-client".to_owned()))?,
                client_secret: given_or("PAYPAL_CLIENT_SECRET", &|| state.secret("paypal"))?,
            },
        })
    }
}

/// Every variable that the product reads, and where the servers below it are.
pub(crate) fn compose(
    state: &StateDir,
    addresses: &Addresses<'_>,
    secrets: &Secrets,
) -> Result<BTreeMap<&'static str, String>, Error> {
    let mut variables = upstreams(&surroundings::variable, addresses, secrets);
    for name in ["ADMIN_TOKEN", "CRON_SECRET", "BOOKING_TOKEN_SECRET"] {
        let value = match surroundings::variable(name) {
            Some(value) => value,
            None => state.secret(name)?,
        };
        variables.insert(name, value);
    }
    Ok(variables)
}

fn upstreams(
    given: Given<'_>,
    addresses: &Addresses<'_>,
    secrets: &Secrets,
) -> BTreeMap<&'static str, String> {
    let mut variables = BTreeMap::new();
    let mut pass_on = |names: &'static [&'static str]| {
        for name in names {
            if let Some(value) = given(name) {
                variables.insert(*name, value);
            }
        }
    };
    pass_on(PASSED_ON);
    let has_supabase = given("SUPABASE_URL").is_some();
    let has_upstash = given("UPSTASH_REDIS_REST_URL")
        .or_else(|| given("KV_REST_API_URL"))
        .is_some();
    let has_paypal = given("PAYPAL_BASE_URL").is_some()
        || given("PAYPAL_MODE").is_some_and(|mode| mode != "sandbox");
    for (is_given, names) in [
        (has_supabase, SUPABASE),
        (has_upstash, UPSTASH),
        (has_paypal, PAYPAL),
    ] {
        if is_given {
            pass_on(names);
        }
    }
    let mut set = |name: &'static str, value: &str| variables.insert(name, value.to_owned());
    set(
        "PUBLIC_BASE_URL",
        &given("PUBLIC_BASE_URL").unwrap_or_else(|| addresses.public_base_url.clone()),
    );
    set("LOCAL_URL", &addresses.local_url);
    set("DATABASE_URL", addresses.database);
    set("REDIS_URL", addresses.redis);
    if !has_supabase {
        set("SUPABASE_URL", &addresses.supabase);
        set("SUPABASE_SECRET_KEY", &secrets.supabase.secret);
        set(
            "SUPABASE_SERVICE_ROLE_KEY",
            &secrets.supabase.legacy_service,
        );
        set("SUPABASE_PUBLISHABLE_KEY", &secrets.supabase.publishable);
        set("SUPABASE_ANON_KEY", &secrets.supabase.legacy_anon);
    }
    if !has_upstash {
        set("UPSTASH_REDIS_REST_URL", &addresses.upstash);
        set("UPSTASH_REDIS_REST_TOKEN", &secrets.upstash_token);
    }
    if !has_paypal {
        set("PAYPAL_MODE", "sandbox");
        set("PAYPAL_BASE_URL", &addresses.paypal);
        set("PAYPAL_CLIENT_ID", &secrets.paypal.client_id);
        set("PAYPAL_CLIENT_SECRET", &secrets.paypal.client_secret);
        set("PAYPAL_WEBHOOK_ID", paypal::WEBHOOK_ID);
        set("PAYPAL_WEBHOOK_ROOT", &paypal::root());
        set(
            WEBHOOK_VERIFICATION,
            &given(WEBHOOK_VERIFICATION).unwrap_or_else(|| "certificate".to_owned()),
        );
    }
    variables
}

/// `NAME=value` lines.
pub(crate) fn lines(variables: &BTreeMap<&'static str, String>) -> String {
    let lines: Vec<String> = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(given: &[(&str, &str)]) -> BTreeMap<&'static str, String> {
        let secrets = Secrets {
            supabase: Keys::new(
                "j".to_owned(),
                "sb_publishable_p".to_owned(),
                "sb_secret_s".to_owned(),
            ),
            jwt_secret: "j".to_owned(),
            upstash_token: "t".to_owned(),
            paypal: Credentials {
                client_id: "i".to_owned(),
                client_secret: "c".to_owned(),
            },
        };
        let addresses = Addresses {
            public_base_url: "http://localhost:3000".to_owned(),
            local_url: "http://127.0.0.1:3000".to_owned(),
            supabase: "http://127.0.0.1:1".to_owned(),
            upstash: "http://127.0.0.1:2".to_owned(),
            paypal: "http://127.0.0.1:3".to_owned(),
            database: "postgresql://d",
            redis: "redis://r",
        };
        let find = |name: &str| {
            given
                .iter()
                .find(|(given, _)| *given == name)
                .map(|(_, value)| (*value).to_owned())
        };
        upstreams(&find, &addresses, &secrets)
    }

    #[test]
    fn what_is_missing_is_made_up() {
        let made_up = variables(&[]);
        assert_eq!(made_up["SUPABASE_URL"], "http://127.0.0.1:1");
        assert_eq!(made_up["PAYPAL_MODE"], "sandbox");
        assert_eq!(made_up["PUBLIC_BASE_URL"], "http://localhost:3000");
        assert!(!made_up.contains_key("RATE_LIMIT_PUBLIC"));
    }

    #[test]
    fn an_upstream_that_is_given_gets_nothing_made_up() {
        let given = variables(&[
            ("KV_REST_API_URL", "https://kv"),
            ("KV_REST_API_TOKEN", "k"),
            ("RATE_LIMIT_PUBLIC", "9/9s"),
        ]);
        assert_eq!(given["KV_REST_API_URL"], "https://kv");
        assert!(!given.contains_key("UPSTASH_REDIS_REST_URL"));
        assert!(!given.contains_key("UPSTASH_REDIS_REST_TOKEN"));
        assert_eq!(given["RATE_LIMIT_PUBLIC"], "9/9s");
    }

    #[test]
    fn only_a_given_address_or_live_mode_replaces_the_simulated_paypal() {
        assert_eq!(
            variables(&[("PAYPAL_MODE", "sandbox")])["PAYPAL_BASE_URL"],
            "http://127.0.0.1:3"
        );
        let live = variables(&[("PAYPAL_MODE", "live"), ("PAYPAL_CLIENT_ID", "real")]);
        assert_eq!(
            (
                live["PAYPAL_MODE"].as_str(),
                live["PAYPAL_CLIENT_ID"].as_str()
            ),
            ("live", "real")
        );
        assert!(
            !live.contains_key("PAYPAL_BASE_URL") && !live.contains_key("PAYPAL_CLIENT_SECRET")
        );
        assert!(
            !live.contains_key("PAYPAL_WEBHOOK_ROOT") && !live.contains_key("PAYPAL_WEBHOOK_ID")
        );
    }

    #[test]
    fn webhooks_of_the_simulated_paypal_are_verified_by_its_own_root_unless_asked_otherwise() {
        let made_up = variables(&[
            ("PAYPAL_WEBHOOK_ROOT", "another"),
            ("PAYPAL_WEBHOOK_ID", "ANOTHER"),
        ]);
        assert_eq!(made_up["PAYPAL_WEBHOOK_ID"], "LOCALWEBHOOK00001");
        assert_eq!(made_up["PAYPAL_WEBHOOK_VERIFICATION"], "certificate");
        assert_eq!(made_up["PAYPAL_WEBHOOK_ROOT"], paypal::root());
        assert_eq!(
            variables(&[("PAYPAL_WEBHOOK_VERIFICATION", "api")])["PAYPAL_WEBHOOK_VERIFICATION"],
            "api"
        );
    }

    #[test]
    fn a_shell_reads_every_made_up_value_as_it_is() {
        let unquoted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:+=".contains(&byte);
        for (name, value) in variables(&[]) {
            assert!(value.bytes().all(unquoted), "{name}={value}");
        }
    }

    #[test]
    fn lines_are_names_and_values() {
        assert_eq!(
            lines(&BTreeMap::from([
                ("B", "2".to_owned()),
                ("A", "1=1".to_owned())
            ])),
            "A=1=1\nB=2\n"
        );
    }
}
