//! Operators' requests while the database cannot record them.

use super::{captured_log::capture, *};
use http::Method;

const RECORDED: (u16, &str) = (200, r#"{"outcome":"recorded"}"#);
const NO_CONNECTION: (u16, &str) = (503, r#"{"code":"53300","message":"too many clients"}"#);
const RECORD: &str = "/rest/v1/rpc/record_operator_request";
const OPERATOR: Option<&str> = Some("operator");

/// The work after the response runs too.
fn send_and_finish(
    method: &Method,
    path: &str,
    replies: &[(u16, &'static str)],
) -> (Outcome, Vec<String>) {
    let platform = Arc::new(ScriptedPlatform::new(replies.iter().copied().map(Ok)));
    let shared = Arc::clone(&platform) as Arc<dyn Platform>;
    let service = Service::new(config(&[], &[]), shared);
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, "Bearer operator")
        .body(Bytes::new())
        .unwrap();
    let (response, lines) = capture(|| {
        let response = service.handle(request, None).now_or_never().unwrap();
        platform.run_work_after_response();
        response
    });
    let outcome = Outcome {
        status: response.status().as_u16(),
        body: serde_json::from_slice(response.body()).unwrap(),
        calls: platform.paths(),
    };
    (outcome, lines)
}

#[test]
fn change_without_audit_is_not_made() {
    // Two attempts before the work, and two rows about the outcome. No call does any work.
    let path = "/api/admin/payments/findings/acknowledge";
    let (outcome, lines) = send_and_finish(&Method::POST, path, &[NO_CONNECTION; 4]);
    let expected = (503, Some("database_unavailable"));
    assert_eq!(outcome.status_and_code(), expected);
    let detail = outcome.body["detail"].as_str().unwrap();
    assert!(detail.contains("nothing was done"), "{detail}");
    assert_eq!(outcome.calls, [RECORD; 4]);
    let is_reported = |line: &String| line.contains("is not in the audit log");
    assert_eq!(lines.iter().filter(|line| is_reported(line)).count(), 1);
}

#[test]
fn second_attempt_of_row_suffices() {
    let path = "/api/admin/cache/clear";
    let replies = [NO_CONNECTION, RECORDED, RECORDED];
    let (outcome, lines) = send_and_finish(&Method::POST, path, &replies);
    assert_eq!(outcome.status, 200);
    assert_eq!(outcome.calls, [RECORD; 3]);
    assert!(!lines.iter().any(|line| line.contains("audit log")));
}

#[test]
fn read_is_answered_and_recorded_later() {
    let path = "/api/admin/metrics";
    for (last, reports) in [(RECORDED, 0), (NO_CONNECTION, 1)] {
        let replies = [NO_CONNECTION, last];
        let (outcome, lines) = send_and_finish(&Method::GET, path, &replies);
        assert_eq!(outcome.status, 200);
        assert_eq!(outcome.calls, [RECORD; 2]);
        let reported = lines.iter().filter(|line| line.contains("audit log"));
        assert_eq!(reported.count(), reports);
    }
}

#[test]
fn strangers_cost_no_audit_row() {
    let outcome = send(config(&[], &[]), "GET", "/api/admin/metrics", None, &[]);
    assert_eq!(outcome.status, 401);
    assert!(outcome.calls.is_empty());
    let outcome = send(config(&[], &[]), "GET", "/api/demo/redis", None, &[]);
    assert_eq!(outcome.status, 200);
    assert!(outcome.calls.is_empty());
    let outcome = send(
        config(&[], &[]),
        "GET",
        "/api/demo/redis",
        OPERATOR,
        &[RECORDED],
    );
    assert_eq!(outcome.calls, [RECORD]);
}

/// Strangers cause these rows, so their number is bounded.
#[test]
fn failed_logins_are_recorded_up_to_a_limit() {
    let replies = [RECORDED; 100].map(Ok);
    let platform = Arc::new(ScriptedPlatform::new(replies));
    let shared = Arc::clone(&platform) as Arc<dyn Platform>;
    let service = Service::new(config(&[], &[]), shared);
    for number in 0..100 {
        let request = http::Request::get("/api/admin/metrics")
            .header(header::AUTHORIZATION, "Bearer wrong")
            .body(Bytes::new())
            .unwrap();
        let address = format!("192.0.2.{number}").parse().ok();
        let response = service.handle(request, address).now_or_never().unwrap();
        assert_eq!(response.status(), 401);
    }
    platform.run_work_after_response();
    let events = platform.paths();
    assert_eq!(events.len(), 60);
    let is_event = |path: &String| path == "/rest/v1/rpc/record_security_event";
    assert!(events.iter().all(is_event), "{events:?}");
    let body = platform.last_request().into_body();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["p_kind"], "operator_login_failed");
    assert_eq!(body["p_detail"]["network"], "192.0.2.0/24");
}
