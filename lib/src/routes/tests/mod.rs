//! Requests through the service, with scripted upstreams.

mod callers;
mod captured_log;
mod cdn;
mod crons;
mod logs;
mod operators;

use super::{Service, TABLE};
use crate::{
    config::{Config, ConfigError},
    platform::Platform,
    scripted::{ScriptedPlatform, config},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Response, header};
use serde_json::Value;
use std::sync::Arc;

/// A Supabase access token that expires at `expiry`, in seconds since the Unix epoch.
fn access_token(expiry: u32) -> String {
    let claims = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{expiry}}}"#));
    format!("e30.{claims}.c2ln")
}

/// A response, and the paths of the calls to upstreams.
struct Outcome {
    status: u16,
    body: Value,
    calls: Vec<String>,
}

impl Outcome {
    fn status_and_code(&self) -> (u16, Option<&str>) {
        (self.status, self.body["code"].as_str())
    }
}

/// Sends a request without a body.
fn send(
    config: Result<Config, ConfigError>,
    method: &str,
    path: &str,
    token: Option<&str>,
    replies: &[(u16, &'static str)],
) -> Outcome {
    let platform = Arc::new(ScriptedPlatform::new(replies.iter().copied().map(Ok)));
    let service = Service::new(config, Arc::clone(&platform) as Arc<dyn Platform>);
    let mut request = http::Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Bytes::new()).unwrap();
    let response = service.handle(request, None).now_or_never().unwrap();
    Outcome {
        status: response.status().as_u16(),
        body: serde_json::from_slice(response.body()).unwrap(),
        calls: platform.paths(),
    }
}

#[test]
fn missing_configuration_disables_every_route() {
    for route in TABLE {
        let method = route.methods.split(", ").next().unwrap();
        let outcome = send(config(&[], &["PAYPAL_MODE"]), method, route.path, None, &[]);
        let expected = (503, Some("not_configured"));
        assert_eq!(outcome.status_and_code(), expected, "{}", route.path);
        let body = outcome.body.to_string();
        assert!(!body.contains("PAYPAL_MODE"), "{body}");
        assert!(outcome.calls.is_empty());
    }
}

#[test]
fn missing_cron_secret_admits_no_cron() {
    let path = "/api/admin/process-payment-captures";
    let config = || config(&[], &["CRON_SECRET"]);
    for token in ["0123456789abcdef", "", "operator"] {
        let outcome = send(config(), "GET", path, Some(token), &[]);
        let expected = (503, Some("not_configured"));
        assert_eq!(outcome.status_and_code(), expected, "{token}");
        assert!(outcome.calls.is_empty(), "{:?}", outcome.calls);
    }
    let outcome = send(config(), "GET", path, None, &[(200, "null")]);
    let processed = outcome.body["processed_count"].as_u64();
    assert_eq!((outcome.status, processed), (200, Some(0)));
    assert_eq!(outcome.calls, ["/rest/v1/rpc/last_cron_run"]);
}

#[test]
fn missing_admin_token_disables_operator_routes() {
    let path = "/api/admin/cache-warm";
    let config = || config(&[], &["ADMIN_TOKEN"]);
    let outcome = send(config(), "GET", path, None, &[]);
    assert_eq!(outcome.status_and_code(), (503, Some("not_configured")));
    assert!(outcome.calls.is_empty());
    // An empty list of tokens must not match an empty token.
    let outcome = send(config(), "GET", path, Some(""), &[]);
    assert_eq!(outcome.status, 401);
    assert!(outcome.calls.is_empty());
}
