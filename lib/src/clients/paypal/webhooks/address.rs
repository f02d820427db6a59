//! Where PayPal publishes the certificates that it signs with, and the names these bear.

use crate::config::{PayPal as Config, PayPalMode};
use rustls_pki_types::ServerName;

/// The path in front of a certificate's id.
const FOLDER: &str = "/v1/notifications/certs/";

/// What is PayPal's own. Events of the sandbox may come with the certificate of either side; real money takes the word
/// of the live side alone.
///
/// PayPal documents neither. The addresses are those that its events name, and those of its API; the names are those that
/// its SDK for Java looks for, `messageverificationcerts` and `.paypal.com` with or without the sandbox in between.
/// <https://github.com/paypal/PayPal-Java-SDK>
const LIVE: Origins = Origins {
    addresses: &["https://api.paypal.com", "https://api-m.paypal.com"],
    names: &["messageverificationcerts.paypal.com"],
};
const SANDBOX: Origins = Origins {
    addresses: &[
        "https://api.sandbox.paypal.com",
        "https://api-m.sandbox.paypal.com",
        "https://api.paypal.com",
        "https://api-m.paypal.com",
    ],
    names: &[
        "messageverificationcerts.sandbox.paypal.com",
        "messageverificationcerts.paypal.com",
    ],
};

struct Origins {
    addresses: &'static [&'static str],
    names: &'static [&'static str],
}

const fn origins(mode: PayPalMode) -> &'static Origins {
    match mode {
        PayPalMode::Live => &LIVE,
        PayPalMode::Sandbox => &SANDBOX,
    }
}

/// Whether `url` is the address of one of PayPal's certificates.
///
/// It is compared, not parsed: scheme, host and port must be written as they are written above or, for a PayPal at
/// another address, in the configuration. What two parsers could read in two ways is refused.
pub(super) fn is_paypals(url: &str, config: &Config) -> bool {
    origins(config.mode)
        .addresses
        .iter()
        .copied()
        .chain([config.base_url.as_str()])
        .filter_map(|address| url.strip_prefix(address)?.strip_prefix(FOLDER))
        .any(|id| {
            !id.is_empty()
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

/// The names of which a certificate must bear one to be PayPal's.
pub(super) fn names(mode: PayPalMode) -> impl Iterator<Item = ServerName<'static>> {
    origins(mode)
        .names
        .iter()
        .filter_map(|name| ServerName::try_from(*name).ok())
}
