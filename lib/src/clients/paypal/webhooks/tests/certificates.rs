//! Tests of verification by certificate: signatures, fetched certificates and the cache.

use super::{CHAIN, EVENT, Event, NOW, ROOT, Response, TestClient, URL};
use crate::platform::TransportError;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use jiff::SignedDuration;
use proptest::{prelude::*, test_runner::TestCaseError};
use std::sync::LazyLock;

/// The signature of the default event, by `openssl dgst -sha256 -sign webhook.key.pem` over
/// `69cd13f0-d67a-11e5-baa3-778b53f4ae55|2027-06-01T11:59:58Z|LOCAL-WEBHOOK|1882289615`.
const SIGNATURE: &str = "faU3MqW9pVGHcsYAirwrf/Ux4DMroSaMd40tod1O9kQiVrEd+jsQnIAx+PDg+Zu5QZEw4wzBlPq96oDu2kKwR7j49lNUyXtoYEyRu7fQvxtXDPsQes403xIboh/mVFPN93g4/30vMtjFUWyS1i4IjsxojzNQScSt9Mzi/7u+1MuwdQ59yIzEaQbxEpmFWzugsOOxyagGcy14VggPnM72AP+G4r9thpuwGjaowHnpSrZsfeMdEyfuXdcrFEfh42lhatw6f65GMZtanmmgo3N71tDZbWNcHYv8+0ogud/7/0XeJib5DJ13jeWcvNAhgPfp1NgDqaYFVyVKM6nVuauFXw==";

const PUBLISHED: Response = Ok((200, CHAIN));

fn signature() -> Vec<u8> {
    BASE64_STANDARD.decode(SIGNATURE).unwrap()
}

#[test]
fn signature_of_openssl_is_valid() {
    let client = TestClient::trusting(ROOT, NOW, [PUBLISHED]);
    let delivery = Event::default().delivered_with(&signature());
    assert!(client.accepts(&delivery));

    let request = client.platform.last_request();
    assert_eq!(request.method(), http::Method::GET);
    assert_eq!(request.uri().to_string(), URL);
    // The token is for PayPal's API alone.
    assert!(request.headers().is_empty());
    assert_eq!(client.requests(), 1);
}

#[test]
fn changed_event_is_refused() {
    let changed = |change: fn(&mut Event)| {
        let mut event = Event::default();
        change(&mut event);
        event
    };
    let forged = [
        ("another id", changed(|event| event.id = "69cd13f0")),
        (
            "another time",
            changed(|event| event.time = "2027-06-01T11:59:58+00:00"),
        ),
        (
            "a byte of the body",
            changed(|event| event.body = EVENT.replace("C1", "C2").into()),
        ),
        (
            "the same JSON, serialized again",
            changed(|event| event.body = EVENT.replace(": ", ":").replace(", ", ",").into()),
        ),
        (
            "an escape for a character",
            changed(|event| event.body = EVENT.replace('€', "\\u20ac").into()),
        ),
        (
            "a line end",
            changed(|event| event.body = format!("{EVENT}\n").into()),
        ),
        ("no body", changed(|event| event.body = Bytes::new())),
        (
            "another algorithm",
            changed(|event| event.algorithm = "SHA1withRSA"),
        ),
        (
            "no algorithm",
            changed(|event| event.algorithm = "sha256withrsa"),
        ),
    ];
    let client = TestClient::trusting(ROOT, NOW, [PUBLISHED]);
    for (change, event) in &forged {
        let delivery = event.delivered_with(&signature());
        assert!(!client.accepts(&delivery), "{change}");
    }
    // Signed by PayPal for another webhook.
    let elsewhere = changed(|event| event.webhook = "1JE4291016473214C");
    assert!(!client.accepts(&elsewhere.delivered()));
    // Signed by PayPal, then with a part of the text moved to another header.
    let shifted = Event {
        id: "69cd13f0|2027-06-01T11:59:58Z",
        ..Event::default()
    };
    assert!(!client.accepts(&shifted.delivered_with(&signature())));
    assert!(client.accepts(&Event::default().delivered()));
}

#[test]
fn old_delivery_is_valid() {
    let client = TestClient::trusting(ROOT, NOW, [PUBLISHED]);
    for time in ["2027-05-29T12:00:00Z", "2027-06-01T12:05:00Z"] {
        let event = Event {
            time,
            ..Event::default()
        };
        assert!(client.accepts(&event.delivered()), "{time}");
    }
}

#[test]
fn certificate_is_fetched_once_an_hour() {
    let client = TestClient::trusting(ROOT, NOW, [PUBLISHED, PUBLISHED]);
    let good = Event::default().delivered();
    let forged = Event::default().delivered_with(b"forged");
    assert!(client.accepts(&good));
    assert!(!client.accepts(&forged));
    client.platform.advance(SignedDuration::from_secs(3599));
    assert!(client.accepts(&good));
    assert_eq!(client.requests(), 1);
    client.platform.advance(SignedDuration::from_secs(1));
    assert!(client.accepts(&good));
    assert_eq!(client.requests(), 2);
}

#[test]
fn expired_certificate_is_fetched_again() {
    let client = TestClient::trusting(ROOT, "2126-10-31T22:50:00Z", [PUBLISHED, PUBLISHED]);
    let delivery = Event::default().delivered();
    assert!(client.accepts(&delivery));
    client.platform.advance(SignedDuration::from_mins(15));
    // PayPal still publishes the expired one.
    assert!(!client.accepts(&delivery));
    assert_eq!(client.requests(), 2);
}

#[test]
fn certificate_cache_is_bounded() {
    const URLS: [&str; 5] = [
        "http://paypal.test:4010/v1/notifications/certs/CERT-1",
        "http://paypal.test:4010/v1/notifications/certs/CERT-2",
        "http://paypal.test:4010/v1/notifications/certs/CERT-3",
        "http://paypal.test:4010/v1/notifications/certs/CERT-4",
        "http://paypal.test:4010/v1/notifications/certs/CERT-5",
    ];
    let client = TestClient::trusting(ROOT, NOW, [PUBLISHED; 6]);
    let at = |url| Event {
        url,
        ..Event::default()
    };
    for url in URLS {
        assert!(client.accepts(&at(url).delivered()));
    }
    assert!(client.accepts(&at(URLS[1]).delivered()));
    assert_eq!(client.requests(), 5);
    assert!(client.accepts(&at(URLS[0]).delivered()));
    assert_eq!(client.requests(), 6);
}

#[test]
fn failure_of_paypal_is_an_error() {
    let junk: &str = "<html>Service unavailable</html>";
    let cut = CHAIN.get(..900).unwrap();
    let large: &str = format!("{}{CHAIN}", "#".repeat(64 * 1024)).leak();
    for (response, code) in [
        (Err(TransportError::NotSent), "not_sent"),
        (Err(TransportError::Unknown), "unknown"),
        (Err(TransportError::TooLarge), "unknown"),
        (Ok((500, "")), "unknown"),
        (Ok((503, CHAIN)), "unknown"),
        (Ok((429, "")), "rate_limited"),
        (Ok((403, r#"{"name":"NOT_AUTHORIZED"}"#)), "NOT_AUTHORIZED"),
        // Redirects are not followed.
        (Ok((302, r#"{"name":"MOVED"}"#)), "unknown"),
        (Ok((200, "")), "unknown"),
        (Ok((200, junk)), "unknown"),
        (Ok((200, cut)), "unknown"),
        (Ok((200, large)), "unknown"),
    ] {
        let client = TestClient::trusting(ROOT, NOW, [response, PUBLISHED]);
        let delivery = Event::default().delivered();
        let error = client.verify(&delivery).unwrap_err();
        assert_eq!(error.code(), code, "{response:?}");
        assert_eq!(client.requests(), 1);
        // The failed response is not cached.
        assert!(client.accepts(&delivery), "{response:?}");
    }
}

#[test]
fn unknown_certificate_is_a_forgery() {
    for status in [404, 410] {
        let client = TestClient::trusting(ROOT, NOW, [Ok((status, "{}"))]);
        assert!(!client.accepts(&Event::default().delivered()));
    }
}

/// One client for all cases, which fetches the certificate once.
static CLIENT: LazyLock<TestClient> =
    LazyLock::new(|| TestClient::trusting(ROOT, NOW, [PUBLISHED]));

fn is_refused(body: Vec<u8>, signature: &[u8]) -> Result<(), TestCaseError> {
    let event = Event {
        body: body.into(),
        ..Event::default()
    };
    let delivery = event.delivered_with(signature);
    prop_assert!(!CLIENT.accepts(&delivery));
    Ok(())
}

fn flipped(bytes: &[u8], flips: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    for (index, bit) in flips {
        flipped[index.index(bytes.len())] ^= 1 << bit;
    }
    flipped
}

fn flips() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn changed_bit_of_body_is_refused(flips in flips()) {
        let body = flipped(EVENT.as_bytes(), &flips);
        prop_assume!(body != EVENT.as_bytes());
        is_refused(body, &signature())?;
    }

    #[test]
    fn changed_bit_of_signature_is_refused(flips in flips()) {
        let flipped = flipped(&signature(), &flips);
        prop_assume!(flipped != signature());
        is_refused(EVENT.into(), &flipped)?;
    }

    #[test]
    fn other_signature_is_refused(other in prop::collection::vec(any::<u8>(), 1..700)) {
        is_refused(EVENT.into(), &other)?;
    }
}
