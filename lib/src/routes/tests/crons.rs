//! A cron whose work fails, and whose failure cannot be recorded either.

use super::{captured_log::capture, *};

const BEGUN: (u16, &str) = (
    200,
    r#"{"runId":"0e0f6a51-4a8b-4b57-9c8f-0d7b1b9a7c11","outcome":"begun"}"#,
);
const NO_CONNECTION: (u16, &str) = (503, r#"{"code":"53300","message":"too many clients"}"#);
const GARBAGE: (u16, &str) = (500, r#"{"code":"XX000","message":"garbage"}"#);

/// Runs the cron at `path`. Its work fails in the function `work`, and recording that fails too.
#[track_caller]
fn assert_first_error_is_response(path: &str, work: &str) {
    let replies = [BEGUN, NO_CONNECTION, GARBAGE];
    let cron = Some("0123456789abcdef");
    let (outcome, lines) = capture(|| send(config(&[], &[]), "GET", path, cron, &replies));
    let functions = ["begin_cron_run", work, "finish_cron_run"];
    let calls = functions.map(|function| format!("/rest/v1/rpc/{function}"));
    assert_eq!(outcome.calls, calls);
    let expected = (503, Some("database_unavailable"));
    assert_eq!(outcome.status_and_code(), expected);

    let line_of = |text: &str| -> Vec<&String> {
        let lines = lines.iter().filter(|line| line.contains(text));
        lines.collect()
    };
    let [recording] = line_of("finish_cron_run")[..] else {
        panic!("{lines:?}");
    };
    assert!(recording.contains("XX000: garbage"), "{recording}");
    let [cause] = line_of("cause=")[..] else {
        panic!("{lines:?}");
    };
    assert!(cause.contains("code=database_unavailable"), "{cause}");
    assert!(cause.contains(work) && cause.contains("53300"), "{cause}");
}

#[test]
fn captures_cron_responds_with_first_error() {
    let path = "/api/admin/process-payment-captures";
    assert_first_error_is_response(path, "expire_holds");
}

#[test]
fn reconcile_cron_responds_with_first_error() {
    let path = "/api/admin/payments/reconcile";
    assert_first_error_is_response(path, "payments_to_reconcile");
}

#[test]
fn webhooks_cron_responds_with_first_error() {
    let path = "/api/webhooks/retry";
    assert_first_error_is_response(path, "claim_webhook_events");
}
