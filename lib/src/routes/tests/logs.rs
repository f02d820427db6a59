//! The log holds no query, header or body, because tokens travel in all three.

use super::{captured_log::capture, *};
use crate::{platform::TransportError, scripted::REDIS};
use serde_json::json;

const CRON_SECRET: &str = "0123456789abcdef";
const BOOKING: &str = "0e0f6a51-4a8b-4b57-9c8f-0d7b1b9a7c11";

type Reply = Result<(u16, &'static str), TransportError>;

/// A valid body for every route, with `token` wherever a text is free.
fn body(token: &str) -> Bytes {
    let body = json!({
        "carId": "123",
        "startDate": "2027-01-01",
        "endDate": "2027-01-03",
        "customer": { "fullName": token, "email": "a@b.example" },
        "bookingId": BOOKING,
        "orderID": "5O190127TN364715T",
        "description": token,
        "reason": token,
        "token": token,
    });
    body.to_string().into()
}

/// Sends `token` to `path` in the query, the headers and the body. All upstreams give `reply`.
///
/// A response that never comes, because the script does not let time pass, has its log lines all
/// the same.
fn send_everywhere(method: &str, path: &str, token: &str, bearer: &str, reply: Reply) {
    let platform = Arc::new(ScriptedPlatform::new([reply; 100]));
    let config = config(&REDIS, &[]);
    let service = Service::new(config, Arc::clone(&platform) as Arc<dyn Platform>);
    let path = path.replace("{id}", BOOKING).replace("{car}", "123");
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{path}?token={token}"))
        .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
        .header("x-booking-token", token)
        .header("idempotency-key", token)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body(token))
        .unwrap();
    let address = "192.0.2.1".parse().ok();
    let _ = service.handle(request, address).now_or_never();
    platform.run_work_after_response();
}

#[test]
fn log_holds_no_token() {
    let token = access_token(3_600);
    let replies = [
        Err(TransportError::NotSent),
        Err(TransportError::Unknown),
        Ok((200, "{}")),
        Ok((500, r#"{"code":"XX000","message":"garbage"}"#)),
    ];
    for route in TABLE {
        for method in route.methods.split(", ") {
            let ((), lines) = capture(|| {
                for bearer in [&token, "operator", CRON_SECRET] {
                    for reply in replies {
                        send_everywhere(method, route.path, &token, bearer, reply);
                    }
                }
            });
            let request_line = format!("method={method} route={} status=", route.path);
            assert!(
                lines.iter().any(|line| line.contains(&request_line)),
                "{request_line} {lines:?}"
            );
            for secret in [&token, CRON_SECRET, "a@b.example", "sb_secret_x"] {
                let leak = lines.iter().find(|line| line.contains(secret));
                assert!(leak.is_none(), "{leak:?}");
            }
        }
    }
}
