//! Tests of certificate addresses.

use super::{BASE, Event, Instance, NOW, ROOT, URL};
use crate::{clients::paypal::webhooks::address, config::PayPalMode};

fn is_certificate_url(url: &str, mode: PayPalMode, base_url: &str) -> bool {
    let mut config = Instance::trusting(ROOT, NOW, []).config;
    config.mode = mode;
    config.base_url = base_url.into();
    address::is_certificate_url(url, &config)
}

#[test]
fn live_side_accepts_only_live_addresses() {
    for (host, in_live, in_sandbox) in [
        ("api.paypal.com", true, true),
        ("api-m.paypal.com", true, true),
        ("api.sandbox.paypal.com", false, true),
        ("api-m.sandbox.paypal.com", false, true),
        ("www.paypal.com", false, false),
        ("paypal.test:4010", false, false),
    ] {
        let url = format!("https://{host}/v1/notifications/certs/CERT-360caa42-fca2a594-5edc0ebc");
        let (live, sandbox) = (PayPalMode::Live, PayPalMode::Sandbox);
        assert_eq!(
            is_certificate_url(&url, live, "https://api-m.paypal.com"),
            in_live,
            "{url}"
        );
        assert_eq!(
            is_certificate_url(&url, sandbox, "https://api-m.sandbox.paypal.com"),
            in_sandbox,
            "{url}"
        );
    }
}

#[test]
fn strangers_address_is_never_requested() {
    let forged = [
        "https://evil.test/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.test/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:secret@evil.test/v1/notifications/certs/CERT-1",
        "https://evil.test@api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1",
        "https://evil.test/api.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.test?https://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.test#https://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://evilapi.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com./v1/notifications/certs/CERT-1",
        "https://api.paypal.com:443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://API.PAYPAL.COM/v1/notifications/certs/CERT-1",
        "HTTPS://api.paypal.com/v1/notifications/certs/CERT-1",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "ftp://api.paypal.com/v1/notifications/certs/CERT-1",
        "//api.paypal.com/v1/notifications/certs/CERT-1",
        "https:/api.paypal.com/v1/notifications/certs/CERT-1",
        r"https://api.paypal.com\@evil.test/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/v1/notifications/certs/CERT-1/",
        "https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?x=1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1@evil.test",
        "https://api.paypal.com//v1/notifications/certs/CERT-1",
        "https://api.paypal.com/V1/notifications/certs/CERT-1",
        "https://api.paypal.com/v2/checkout/orders/CERT-1",
        "https://api.paypal.com",
        // The configured address with another scheme, port or name.
        "https://paypal.test:4010/v1/notifications/certs/CERT-LOCAL",
        "http://paypal.test:4011/v1/notifications/certs/CERT-LOCAL",
        "http://paypal.test:40100/v1/notifications/certs/CERT-LOCAL",
        "http://paypal.test/v1/notifications/certs/CERT-LOCAL",
        "http://paypal.test:4010@evil.test/v1/notifications/certs/CERT-LOCAL",
        "http://paypal.test:4010.evil.test/v1/notifications/certs/CERT-LOCAL",
        "http://paypal.test.:4010/v1/notifications/certs/CERT-LOCAL",
        "http://paypal.TEST:4010/v1/notifications/certs/CERT-LOCAL",
    ];
    for url in forged {
        let instance = Instance::trusting(ROOT, NOW, []);
        let event = Event {
            url,
            ..Event::default()
        };
        assert!(!instance.verify(&event.delivered()).unwrap(), "{url}");
        assert_eq!(instance.requests(), 0, "{url}");
    }
}

#[test]
fn configured_address_is_accepted() {
    assert!(is_certificate_url(URL, PayPalMode::Sandbox, BASE));
    assert!(is_certificate_url(
        "http://127.0.0.1:4010/paypal/v1/notifications/certs/CERT-LOCAL",
        PayPalMode::Sandbox,
        "http://127.0.0.1:4010/paypal"
    ));
    assert!(!is_certificate_url(
        URL,
        PayPalMode::Sandbox,
        "http://127.0.0.1:4010/paypal"
    ));
}
