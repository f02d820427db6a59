//! Tests of reading deliveries.

use super::{Delivery, EVENT, Event};
use bytes::Bytes;

#[test]
fn each_header_is_required_once() {
    let event = Event::default();
    let headers = event.headers(b"signature");
    let body = Bytes::from_static(EVENT.as_bytes());
    assert!(Delivery::read(&headers, &body).is_some());
    assert_eq!(headers.len(), 5);
    for name in headers.keys() {
        let mut without = headers.clone();
        without.remove(name);
        assert!(Delivery::read(&without, &body).is_none(), "{name}");

        let mut twice = headers.clone();
        twice.append(name, headers[name].clone());
        assert!(Delivery::read(&twice, &body).is_none(), "{name}");

        for value in ["", "a b", "\u{e9}"] {
            let mut malformed = headers.clone();
            malformed.insert(name, value.parse().unwrap());
            assert!(
                Delivery::read(&malformed, &body).is_none(),
                "{name}: {value}"
            );
        }
        let mut long = headers.clone();
        long.insert(name, "A".repeat(1028).parse().unwrap());
        assert!(Delivery::read(&long, &body).is_none(), "{name}");
    }
}

#[test]
fn time_and_signature_are_parsed() {
    let event = Event::default();
    let body = Bytes::new();
    for (name, value, is_valid) in [
        ("paypal-transmission-time", "2027-06-01T11:59:58.123Z", true),
        ("paypal-transmission-time", "1999-01-01T00:00:00Z", true),
        (
            "paypal-transmission-time",
            "2027-06-01T13:59:58+02:00",
            true,
        ),
        ("paypal-transmission-time", "2027-06-01", false),
        ("paypal-transmission-time", "1811851198", false),
        ("paypal-transmission-time", "2027-13-01T11:59:58Z", false),
        ("paypal-transmission-sig", "QUJD", true),
        ("paypal-transmission-sig", "QUJ", false),
        ("paypal-transmission-sig", "QU|D", false),
        ("paypal-transmission-sig", "QUI", false),
        // The base64 of the same bytes must be canonical.
        ("paypal-transmission-sig", "QUJ=", false),
    ] {
        let mut headers = event.headers(b"signature");
        headers.insert(name, value.parse().unwrap());
        assert_eq!(
            Delivery::read(&headers, &body).is_some(),
            is_valid,
            "{name}: {value}"
        );
    }
}
