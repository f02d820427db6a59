//! Rate limits of signed-in users.

use super::*;
use crate::scripted::START_SECONDS;
use jiff::SignedDuration;

const USER: &str = r#"{"id":"user-1"}"#;
const RECORDED: &str = r#"{"outcome":"recorded"}"#;
const FORGED: &str = r#"{"code":403,"error_code":"bad_jwt"}"#;

struct World {
    platform: Arc<ScriptedPlatform>,
    service: Service,
}

impl World {
    /// Without Redis, so that all counts are the instance's own.
    fn new(more: &[(&'static str, &'static str)]) -> Self {
        let platform = Arc::new(ScriptedPlatform::new([]));
        let shared = Arc::clone(&platform) as Arc<dyn Platform>;
        let service = Service::new(config(more, &[]), shared);
        Self { platform, service }
    }

    fn send(&self, method: &str, path: &str, address: &str, token: &str) -> Response<Bytes> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        let response = self.service.handle(request, address.parse().ok());
        response.now_or_never().unwrap()
    }

    /// `RateLimit` of an invalid request: the tier and the remaining requests.
    fn limit(&self, address: &str, token: &str) -> String {
        let response = self.send("GET", "/api/cars?page=0", address, token);
        let limit = response.headers().get("ratelimit");
        let limit = limit.map_or("", |value| value.to_str().unwrap());
        limit.split(";t=").next().unwrap().to_owned()
    }

    /// Supabase's response to the lookup of a token after the response.
    fn supabase_responds(&self, status: u16, body: &'static str) {
        self.platform.add_response(status, body);
        self.platform.run_work_after_response();
    }

    /// The number of lookups at Supabase. The only other calls record failed logins.
    fn lookups(&self) -> usize {
        let mut paths = self.platform.paths();
        paths.retain(|path| path != "/rest/v1/rpc/record_security_event");
        let is_lookup = |path: &String| path == "/auth/v1/user";
        assert!(paths.iter().all(is_lookup), "{paths:?}");
        paths.len()
    }
}

#[test]
fn user_counts_by_id_from_any_address() {
    let world = World::new(&[]);
    let token = access_token(START_SECONDS + 3_600);
    assert_eq!(world.limit("192.0.2.1", &token), "\"public\";r=59");
    assert_eq!(world.lookups(), 0, "the response does not wait");
    world.supabase_responds(200, USER);
    assert_eq!(world.lookups(), 1);
    assert_eq!(world.limit("192.0.2.1", &token), "\"authenticated\";r=119");
    assert_eq!(world.limit("192.0.2.2", &token), "\"authenticated\";r=118");
    // Other clients at the address keep their own count.
    assert_eq!(world.limit("192.0.2.1", ""), "\"public\";r=58");
    world.platform.run_work_after_response();
    assert_eq!(world.lookups(), 1, "the user is known");
}

#[test]
fn user_is_looked_up_until_token_expires() {
    let world = World::new(&[]);
    let token = access_token(START_SECONDS + 90);
    for (lookups, seconds) in [(1, 60), (2, 30)] {
        let limit = world.limit("192.0.2.1", &token);
        assert!(limit.starts_with("\"public\""), "{limit}");
        world.supabase_responds(200, USER);
        assert_eq!(world.lookups(), lookups);
        let limit = world.limit("192.0.2.1", &token);
        assert!(limit.starts_with("\"authenticated\""), "{limit}");
        world.platform.advance(SignedDuration::from_secs(seconds));
    }
    let limit = world.limit("192.0.2.1", &token);
    assert!(limit.starts_with("\"public\""), "{limit}");
    world.platform.run_work_after_response();
    assert_eq!(world.lookups(), 2);
}

#[test]
fn booking_tier_counts_by_user() {
    let world = World::new(&[]);
    let token = access_token(START_SECONDS + 3_600);
    world.limit("192.0.2.1", &token);
    world.supabase_responds(200, USER);
    for left in (0..10).rev() {
        let address = format!("192.0.2.{left}");
        let response = world.send("POST", "/api/bookings", &address, &token);
        assert_eq!(response.status(), 422);
        assert_eq!(
            response.headers()["ratelimit-policy"],
            "\"booking\";q=10;w=60"
        );
        assert_eq!(
            response.headers()["x-ratelimit-remaining"],
            left.to_string()
        );
    }
    let response = world.send("POST", "/api/bookings", "192.0.2.99", &token);
    assert_eq!(response.status(), 429);
}

#[test]
fn forged_token_costs_one_lookup() {
    let world = World::new(&[]);
    let token = access_token(START_SECONDS + 3_600);
    world.limit("192.0.2.1", &token);
    world.supabase_responds(403, FORGED);
    for left in (40..59).rev() {
        let limit = world.limit("192.0.2.1", &token);
        assert_eq!(limit, format!("\"public\";r={left}"));
        world.platform.run_work_after_response();
    }
    // An operator route, which looks up before the response, adds no lookup.
    let response = world.send("GET", "/api/admin/metrics", "192.0.2.1", &token);
    assert_eq!(response.status(), 401);
    world.supabase_responds(200, RECORDED);
    assert_eq!(world.lookups(), 1);
}

#[test]
fn unusable_tokens_cost_no_lookup() {
    let world = World::new(&[]);
    world.platform.advance(SignedDuration::from_secs(100));
    let expired = access_token(START_SECONDS + 100);
    let long = "x".repeat(9_000);
    for token in [expired.as_str(), "a.b.c", "operator", &long] {
        world.limit("192.0.2.1", token);
        world.platform.run_work_after_response();
    }
    assert_eq!(world.lookups(), 0);
}

#[test]
fn denied_request_costs_no_lookup() {
    let world = World::new(&[("RATE_LIMIT_PUBLIC", "1/60s")]);
    assert_eq!(world.limit("192.0.2.1", ""), "\"public\";r=0");
    let response = world.send(
        "GET",
        "/api/cars",
        "192.0.2.1",
        &access_token(START_SECONDS + 3_600),
    );
    assert_eq!(response.status(), 429);
    world.platform.run_work_after_response();
    assert_eq!(world.lookups(), 0);
}

#[test]
fn allowlist_exempts_networks_and_users() {
    let allowed = "user-1, 198.51.100.0/24, 2001:db8::/32, 203.0.113.5";
    let world = World::new(&[("RATE_LIMIT_ALLOWLIST", allowed)]);
    let token = access_token(START_SECONDS + 3_600);
    world.limit("192.0.2.1", &token);
    world.supabase_responds(200, USER);
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

/// An operator route looks the user up before the response.
#[test]
fn operator_route_remembers_the_user() {
    let world = World::new(&[]);
    let token = access_token(START_SECONDS + 3_600);
    world.platform.add_response(200, USER);
    let response = world.send("GET", "/api/admin/metrics", "192.0.2.1", &token);
    assert_eq!(response.status(), 401, "a user without the role");
    world.supabase_responds(200, RECORDED);
    assert_eq!(world.lookups(), 1);
    assert_eq!(world.limit("192.0.2.1", &token), "\"authenticated\";r=119");
}
