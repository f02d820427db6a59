//! The product's environment: the caller's variables, and generated values for the missing ones.
//!
//! If the caller sets an upstream's address, all variables of that upstream come from the caller.
//! For a local upstream, only credentials and `PAYPAL_WEBHOOK_VERIFICATION` come from the caller.

use crate::{
    error::Error,
    paypal::{self, Credentials},
    process_env,
    state_dir::StateDir,
    supabase::Keys,
};
use std::collections::BTreeMap;

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
/// Both values, `api` and `certificate`, work with the simulated PayPal.
const WEBHOOK_VERIFICATION: &str = "PAYPAL_WEBHOOK_VERIFICATION";

/// The secrets of the local upstreams.
pub(crate) struct Secrets {
    pub(crate) supabase: Keys,
    pub(crate) jwt_secret: String,
    pub(crate) upstash_token: String,
    pub(crate) paypal: Credentials,
}

/// The addresses of the product and its upstreams.
pub(crate) struct Addresses<'a> {
    pub(crate) public_base_url: String,
    /// Serves `/_local/*`.
    pub(crate) local_url: String,
    pub(crate) supabase: String,
    pub(crate) upstash: String,
    pub(crate) paypal: String,
    pub(crate) database: &'a str,
    pub(crate) redis: &'a str,
}

/// Reads one of the caller's variables.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Secrets {
    /// The caller's secrets, or generated ones that stay the same from start to start.
    pub(crate) fn read(state: &StateDir) -> Result<Self, Error> {
        let variable_or = |variable: &str, default: &dyn Fn() -> Result<String, Error>| {
            process_env::variable(variable).map_or_else(default, Ok)
        };
        let jwt_secret = state.secret("jwt")?;
        let publishable = format!("sb_publishable_{}", state.secret("publishable_key")?);
        let secret = match process_env::variable("SUPABASE_SECRET_KEY") {
            Some(secret) if process_env::variable("SUPABASE_URL").is_none() => secret,
            _ => format!("sb_secret_{}", state.secret("secret_key")?),
        };
        Ok(Self {
            supabase: Keys::new(jwt_secret.clone(), publishable, secret),
            jwt_secret,
            upstash_token: variable_or("UPSTASH_REDIS_REST_TOKEN", &|| state.secret("upstash"))?,
            paypal: Credentials {
                client_id: variable_or("PAYPAL_CLIENT_ID", &|| Ok("local-client".to_owned()))?,
                client_secret: variable_or("PAYPAL_CLIENT_SECRET", &|| state.secret("paypal"))?,
            },
        })
    }
}

/// Every variable of the product, and the addresses of the servers below it.
pub(crate) fn compose(
    state: &StateDir,
    addresses: &Addresses<'_>,
    secrets: &Secrets,
) -> Result<BTreeMap<&'static str, String>, Error> {
    let mut variables = upstreams(&process_env::variable, addresses, secrets);
    for name in ["ADMIN_TOKEN", "CRON_SECRET", "BOOKING_TOKEN_SECRET"] {
        let value = match process_env::variable(name) {
            Some(value) => value,
            None => state.secret(name)?,
        };
        variables.insert(name, value);
    }
    Ok(variables)
}

fn upstreams(
    lookup: Lookup<'_>,
    addresses: &Addresses<'_>,
    secrets: &Secrets,
) -> BTreeMap<&'static str, String> {
    let mut variables = BTreeMap::new();
    let mut pass_on = |names: &mut dyn Iterator<Item = &'static str>| {
        for name in names {
            if let Some(value) = lookup(name) {
                variables.insert(name, value);
            }
        }
    };
    let of_upstreams = [SUPABASE, UPSTASH, PAYPAL].concat();
    let names = exodrive::config::VARIABLES
        .iter()
        .map(|variable| variable.name);
    pass_on(&mut names.filter(|name| !of_upstreams.contains(name)));
    let has_supabase = lookup("SUPABASE_URL").is_some();
    let has_upstash = lookup("UPSTASH_REDIS_REST_URL")
        .or_else(|| lookup("KV_REST_API_URL"))
        .is_some();
    let has_paypal = lookup("PAYPAL_BASE_URL").is_some()
        || lookup("PAYPAL_MODE").is_some_and(|mode| mode != "sandbox");
    for (is_external, names) in [
        (has_supabase, SUPABASE),
        (has_upstash, UPSTASH),
        (has_paypal, PAYPAL),
    ] {
        if is_external {
            pass_on(&mut names.iter().copied());
        }
    }
    let mut set = |name: &'static str, value: &str| variables.insert(name, value.to_owned());
    set(
        "PUBLIC_BASE_URL",
        &lookup("PUBLIC_BASE_URL").unwrap_or_else(|| addresses.public_base_url.clone()),
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
            &lookup(WEBHOOK_VERIFICATION).unwrap_or_else(|| "certificate".to_owned()),
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

    fn variables(callers: &[(&str, &str)]) -> BTreeMap<&'static str, String> {
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
        let lookup = |name: &str| {
            callers
                .iter()
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        };
        upstreams(&lookup, &addresses, &secrets)
    }

    #[test]
    fn missing_variables_get_local_values() {
        let defaults = variables(&[]);
        assert_eq!(defaults["SUPABASE_URL"], "http://127.0.0.1:1");
        assert_eq!(defaults["PAYPAL_MODE"], "sandbox");
        assert_eq!(defaults["PUBLIC_BASE_URL"], "http://localhost:3000");
        assert!(!defaults.contains_key("RATE_LIMIT_PUBLIC"));
    }

    #[test]
    fn external_upstream_gets_no_local_values() {
        let external = variables(&[
            ("KV_REST_API_URL", "https://kv"),
            ("KV_REST_API_TOKEN", "k"),
            ("RATE_LIMIT_PUBLIC", "9/9s"),
        ]);
        assert_eq!(external["KV_REST_API_URL"], "https://kv");
        assert!(!external.contains_key("UPSTASH_REDIS_REST_URL"));
        assert!(!external.contains_key("UPSTASH_REDIS_REST_TOKEN"));
        assert_eq!(external["RATE_LIMIT_PUBLIC"], "9/9s");
    }

    #[test]
    fn address_or_live_mode_replaces_simulated_paypal() {
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
    fn simulated_paypal_overrides_webhook_root_and_id() {
        let simulated = variables(&[
            ("PAYPAL_WEBHOOK_ROOT", "another"),
            ("PAYPAL_WEBHOOK_ID", "ANOTHER"),
        ]);
        assert_eq!(simulated["PAYPAL_WEBHOOK_ID"], "LOCALWEBHOOK00001");
        assert_eq!(simulated["PAYPAL_WEBHOOK_VERIFICATION"], "certificate");
        assert_eq!(simulated["PAYPAL_WEBHOOK_ROOT"], paypal::root());
        assert_eq!(
            variables(&[("PAYPAL_WEBHOOK_VERIFICATION", "api")])["PAYPAL_WEBHOOK_VERIFICATION"],
            "api"
        );
    }

    #[test]
    fn generated_values_need_no_shell_quoting() {
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
