//! Which certificates are PayPal's. `certificates/make` says what the files are.

use super::{CHAIN, Event, Instance, NOW, ROOT, local};
use crate::config::{PayPalMode, Verification};
use rsa::{PrivateKey, pkcs8::DecodePrivateKey};

macro_rules! other {
    ($file:literal) => {
        include_str!(concat!("certificates/", $file))
    };
}

const OTHER_ROOT: &str = other!("root.pem");

fn verifies(root: &str, start: &str, published: &'static str, mode: PayPalMode) -> bool {
    let mut instance = Instance::trusting(root, start, [Ok((200, published))]);
    instance.config.mode = mode;
    instance.verify(&Event::default().delivered()).unwrap()
}

#[test]
fn a_chain_is_good_for_as_long_as_its_certificates() {
    for (now, is_good) in [
        ("1969-12-31T23:59:59Z", false),
        ("2020-01-01T00:00:00Z", false),
        ("2027-01-01T00:00:00Z", true),
        ("2126-10-31T22:56:07Z", true),
        ("2126-10-31T22:56:08Z", false),
        ("9999-12-30T00:00:00Z", false),
    ] {
        let sandbox = PayPalMode::Sandbox;
        assert_eq!(verifies(ROOT, now, CHAIN, sandbox), is_good, "{now}");
    }
}

#[test]
fn a_chain_leads_from_the_signer_to_the_root_that_is_trusted() {
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
fn without_a_root_of_its_own_only_digicerts_are_trusted() {
    let verification = Verification::Certificate { root: None };
    let instance = Instance::new(NOW, verification, [Ok((200, CHAIN))]);
    assert!(!instance.verify(&Event::default().delivered()).unwrap());
}

#[test]
fn a_certificate_is_paypals_by_name_and_purpose() {
    const BY_STRANGER: &str = concat!(other!("by-stranger.pem"), other!("stranger.pem"));
    for (what, published, in_live, in_sandbox) in [
        ("the live side's", other!("live.pem"), true, true),
        ("the sandbox's", other!("sandbox.pem"), false, true),
        ("a stranger's", other!("stranger.pem"), false, false),
        (
            "named where names no longer count",
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
        assert_eq!(live, in_live, "{what}, live");
        let sandbox = verifies(OTHER_ROOT, NOW, published, PayPalMode::Sandbox);
        assert_eq!(sandbox, in_sandbox, "{what}, sandbox");
    }
}

#[test]
fn a_small_key_signs_nothing() {
    let key = PrivateKey::from_pkcs8_pem(other!("small.key.pem")).unwrap();
    let event = Event::default();
    let delivery = event.delivered_with(&event.signature_by(&key));
    let instance = Instance::trusting(OTHER_ROOT, NOW, [Ok((200, other!("small.pem")))]);
    assert!(!instance.verify(&delivery).unwrap());
    // It was its size: the certificate itself is in order, and kept.
    assert!(!instance.verify(&delivery).unwrap());
    assert_eq!(instance.requests(), 1);
}

#[test]
fn what_is_not_paypals_pushes_nothing_out() {
    const URLS: [&str; 4] = [
        "http://paypal.test:4010/v1/notifications/certs/CERT-1",
        "http://paypal.test:4010/v1/notifications/certs/CERT-2",
        "http://paypal.test:4010/v1/notifications/certs/CERT-3",
        "http://paypal.test:4010/v1/notifications/certs/CERT-4",
    ];
    let answers = [
        CHAIN,
        other!("live.pem"),
        CHAIN,
        local!("webhook.pem"),
        ROOT,
    ];
    let instance = Instance::trusting(ROOT, NOW, answers.map(|chain| Ok((200, chain))));
    assert!(instance.verify(&Event::default().delivered()).unwrap());
    for (url, is_good) in URLS.into_iter().zip([false, true, false, false]) {
        let event = Event {
            url,
            ..Event::default()
        };
        assert_eq!(
            instance.verify(&event.delivered()).unwrap(),
            is_good,
            "{url}"
        );
    }
    assert!(instance.verify(&Event::default().delivered()).unwrap());
    assert_eq!(instance.requests(), 5);
}
