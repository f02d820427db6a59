//! Tests of verification by PayPal.

use super::{EVENT, Event, NOW, Response, TestClient};
use crate::{config::Verification, platform::TransportError};
use bytes::Bytes;

const TOKEN: Response = Ok((200, r#"{"access_token":"first","expires_in":3600}"#));
const SUCCESS: Response = Ok((200, r#"{"verification_status":"SUCCESS"}"#));

fn client(responses: impl IntoIterator<Item = Response>) -> TestClient {
    TestClient::new(NOW, Verification::Api, responses)
}

#[test]
fn received_bytes_are_posted_back() {
    let client = client([TOKEN, SUCCESS]);
    let event = Event::default();
    assert!(client.accepts(&event.delivered_with(b"signature")));

    let request = client.platform.last_request();
    assert_eq!(request.method(), http::Method::POST);
    assert_eq!(
        request.uri().to_string(),
        "http://paypal.test:4010/v1/notifications/verify-webhook-signature"
    );
    assert_eq!(client.platform.last_header("authorization"), "Bearer first");
    assert!(!request.headers().contains_key("paypal-request-id"));
    let expected = format!(
        r#"{{"auth_algo":"SHA256withRSA","cert_url":"http://paypal.test:4010/v1/notifications/certs/CERT-LOCAL","transmission_id":"69cd13f0-d67a-11e5-baa3-778b53f4ae55","transmission_sig":"c2lnbmF0dXJl","transmission_time":"2027-06-01T11:59:58Z","webhook_id":"LOCAL-WEBHOOK","webhook_event":{EVENT}}}"#
    );
    assert_eq!(request.body(), &Bytes::from(expected));
}

#[test]
fn paypals_result_decides() {
    let delivery = Event::default().delivered();
    let failure = Ok((200, r#"{"verification_status":"FAILURE"}"#));
    assert!(!client([TOKEN, failure]).accepts(&delivery));
    // The signature is valid, but PayPal decides.
    let event = Event {
        url: "https://evil.test/",
        ..Event::default()
    };
    assert!(!client([TOKEN, failure]).accepts(&event.delivered()));
}

#[test]
fn invalid_json_is_refused_without_request() {
    for body in ["", "{", "{}{}", "event=1", "\u{feff}{}"] {
        let event = Event {
            body: Bytes::from_static(body.as_bytes()),
            ..Event::default()
        };
        let client = client([]);
        assert!(!client.accepts(&event.delivered()), "{body}");
        assert_eq!(client.requests(), 0);
    }
    let event = Event {
        body: Bytes::from_static(b"{\"id\":\"\xff\"}"),
        ..Event::default()
    };
    assert!(!client([]).accepts(&event.delivered()));
}

#[test]
fn failure_of_paypal_proves_nothing() {
    for (responses, code) in [
        (vec![Err(TransportError::NotSent)], "not_sent"),
        (vec![Ok((401, "{}"))], "unauthenticated"),
        (vec![TOKEN, Err(TransportError::NotSent)], "not_sent"),
        (vec![TOKEN, Err(TransportError::Unknown)], "unknown"),
        (vec![TOKEN, Ok((503, ""))], "unknown"),
        (vec![TOKEN, Ok((429, ""))], "rate_limited"),
        (vec![TOKEN, Ok((200, ""))], "unknown"),
        (vec![TOKEN, Ok((200, "{}"))], "unknown"),
        (
            vec![TOKEN, Ok((200, r#"{"verification_status":"MAYBE"}"#))],
            "unknown",
        ),
        (
            vec![TOKEN, Ok((400, r#"{"name":"VALIDATION_ERROR"}"#))],
            "VALIDATION_ERROR",
        ),
    ] {
        let shown = format!("{responses:?}");
        let error = client(responses)
            .verify(&Event::default().delivered())
            .unwrap_err();
        assert_eq!(error.code(), code, "{shown}");
    }
}
