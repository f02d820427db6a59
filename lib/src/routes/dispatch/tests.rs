//! Requests and what is answered to them, over upstreams that answer by a script.

mod shared;
mod signed_in;

use super::*;
use crate::scripted::{Scripted, config};

fn found(path: &str) -> Option<(&'static str, Option<String>)> {
    find(path).map(|matched| (matched.route.name, matched.parameter))
}

#[test]
fn paths_find_their_routes() {
    assert_eq!(found("/api/cars"), Some(("cars", None)));
    assert_eq!(found("/api/cars/"), Some(("cars", None)));
    assert_eq!(
        found("/api/cars/availability"),
        Some(("cars/availability", None))
    );
    assert_eq!(found("/api/cars/123"), Some(("car", Some("123".into()))));
    assert_eq!(
        found("/api/cars/a%2Fb+c"),
        Some(("car", Some("a/b+c".into())))
    );
    for path in [
        "/",
        "/api",
        "/api/cars/1/2",
        "/api/bookings//",
        "/API/cars",
        "/api/nothing",
    ] {
        assert_eq!(found(path), None, "{path}");
    }
}

#[test]
fn a_rewritten_parameter_comes_from_the_query() {
    assert_eq!(
        parameter_in_query("/api/cars/{car}", "x=1&car=a%20b"),
        Some("a b".into())
    );
    assert_eq!(parameter_in_query("/api/cars", "car=a"), None);
}

#[test]
fn a_fixed_path_comes_before_one_that_could_swallow_it() {
    for (at, route) in TABLE.iter().enumerate() {
        let swallowed = TABLE[..at]
            .iter()
            .find(|earlier| fit(earlier.path, route.path).is_some());
        assert!(swallowed.is_none(), "{}", route.path);
    }
}

/// The answer to a request without a body, and what was asked of the upstreams for it.
fn ask(
    config: Result<Config, ConfigError>,
    method: &str,
    path: &str,
    token: Option<&str>,
    answers: &[(u16, &'static str)],
) -> (u16, serde_json::Value, Vec<String>) {
    let platform = Arc::new(Scripted::new(answers.iter().copied().map(Ok)));
    let service = Service::new(config, Arc::clone(&platform) as Arc<dyn Platform>);
    let mut request = http::Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Bytes::new()).unwrap();
    let response = service.handle(request, None).now_or_never().unwrap();
    let body = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), body, platform.paths())
}

#[test]
fn without_a_configuration_every_route_says_so() {
    for route in TABLE {
        let method = route.methods.split(", ").next().unwrap();
        let (status, body, asked) =
            ask(config(&[], &["PAYPAL_MODE"]), method, route.path, None, &[]);
        assert_eq!(
            (status, body["code"].as_str()),
            (503, Some("not_configured")),
            "{}",
            route.path
        );
        assert!(!body.to_string().contains("PAYPAL_MODE"), "{body}");
        assert!(asked.is_empty());
    }
}

#[test]
fn without_a_cron_secret_nobody_is_the_cron() {
    let path = "/api/admin/process-payment-captures";
    for token in ["0123456789abcdef", "", "operator"] {
        let (status, body, asked) =
            ask(config(&[], &["CRON_SECRET"]), "GET", path, Some(token), &[]);
        assert_eq!(
            (status, body["code"].as_str()),
            (503, Some("not_configured")),
            "{token}"
        );
        assert!(asked.is_empty(), "{asked:?}");
    }
    let (status, body, asked) = ask(
        config(&[], &["CRON_SECRET"]),
        "GET",
        path,
        None,
        &[(200, "null")],
    );
    assert_eq!((status, body["processed_count"].as_u64()), (200, Some(0)));
    assert_eq!(asked, ["/rest/v1/rpc/last_cron_run"]);
}

#[test]
fn without_an_admin_token_operators_routes_are_not_configured() {
    let (status, body, asked) = ask(
        config(&[], &["ADMIN_TOKEN"]),
        "GET",
        "/api/admin/cache-warm",
        None,
        &[],
    );
    assert_eq!(
        (status, body["code"].as_str()),
        (503, Some("not_configured"))
    );
    assert!(asked.is_empty());
    // An empty list of tokens must not match an empty token.
    let (status, _, asked) = ask(
        config(&[], &["ADMIN_TOKEN"]),
        "GET",
        "/api/admin/cache-warm",
        Some(""),
        &[],
    );
    assert_eq!(status, 401);
    assert!(asked.is_empty());
}
