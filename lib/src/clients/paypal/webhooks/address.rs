//! The addresses and the names of PayPal's signing certificates.

use crate::config::{PayPal as Config, PayPalMode};
use rustls_pki_types::ServerName;

/// The path in front of a certificate's id.
const FOLDER: &str = "/v1/notifications/certs/";

/// The live side accepts its own certificates alone. The sandbox accepts those of both sides.
///
/// PayPal documents neither addresses nor names. The addresses are those in its events and those of
/// its API. The names are those that its SDK for Java accepts: `messageverificationcerts` and
/// `.paypal.com`, with or without `.sandbox` in between.
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
/// The text is compared, not parsed, because two parsers may disagree about a URL. Scheme, host and
/// port must be spelled as above or as in the configuration.
pub(super) fn is_certificate_url(url: &str, config: &Config) -> bool {
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

/// The names of PayPal's certificates. A certificate must have one of them.
pub(super) fn names(mode: PayPalMode) -> impl Iterator<Item = ServerName<'static>> {
    origins(mode)
        .names
        .iter()
        .filter_map(|name| ServerName::try_from(*name).ok())
}
