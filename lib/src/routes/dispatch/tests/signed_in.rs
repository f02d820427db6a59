//! Who is signed in counts for themselves, once it is known.

use super::*;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::SignedDuration;

const USER: &str = r#"{"id":"user-1"}"#;
const FORGED: &str = r#"{"code":403,"error_code":"bad_jwt"}"#;
const ASKED: &str = "/auth/v1/user";

/// A token that ends `seconds` after the time here begins.
fn token(seconds: u32) -> String {
    let claims = format!(r#"{{"exp":{}}}"#, 86_400 + seconds);
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
    format!("e30.{claims}.c2ln")
}

struct World {
    platform: Arc<Scripted>,
    service: Service,
}

impl World {
    /// Without Redis, so that every count is the instance's own.
    fn new(more: &[(&'static str, &'static str)]) -> Self {
        let platform = Arc::new(Scripted::at("1970-01-02T00:00:00Z", []));
        let shared = Arc::clone(&platform) as Arc<dyn Platform>;
        let service = Service::new(config(more, &[]), shared);
        Self { platform, service }
    }

    fn ask(&self, method: &str, path: &str, address: &str, token: &str) -> Response<Bytes> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        let answer = self.service.handle(request, address.parse().ok());
        answer.now_or_never().unwrap()
    }

    /// `RateLimit` of a refused request to the list: tier, requests left.
    fn limit(&self, address: &str, token: &str) -> String {
        let answer = self.ask("GET", "/api/cars?page=0", address, token);
        let limit = answer.headers().get("ratelimit");
        let limit = limit.map_or("", |value| value.to_str().unwrap());
        limit.split(";t=").next().unwrap().to_owned()
    }

    /// What Supabase says of the token it is asked about after the response.
    fn supabase_says(&self, status: u16, body: &'static str) {
        self.platform.will_answer(status, body);
        self.platform.after_the_response();
    }

    fn times_asked(&self) -> usize {
        let paths = self.platform.paths();
        assert!(paths.iter().all(|path| path == ASKED), "{paths:?}");
        paths.len()
    }
}

#[test]
fn a_user_counts_for_themselves_wherever_they_are_and_no_answer_waits_for_it() {
    let world = World::new(&[]);
    let token = token(3_600);
    assert_eq!(world.limit("192.0.2.1", &token), "\"public\";r=59");
    assert_eq!(world.times_asked(), 0, "the answer does not wait");
    world.supabase_says(200, USER);
    assert_eq!(world.times_asked(), 1);
    assert_eq!(world.limit("192.0.2.1", &token), "\"authenticated\";r=119");
    assert_eq!(world.limit("192.0.2.2", &token), "\"authenticated\";r=118");
    // Their address has what it had, for everybody else there.
    assert_eq!(world.limit("192.0.2.1", ""), "\"public\";r=58");
    world.platform.after_the_response();
    assert_eq!(world.times_asked(), 1, "it is known");
}

#[test]
fn a_user_is_asked_about_again_after_a_minute_and_a_lapsed_token_never() {
    let world = World::new(&[]);
    let token = token(90);
    for (asked, step) in [(1, 60), (2, 30)] {
        let limit = world.limit("192.0.2.1", &token);
        assert!(limit.starts_with("\"public\""), "{limit}");
        world.supabase_says(200, USER);
        assert_eq!(world.times_asked(), asked);
        let limit = world.limit("192.0.2.1", &token);
        assert!(limit.starts_with("\"authenticated\""), "{limit}");
        world.platform.advance(SignedDuration::from_secs(step));
    }
    let limit = world.limit("192.0.2.1", &token);
    assert!(limit.starts_with("\"public\""), "{limit}");
    world.platform.after_the_response();
    assert_eq!(world.times_asked(), 2);
}

#[test]
fn other_tiers_stay_and_count_by_user() {
    let world = World::new(&[]);
    let token = token(3_600);
    world.limit("192.0.2.1", &token);
    world.supabase_says(200, USER);
    for left in (0..10).rev() {
        let address = format!("192.0.2.{left}");
        let answer = world.ask("POST", "/api/bookings", &address, &token);
        assert_eq!(answer.status(), 422);
        assert_eq!(
            answer.headers()["ratelimit-policy"],
            "\"booking\";q=10;w=60"
        );
        assert_eq!(answer.headers()["x-ratelimit-remaining"], left.to_string());
    }
    let answer = world.ask("POST", "/api/bookings", "192.0.2.99", &token);
    assert_eq!(answer.status(), 429);
}

#[test]
fn a_forged_token_counts_by_address_and_costs_supabase_one_call() {
    let world = World::new(&[]);
    let token = token(3_600);
    world.limit("192.0.2.1", &token);
    world.supabase_says(403, FORGED);
    for left in (40..59).rev() {
        let limit = world.limit("192.0.2.1", &token);
        assert_eq!(limit, format!("\"public\";r={left}"));
        world.platform.after_the_response();
    }
    // Nor does it cost more where Supabase is asked before the answer.
    let answer = world.ask("GET", "/api/admin/metrics", "192.0.2.1", &token);
    assert_eq!(answer.status(), 401);
    world.platform.after_the_response();
    assert_eq!(world.times_asked(), 1);
}

#[test]
fn tokens_that_cannot_be_anybodys_cost_supabase_nothing() {
    let world = World::new(&[]);
    world.platform.advance(SignedDuration::from_secs(100));
    let lapsed = token(100);
    let long = "x".repeat(9_000);
    for token in [lapsed.as_str(), "a.b.c", "operator", &long] {
        world.limit("192.0.2.1", token);
        world.platform.after_the_response();
    }
    assert_eq!(world.times_asked(), 0);
}

#[test]
fn a_denied_request_costs_supabase_nothing() {
    let world = World::new(&[("RATE_LIMIT_PUBLIC", "1/60s")]);
    assert_eq!(world.limit("192.0.2.1", ""), "\"public\";r=0");
    let answer = world.ask("GET", "/api/cars", "192.0.2.1", &token(3_600));
    assert_eq!(answer.status(), 429);
    world.platform.after_the_response();
    assert_eq!(world.times_asked(), 0);
}

#[test]
fn networks_and_users_on_the_allowlist_are_not_counted() {
    let allowed = "user-1, 198.51.100.0/24, 2001:db8::/32, 203.0.113.5";
    let world = World::new(&[("RATE_LIMIT_ALLOWLIST", allowed)]);
    let token = token(3_600);
    world.limit("192.0.2.1", &token);
    world.supabase_says(200, USER);
    assert_eq!(world.limit("192.0.2.1", &token), "");
    for address in [
        "198.51.100.7",
        "::ffff:198.51.100.7",
        "2001:db8:1::1",
        "203.0.113.5",
    ] {
        assert_eq!(world.limit(address, ""), "", "{address}");
    }
    for address in ["192.0.2.1", "198.51.101.7", "2001:db9::1", "203.0.113.6"] {
        let limit = world.limit(address, "");
        assert!(limit.starts_with("\"public\""), "{address} {limit}");
    }
}

/// The user is learnt of either way.
#[test]
fn who_is_asked_about_before_the_answer_is_not_asked_about_again() {
    let world = World::new(&[]);
    let token = token(3_600);
    world.platform.will_answer(200, USER);
    let answer = world.ask("GET", "/api/admin/metrics", "192.0.2.1", &token);
    assert_eq!(answer.status(), 401, "a user, but no operator");
    world.platform.after_the_response();
    assert_eq!(world.times_asked(), 1);
    assert_eq!(world.limit("192.0.2.1", &token), "\"authenticated\";r=119");
}
