//! The log holds no query, header or body, because tokens travel in all three. It holds no value
//! that an upstream's error quotes.

use super::{captured_log::capture, *};
use crate::{
    platform::TransportError,
    scripted::{REDIS, START_SECONDS},
};
use serde_json::json;

const CRON_SECRET: &str = "0123456789abcdef";
const EMAIL: &str = "jane@customer.example";
const PHONE: &str = "+14155550123";
const ORDER: &str = "5O190127TN364715T";
/// Never logged, wherever they come from.
const PERSONAL: [&str; 5] = [EMAIL, PHONE, ORDER, "Jane Doe", "sb_secret_x"];
const BOOKING: &str = "0e0f6a51-4a8b-4b57-9c8f-0d7b1b9a7c11";

type Reply = Result<(u16, &'static str), TransportError>;

/// A valid body for every route, with `token` wherever a text is free.
fn body(token: &str) -> Bytes {
    let body = json!({
        "carId": "123",
        "startDate": "2027-01-01",
        "endDate": "2027-01-03",
        "customer": { "fullName": token, "email": EMAIL, "phone": PHONE },
        "bookingId": BOOKING,
        "orderID": ORDER,
        "id": token,
        "event_type": "CHECKOUT.ORDER.APPROVED",
        "resource": { "id": ORDER, "payer": { "email_address": EMAIL, "name": token } },
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
    let replies = [
        Err(TransportError::NotSent),
        Err(TransportError::Unknown),
        Ok((200, "{}")),
        Ok((500, r#"{"code":"XX000","message":"garbage"}"#)),
    ];
    assert_silent(&replies);
}

/// The texts are those of PostgreSQL, Redis and PayPal. Each quotes what the customer sent.
#[test]
fn log_holds_no_value_from_upstream_errors() {
    let replies = [
        r#"{"code":"22007","message":"invalid input syntax for type date: \"jane@customer.example\"",
            "details":"at +14155550123","hint":"Jane Doe"}"#,
        r#"{"code":"23505","message":"duplicate key value violates unique constraint \"customers_email\"",
            "details":"Key (lower(email))=(jane@customer.example) already exists."}"#,
        r#"{"name":"UNPROCESSABLE_ENTITY","debug_id":"f1","message":"Semantically incorrect.","details":[
            {"issue":"CITY_REQUIRED","field":"/payer","value":"+14155550123",
             "description":"5O190127TN364715T of jane@customer.example"}]}"#,
        r#"[{"error":"ERR unknown command '5O190127TN364715T', with args '+14155550123'"}]"#,
        "<html>jane@customer.example</html>",
        r#""jane@customer.example""#,
        r#"{"outcome":"Jane Doe","booking":"+14155550123","id":{"5O190127TN364715T":1}}"#,
        r#"[{"result":"jane@customer.example"}]"#,
    ];
    for status in [200, 400, 422, 500] {
        assert_silent(&replies.map(|body| Ok((status, body))));
    }
}

/// Sends every request with every reply, and finds nothing of it in the log.
fn assert_silent(replies: &[Reply]) {
    let token = access_token(START_SECONDS + 3_600);
    for route in TABLE {
        for method in route.methods.split(", ") {
            let ((), lines) = capture(|| {
                for bearer in [&token, "operator", CRON_SECRET] {
                    for reply in replies {
                        send_everywhere(method, route.path, &token, bearer, *reply);
                    }
                }
            });
            let request_line = format!("method={method} route={} status=", route.path);
            assert!(
                lines.iter().any(|line| line.contains(&request_line)),
                "{request_line} {lines:?}"
            );
            for secret in PERSONAL.into_iter().chain([token.as_str(), CRON_SECRET]) {
                let leak = lines.iter().find(|line| line.contains(secret));
                assert!(leak.is_none(), "{leak:?}");
            }
        }
    }
}
