//! Tests of certificate chains. `certificates/make` describes the files.

use super::{CHAIN, Event, NOW, ROOT, TestClient, local};
use crate::config::{PayPalMode, Verification};
use rsa::{PrivateKey, pkcs8::DecodePrivateKey};

macro_rules! other {
    ($file:literal) => {
        include_str!(concat!("certificates/", $file))
    };
}

const OTHER_ROOT: &str = other!("root.pem");

fn verifies(root: &str, start: &str, published: &'static str, mode: PayPalMode) -> bool {
    let mut client = TestClient::trusting(root, start, [Ok((200, published))]);
    client.config.mode = mode;
    client.accepts(&Event::default().delivered())
}

#[test]
fn chain_is_valid_while_its_certificates_are() {
    for (now, is_valid) in [
        ("1969-12-31T23:59:59Z", false),
        ("2020-01-01T00:00:00Z", false),
        ("2027-01-01T00:00:00Z", true),
        ("2126-10-31T22:56:07Z", true),
        ("2126-10-31T22:56:08Z", false),
        ("9999-12-30T00:00:00Z", false),
    ] {
        let sandbox = PayPalMode::Sandbox;
        assert_eq!(verifies(ROOT, now, CHAIN, sandbox), is_valid, "{now}");
    }
}

#[test]
fn chain_leads_from_signer_to_trusted_root() {
    const REVERSED: &str = concat!(local!("intermediate.pem"), local!("webhook.pem"));
    const COMPLETE: &str = concat!(
        local!("webhook.pem"),
        other!("root.pem"),
        local!("root.pem"),
        local!("intermediate.pem")
    );
    let (signer, intermediate) = (local!("webhook.pem"), local!("intermediate.pem"));
    let sandbox = PayPalMode::Sandbox;
    assert!(verifies(ROOT, NOW, CHAIN, sandbox));
    assert!(verifies(ROOT, NOW, COMPLETE, sandbox));
    assert!(verifies(intermediate, NOW, signer, sandbox));
    assert!(!verifies(ROOT, NOW, signer, sandbox));
    assert!(!verifies(ROOT, NOW, REVERSED, sandbox));
    assert!(!verifies(ROOT, NOW, ROOT, sandbox));
    assert!(!verifies(OTHER_ROOT, NOW, CHAIN, sandbox));
    assert!(!verifies(OTHER_ROOT, NOW, COMPLETE, sandbox));
}

#[test]
fn default_roots_are_digicerts() {
    let verification = Verification::Certificate { root: None };
    let client = TestClient::new(NOW, verification, [Ok((200, CHAIN))]);
    assert!(!client.accepts(&Event::default().delivered()));
}

#[test]
fn certificate_needs_name_and_purpose() {
    const BY_STRANGER: &str = concat!(other!("by-stranger.pem"), other!("stranger.pem"));
    for (kind, published, in_live, in_sandbox) in [
        ("of the live side", other!("live.pem"), true, true),
        ("of the sandbox", other!("sandbox.pem"), false, true),
        ("of a stranger", other!("stranger.pem"), false, false),
        (
            "with its name in the subject only",
            other!("subject-only.pem"),
            false,
            false,
        ),
        ("for clients", other!("client.pem"), false, false),
        ("signed with SHA-1", other!("sha1.pem"), false, false),
        ("issued by a stranger", BY_STRANGER, false, false),
        ("for another key", other!("small.pem"), false, false),
    ] {
        let live = verifies(OTHER_ROOT, NOW, published, PayPalMode::Live);
        assert_eq!(live, in_live, "{kind}, live");
        let sandbox = verifies(OTHER_ROOT, NOW, published, PayPalMode::Sandbox);
        assert_eq!(sandbox, in_sandbox, "{kind}, sandbox");
    }
}

#[test]
fn small_key_is_refused() {
    let key = PrivateKey::from_pkcs8_pem(other!("small.key.pem")).unwrap();
    let event = Event::default();
    let delivery = event.delivered_with(&event.signature_by(&key));
    let client = TestClient::trusting(OTHER_ROOT, NOW, [Ok((200, other!("small.pem")))]);
    assert!(!client.accepts(&delivery));
    // Only the key's size is wrong: the certificate is valid and cached.
    assert!(!client.accepts(&delivery));
    assert_eq!(client.requests(), 1);
}

#[test]
fn strangers_certificate_evicts_nothing() {
    const URLS: [&str; 4] = [
        "http://paypal.test:4010/v1/notifications/certs/CERT-1",
        "http://paypal.test:4010/v1/notifications/certs/CERT-2",
        "http://paypal.test:4010/v1/notifications/certs/CERT-3",
        "http://paypal.test:4010/v1/notifications/certs/CERT-4",
    ];
    let chains = [
        CHAIN,
        other!("live.pem"),
        CHAIN,
        local!("webhook.pem"),
        ROOT,
    ];
    let client = TestClient::trusting(ROOT, NOW, chains.map(|chain| Ok((200, chain))));
    assert!(client.accepts(&Event::default().delivered()));
    for (url, is_valid) in URLS.into_iter().zip([false, true, false, false]) {
        let event = Event {
            url,
            ..Event::default()
        };
        assert_eq!(client.accepts(&event.delivered()), is_valid, "{url}");
    }
    assert!(client.accepts(&Event::default().delivered()));
    assert_eq!(client.requests(), 5);
}
