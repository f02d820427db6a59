use super::*;

const NOW: &str = "2030-01-20T00:00:00Z";

fn error_of(operation: &'static str, status: u16, body: &'static str) -> PayPalError {
    let response = Response::builder()
        .status(status)
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap();
    refusal(operation, &response, NOW.parse().unwrap())
}

fn error(status: u16, body: &'static str) -> PayPalError {
    error_of("capture_authorization", status, body)
}

#[test]
fn first_issue_decides() {
    let error = error(
        422,
        r#"{"name":"UNPROCESSABLE_ENTITY","debug_id":"d","details":[{"issue":"AUTHORIZATION_VOIDED","description":"x"},{"issue":"PAYER_CANNOT_PAY"}]}"#,
    );
    assert_eq!(error.issue(), Some(&Issue::AuthorizationVoided));
    assert_eq!(error.meaning(), Meaning::Ended);
}

/// Each answer to a capture: its status, its body, its code and its meaning.
const ANSWERS: &str = r#"
301 |  | unknown | Unknown
302 | {"name":"MOVED"} | unknown | Unknown
400 | <html>Bad request</html> | unknown | Unknown
400 | {"name":"INVALID_REQUEST","details":[{"issue":"MISSING_REQUIRED_PARAMETER"}]} | MISSING_REQUIRED_PARAMETER | Ours
400 | {"name":"INVALID_REQUEST"} | INVALID_REQUEST | Ours
401 | <html>Please sign in</html> | unauthenticated | Ours
402 | {"name":"PAYMENT_REQUIRED"} | unknown | Unknown
403 | <html>Access denied</html> | unknown | Unknown
403 |  | unknown | Unknown
403 | {"name":"NOT_AUTHORIZED","details":[{"issue":"PERMISSION_DENIED"}]} | PERMISSION_DENIED | Ours
403 | {"name":"NOT_AUTHORIZED"} | NOT_AUTHORIZED | Ours
403 | {"details":[{"issue":"PAYER_CANNOT_PAY"}]} | PAYER_CANNOT_PAY | Unknown
404 | <html>Not found</html> | unknown | Unknown
404 | {"name":"RESOURCE_NOT_FOUND"} | RESOURCE_NOT_FOUND | Ours
404 | {"name":"RESOURCE_NOT_FOUND","details":[{"issue":"INVALID_RESOURCE_ID"}]} | INVALID_RESOURCE_ID | Ours
408 |  | unknown | Unknown
409 | {"name":"RESOURCE_CONFLICT","details":[{"issue":"PREVIOUS_REQUEST_IN_PROGRESS"}]} | in_progress | Unknown
409 | {"name":"OTHER","details":[{"issue":"PREVIOUS_REQUEST_IN_PROGRESS"}]} | in_progress | Unknown
409 | {"details":[{"issue":"PREVIOUS_REQUEST_IN_PROGRESS"}]} | in_progress | Unknown
409 | {"name":"RESOURCE_CONFLICT"} | in_progress | Unknown
409 | {"name":"RESOURCE_CONFLICT","details":[{"issue":"OTHER"}]} | in_progress | Unknown
409 | {"name":"OTHER"} | in_progress | Unknown
409 | {"details":[{"issue":"AUTHORIZATION_VOIDED"}]} | in_progress | Unknown
409 | <html>Conflict</html> | in_progress | Unknown
418 | {"name":"TEAPOT"} | unknown | Unknown
422 | <html>Unprocessable</html> | unknown | Unknown
422 | {"name":"UNPROCESSABLE_ENTITY"} | UNPROCESSABLE_ENTITY | Unknown
422 | {"name":"UNPROCESSABLE_ENTITY","debug_id":null,"details":null} | UNPROCESSABLE_ENTITY | Unknown
422 | {"name":null,"details":[{"issue":null},{"issue":"TRANSACTION_REFUSED"}]} | TRANSACTION_REFUSED | DeclinedByPayer
422 | {"name":"AUTHORIZATION_EXPIRED","details":[]} | AUTHORIZATION_EXPIRED | Ended
422 | {"details":[{"issue":"NEW_ISSUE"}]} | NEW_ISSUE | Unknown
422 | {"details":[{"issue":"PAYEE_ACCOUNT_RESTRICTED"}]} | PAYEE_ACCOUNT_RESTRICTED | Ours
500 | {"name":"INTERNAL_SERVER_ERROR"} | unknown | Unknown
500 | {"details":[{"issue":"AUTHORIZATION_VOIDED"}]} | unknown | Unknown
502 | <html>Bad gateway</html> | unknown | Unknown
503 |  | unknown | Unknown
504 |  | unknown | Unknown
"#;

#[test]
fn only_listed_answers_are_refusals() {
    for row in ANSWERS.lines().filter(|row| !row.is_empty()) {
        let [status, body, code, meaning] = row.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let error = error(status.parse().unwrap(), body);
        assert_eq!(error.code(), code, "{row}");
        assert_eq!(format!("{:?}", error.meaning()), meaning, "{row}");
    }
}

#[test]
fn only_paypals_404_is_missing_resource() {
    let missing = r#"{"name":"RESOURCE_NOT_FOUND","details":[{"issue":"INVALID_RESOURCE_ID"}]}"#;
    let seen = |status, body| {
        let error = error_of("get_order", status, body);
        (error.is_missing(), error.meaning())
    };
    assert_eq!(seen(404, missing), (true, Meaning::Unknown));
    assert_eq!(
        seen(404, r#"{"name":"RESOURCE_NOT_FOUND"}"#),
        (true, Meaning::Unknown)
    );
    assert_eq!(seen(404, r#"{"name":"OTHER"}"#), (false, Meaning::Unknown));
    assert_eq!(seen(404, "<html>"), (false, Meaning::Unknown));
    assert_eq!(seen(403, missing), (false, Meaning::Unknown));
    assert_eq!(seen(500, missing), (false, Meaning::Unknown));
}

#[test]
fn other_errors_have_meanings() {
    let operation = "capture_authorization";
    for (error, meaning, wait) in [
        (PayPalError::NotSent { operation }, Meaning::NotNow, None),
        (PayPalError::Unknown { operation }, Meaning::Unknown, None),
        (PayPalError::Unbuildable { operation }, Meaning::Ours, None),
        (
            PayPalError::Denied { operation },
            Meaning::DeclinedByPayer,
            None,
        ),
    ] {
        assert_eq!((error.meaning(), error.wait()), (meaning, wait));
    }
}

#[test]
fn retry_after_is_seconds_or_date() {
    for (value, seconds) in [
        (Some("7"), 7_u64),
        (Some(" 120 "), 120),
        (Some("0"), 1),
        (Some("Sun, 20 Jan 2030 00:02:00 GMT"), 120),
        (Some("Sat, 19 Jan 2030 23:00:00 GMT"), 1),
        (Some("Fri, 01 Mar 2030 00:00:00 GMT"), 86_400),
        (Some("4294967296"), 86_400),
        (Some("soon"), 30),
        (Some("-5"), 30),
        (Some("Sun, 20 XXX 2030 00:02:00 GMT"), 30),
        (Some("Sun, 32 Jan 2030 00:02:00 GMT"), 30),
        (Some(""), 30),
        (None, 30),
    ] {
        let mut response = Response::builder().status(429);
        if let Some(value) = value {
            response = response.header(header::RETRY_AFTER, value);
        }
        let response = response.body(Bytes::new()).unwrap();
        let error = refusal("get_order", &response, NOW.parse().unwrap());
        let wait = Some(Duration::from_secs(seconds));
        assert_eq!(error.wait(), wait, "{value:?}");
        assert_eq!(error.meaning(), Meaning::NotNow);
    }
}
