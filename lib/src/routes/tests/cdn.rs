//! Responses that a CDN may cache: `CDN_CACHE_SECONDS`.

use super::*;
use crate::scripted;

const REDIS: [(&str, &str); 3] = [
    scripted::REDIS[0],
    scripted::REDIS[1],
    ("CDN_CACHE_SECONDS", "30"),
];
/// Fresh for another 42 seconds. The script begins at 1893456000000.
const HIT: &str = r#"[{"result":[1,0,0,"ab 1893456000000 1893456042000 \"e\"\n{}","ab"]}]"#;
const NEARLY_STALE: &str =
    r#"[{"result":[1,0,0,"ab 1893456000000 1893456012999 \"e\"\n{}","ab"]}]"#;
const STALE: &str = r#"[{"result":[1,0,0,"ab 1893455940000 1893456000000 \"e\"\n{}","ab"]}]"#;
const MISS: &str = r#"[{"result":[1,0,1,null,"ab"]}]"#;
const ABSENT: &str = r#"[{"result":[1,0,0,"ab 1893456000000 1893456009000 \"e\"\n","ab"]}]"#;
const COUNTED: &str = r#"[{"result":[1,0,0]}]"#;
const DENIED: &str = r#"[{"result":[61,0]}]"#;

/// Gets `path` with `more` variables and with `headers`. Redis replies first, then the database.
fn get(
    more: &[(&'static str, &'static str)],
    path: &str,
    headers: &[(&str, &str)],
    replies: &[&'static str],
) -> Response<Bytes> {
    let replies = replies.iter().map(|body| Ok((200, *body)));
    let platform = Arc::new(ScriptedPlatform::new(replies)) as Arc<dyn Platform>;
    let service = Service::new(config(&[more, &REDIS[..]].concat(), &[]), platform);
    let mut request = http::Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::new()).unwrap();
    let address = "192.0.2.1".parse().ok();
    service.handle(request, address).now_or_never().unwrap()
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn cdn_directives(response: &Response<Bytes>) -> &str {
    header(response, "cdn-cache-control")
}

#[test]
fn cdn_caches_fresh_pages_without_client_limits() {
    let whole = "max-age=30, stale-while-revalidate=30";
    // Not longer than the remaining freshness.
    let rest = "max-age=12, stale-while-revalidate=12";
    for (path, replies, directives) in [
        ("/api/cars", &[HIT][..], whole),
        ("/api/cars/123", &[HIT], whole),
        ("/api/cars?page=2", &[NEARLY_STALE], rest),
        ("/api/cars/123", &[MISS, "{}"], whole),
    ] {
        let response = get(&[], path, &[], replies);
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(cdn_directives(&response), directives, "{path}");
        assert_eq!(header(&response, "cache-control"), "no-cache");
        for name in ["ratelimit", "ratelimit-policy", "x-ratelimit-remaining"] {
            assert_eq!(header(&response, name), "", "{path} {name}");
        }
        assert_ne!(header(&response, "x-request-id"), "");
    }
    let unchanged = get(&[], "/api/cars", &[("if-none-match", "\"e\"")], &[HIT]);
    assert_eq!(unchanged.status(), 304);
    assert_eq!(cdn_directives(&unchanged), whole);
}

#[test]
fn only_fresh_public_responses_reach_cdn() {
    let days = "/api/cars/availability?carId=123&startDate=2027-01-01&endDate=2027-01-03";
    let free = "/api/cars?availableFrom=2027-01-01&availableTo=2027-01-03";
    let token = [("authorization", "Bearer x")];
    for (path, headers, reply, status) in [
        (days, &[][..], HIT, 200),
        (free, &[], HIT, 200),
        ("/api/cars", &token, HIT, 200),
        ("/api/cars", &[], STALE, 200),
        ("/api/cars", &[], DENIED, 429),
        ("/api/cars?page=0", &[], COUNTED, 422),
        ("/api/cars/nobody", &[], ABSENT, 404),
    ] {
        let response = get(&[], path, headers, &[reply]);
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(cdn_directives(&response), "", "{path}");
        assert_ne!(header(&response, "ratelimit"), "", "{path}");
    }
    // After a malformed reply of Redis, the response of the database is cached nowhere.
    let response = get(&[], "/api/cars", &[], &["garbage", "{}"]);
    assert_eq!(header(&response, "x-cache"), "BYPASS");
    assert_eq!(cdn_directives(&response), "");
}

#[test]
fn zero_seconds_disable_cdn_caching() {
    let response = get(&[("CDN_CACHE_SECONDS", "0")], "/api/cars", &[], &[HIT]);
    assert_eq!(cdn_directives(&response), "");
    assert_ne!(header(&response, "ratelimit"), "");
}

#[test]
fn only_listed_origins_vary_cdn_responses() {
    let origin = [("origin", "https://a.example")];
    for (allowed, headers, allow, vary) in [
        ("*", &origin[..], "*", ""),
        ("*", &[], "*", ""),
        ("https://a.example", &origin, "https://a.example", "Origin"),
        ("https://a.example", &[], "", "Origin"),
        ("https://b.example", &origin, "", "Origin"),
        ("", &origin, "", ""),
    ] {
        let more = [("ALLOWED_ORIGINS", allowed)];
        let response = get(&more, "/api/cars", headers, &[HIT]);
        assert_ne!(cdn_directives(&response), "");
        let allows = header(&response, "access-control-allow-origin");
        assert_eq!(allows, allow, "{allowed}");
        assert_eq!(header(&response, "vary"), vary, "{allowed}");
    }
}
