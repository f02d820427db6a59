//! What a CDN may keep for others: `CDN_CACHE_SECONDS`.

use super::*;
use crate::scripted;

const REDIS: [(&str, &str); 3] = [
    scripted::REDIS[0],
    scripted::REDIS[1],
    ("CDN_CACHE_SECONDS", "30"),
];
/// Fresh for another 42 seconds; the time here begins at 0.
const HIT: &str = r#"[{"result":[1,0,0,"ab 0 42000 \"e\"\n{}","ab"]}]"#;
const NEARLY_STALE: &str = r#"[{"result":[1,0,0,"ab 0 12999 \"e\"\n{}","ab"]}]"#;
const STALE: &str = r#"[{"result":[1,0,0,"ab -60000 0 \"e\"\n{}","ab"]}]"#;
const MISS: &str = r#"[{"result":[1,0,1,null,"ab"]}]"#;
const ABSENT: &str = r#"[{"result":[1,0,0,"ab 0 9000 \"e\"\n","ab"]}]"#;
const UNREAD: &str = r#"[{"result":[1,0,0]}]"#;
const DENIED: &str = r#"[{"result":[61,0]}]"#;

/// Asks, with `more` configured and `headers` sent; Redis answers first, then the database.
fn ask(
    more: &[(&'static str, &'static str)],
    path: &str,
    headers: &[(&str, &str)],
    answers: &[&'static str],
) -> Response<Bytes> {
    let answers = answers.iter().map(|body| Ok((200, *body)));
    let platform = Arc::new(Scripted::new(answers)) as Arc<dyn Platform>;
    let service = Service::new(config(&[more, &REDIS[..]].concat(), &[]), platform);
    let mut request = http::Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::new()).unwrap();
    let address = "192.0.2.1".parse().ok();
    service.handle(request, address).now_or_never().unwrap()
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn kept(answer: &Response<Bytes>) -> &str {
    header(answer, "cdn-cache-control")
}

#[test]
fn what_all_may_see_is_kept_and_says_nothing_of_the_one_who_asked() {
    let whole = "max-age=30, stale-while-revalidate=30";
    // Never longer than it is fresh.
    let rest = "max-age=12, stale-while-revalidate=12";
    for (path, answers, directives) in [
        ("/api/cars", &[HIT][..], whole),
        ("/api/cars/123", &[HIT], whole),
        ("/api/cars?page=2", &[NEARLY_STALE], rest),
        ("/api/cars/123", &[MISS, "{}"], whole),
    ] {
        let answer = ask(&[], path, &[], answers);
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(kept(&answer), directives, "{path}");
        assert_eq!(header(&answer, "cache-control"), "no-cache");
        for name in ["ratelimit", "ratelimit-policy", "x-ratelimit-remaining"] {
            assert_eq!(header(&answer, name), "", "{path} {name}");
        }
        assert_ne!(header(&answer, "x-request-id"), "");
    }
    let unchanged = ask(&[], "/api/cars", &[("if-none-match", "\"e\"")], &[HIT]);
    assert_eq!(unchanged.status(), 304);
    assert_eq!(kept(&unchanged), whole);
}

#[test]
fn what_a_booking_changes_is_not_kept_nor_what_is_stale_refused_or_somebodys() {
    let days = "/api/cars/availability?carId=123&startDate=2027-01-01&endDate=2027-01-03";
    let free = "/api/cars?availableFrom=2027-01-01&availableTo=2027-01-03";
    let token = [("authorization", "Bearer x")];
    for (path, headers, answer, status) in [
        (days, &[][..], HIT, 200),
        (free, &[], HIT, 200),
        ("/api/cars", &token, HIT, 200),
        ("/api/cars", &[], STALE, 200),
        ("/api/cars", &[], DENIED, 429),
        ("/api/cars?page=0", &[], UNREAD, 422),
        ("/api/cars/nobody", &[], ABSENT, 404),
    ] {
        let answer = ask(&[], path, headers, &[answer]);
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(kept(&answer), "", "{path}");
        assert_ne!(header(&answer, "ratelimit"), "", "{path}");
    }
    // Redis makes no sense: the database's answer is kept nowhere.
    let answer = ask(&[], "/api/cars", &[], &["garbage", "{}"]);
    assert_eq!(header(&answer, "x-cache"), "BYPASS");
    assert_eq!(kept(&answer), "");
}

#[test]
fn set_to_nought_nothing_is_kept() {
    let answer = ask(&[("CDN_CACHE_SECONDS", "0")], "/api/cars", &[], &[HIT]);
    assert_eq!(kept(&answer), "");
    assert_ne!(header(&answer, "ratelimit"), "");
}

#[test]
fn pages_that_may_read_it_are_told_apart_only_where_they_must_be() {
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
        let answer = ask(&more, "/api/cars", headers, &[HIT]);
        assert_ne!(kept(&answer), "");
        let allows = header(&answer, "access-control-allow-origin");
        assert_eq!(allows, allow, "{allowed}");
        assert_eq!(header(&answer, "vary"), vary, "{allowed}");
    }
}
