//! Tests of certificate addresses.

use super::{BASE, Event, NOW, ROOT, TestClient, URL};
use crate::{clients::paypal::webhooks::address, config::PayPalMode};

fn is_certificate_url(url: &str, mode: PayPalMode, base_url: &str) -> bool {
    let mut config = TestClient::trusting(ROOT, NOW, []).config;
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
fn untrusted_certificate_url_is_not_fetched() {
    let forged = [
        // Another host.
        "https://evil.test/v1/notifications/certs/CERT-1",
        "https://evil.test/api.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.test?https://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.test#https://api.paypal.com/v1/notifications/certs/CERT-1",
        // A host whose name contains PayPal's.
        "https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1",
        "https://evilapi.paypal.com/v1/notifications/certs/CERT-1",
        // User information, which hides the host or precedes PayPal's.
        "https://api.paypal.com@evil.test/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:secret@evil.test/v1/notifications/certs/CERT-1",
        "https://evil.test@api.paypal.com/v1/notifications/certs/CERT-1",
        r"https://api.paypal.com\@evil.test/v1/notifications/certs/CERT-1",
        // Another spelling of PayPal's host.
        "https://api.paypal.com./v1/notifications/certs/CERT-1",
        "https://API.PAYPAL.COM/v1/notifications/certs/CERT-1",
        // Any port.
        "https://api.paypal.com:443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        // Another scheme, or another spelling of it.
        "HTTPS://api.paypal.com/v1/notifications/certs/CERT-1",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "ftp://api.paypal.com/v1/notifications/certs/CERT-1",
        "//api.paypal.com/v1/notifications/certs/CERT-1",
        "https:/api.paypal.com/v1/notifications/certs/CERT-1",
        // Another folder.
        "https://api.paypal.com//v1/notifications/certs/CERT-1",
        "https://api.paypal.com/V1/notifications/certs/CERT-1",
        "https://api.paypal.com/v2/checkout/orders/CERT-1",
        "https://api.paypal.com",
        // A certificate's id that is empty, or has other characters than ids have.
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/v1/notifications/certs/CERT-1/",
        "https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?x=1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1@evil.test",
        // The configured address with another scheme, port or host.
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
        let client = TestClient::trusting(ROOT, NOW, []);
        let event = Event {
            url,
            ..Event::default()
        };
        assert!(!client.accepts(&event.delivered()), "{url}");
        assert_eq!(client.requests(), 0, "{url}");
    }
}

const BASE_WITH_PATH: &str = "http://127.0.0.1:4010/paypal";

#[test]
fn configured_address_is_accepted() {
    let url_with_path = "http://127.0.0.1:4010/paypal/v1/notifications/certs/CERT-LOCAL";
    for (base_url, url) in [(BASE, URL), (BASE_WITH_PATH, url_with_path)] {
        assert!(
            is_certificate_url(url, PayPalMode::Sandbox, base_url),
            "{url}"
        );
    }
}

#[test]
fn address_outside_configuration_is_refused() {
    assert!(!is_certificate_url(
        URL,
        PayPalMode::Sandbox,
        BASE_WITH_PATH
    ));
}
