//! `exo reconcile`.

use crate::{
    deployment::{Deployment, response, variable},
    exo::{self, RunOutput},
};
use axum::{
    body::Body,
    http::{Response, StatusCode, header},
    response::IntoResponse,
};
use serde_json::{Value, json};

const RECONCILE: &str = "POST /api/admin/payments/reconcile";
const DRIFT: &str = "GET /api/admin/payments/drift";
const CRON: (&str, &str) = ("CRON_SECRET", "the-secret-of-the-cron");
const ADMIN: (&str, &str) = ("ADMIN_TOKEN", "first-token, second-token");

async fn reconcile(
    deployment: &Deployment,
    words: &[&str],
    variables: &[(&str, &str)],
) -> RunOutput {
    deployment
        .exo(&[&["reconcile"], words].concat(), variables)
        .await
}

/// Responses of a deployment with these open findings and unapplied events.
fn open(drift: Value, dead_letters: Value) -> impl Fn(&str) -> Response<Body> {
    move |target| response(StatusCode::OK, body(target, &drift, &dead_letters))
}

fn body(target: &str, drift: &Value, dead_letters: &Value) -> Value {
    let mut body = json!({"success": true, "drift": drift, "deadLetters": dead_letters,
                          "more": {"to": "come"}});
    if target == RECONCILE {
        body["checked"] = json!(12);
        body["repaired"] = json!(3);
        body["failed"] = json!(0);
    }
    body
}

fn drift() -> Value {
    json!([
        {"paymentId": "pay-1", "bookingId": "b-1", "reference": "EXO-7", "kind": "amount_mismatch",
         "detail": "12.00 USD instead of 10.00 USD", "foundAt": "2025-07-01T10:00:00Z",
         "repair": "Refund the difference.", "new": [1]},
        {"paymentId": "pay-22", "bookingId": "b-2", "reference": null, "kind": "refund_refused",
         "detail": "", "foundAt": "2025-07-02T10:00:00Z", "repair": "Fund\u{1b}[31m"},
    ])
}

const TABLE: &str = "\
PAYMENT  BOOKING  KIND             SINCE                 ADVICE
pay-1    EXO-7    amount_mismatch  2025-07-01T10:00:00Z  Refund the difference. (12.00 USD instead of 10.00 USD)
pay-22   b-2      refund_refused   2025-07-02T10:00:00Z  Fund\u{fffd}[31m
open: 2
";

#[tokio::test]
async fn nothing_open_exits_with_0() {
    let deployment = Deployment::start(open(json!([]), json!([]))).await;
    let run = reconcile(&deployment, &[], &[CRON, ADMIN]).await;
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(
        run.out,
        "compared 12, repaired 3, not compared 0\nopen: 0\n"
    );
    assert_eq!(
        deployment.requests(),
        [format!("{RECONCILE} Bearer the-secret-of-the-cron")]
    );
}

#[tokio::test]
async fn open_findings_exit_with_1() {
    let deployment = Deployment::start(open(drift(), json!([]))).await;
    let run = reconcile(&deployment, &["--repair-safe"], &[ADMIN]).await;
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    assert_eq!(
        run.out,
        format!("compared 12, repaired 3, not compared 0\n{TABLE}")
    );
    assert_eq!(
        deployment.requests(),
        [format!("{RECONCILE} Bearer first-token")]
    );
}

#[tokio::test]
async fn dead_letters_count_as_open() {
    let letters = json!([{"eventId": "WH-1", "eventType": "PAYMENT.CAPTURE.COMPLETED",
                          "resourceId": null, "error": "unknown_payment",
                          "receivedAt": "2025-07-01T10:00:00Z"}]);
    let deployment = Deployment::start(open(json!([]), letters)).await;
    let run = reconcile(&deployment, &["--report-only"], &[ADMIN]).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(
        run.out,
        "EVENT  TYPE                       ERROR            SINCE                 ADVICE\n\
         WH-1   PAYMENT.CAPTURE.COMPLETED  unknown_payment  2025-07-01T10:00:00Z  \
         remove the cause, then POST /api/admin/webhooks/WH-1/replay\n\
         open: 1\n"
    );
}

#[tokio::test]
async fn failed_comparison_exits_with_1() {
    let body = json!({"success": false, "checked": 1, "repaired": 0, "failed": 2, "drift": []});
    let deployment = Deployment::with_body(body).await;
    let run = reconcile(&deployment, &[], &[CRON]).await;
    assert_eq!(
        (run.code, run.out.as_str()),
        (1, "compared 1, repaired 0, not compared 2\nopen: 0\n")
    );
}

#[tokio::test]
async fn report_only_starts_no_comparison() {
    let deployment = Deployment::start(open(drift(), json!([]))).await;
    let run = reconcile(&deployment, &["--report-only"], &[CRON, ADMIN]).await;
    assert_eq!((run.code, run.out.as_str()), (1, TABLE));
    assert_eq!(
        deployment.requests(),
        [format!("{DRIFT} Bearer first-token")]
    );
}

#[tokio::test]
async fn json_is_the_response() {
    for (open_drift, words, target, code) in [
        (drift(), &["--json"][..], RECONCILE, 1),
        (json!([]), &["--json"], RECONCILE, 0),
        (drift(), &["--report-only", "--json"], DRIFT, 1),
    ] {
        let deployment = Deployment::start(open(open_drift.clone(), json!([]))).await;
        let run = reconcile(&deployment, words, &[ADMIN]).await;
        assert_eq!((run.code, run.err.as_str()), (code, ""), "{words:?}");
        let body = body(target, &open_drift, &json!([]));
        assert_eq!(run.out, format!("{body}\n"));
    }
}

#[tokio::test]
async fn product_response_is_understood() {
    let (url, cron, admin) = (
        variable("BASE_URL"),
        variable("CRON_SECRET"),
        variable("ADMIN_TOKEN"),
    );
    let variables = [
        ("EXODRIVE_URL", url.as_str()),
        ("CRON_SECRET", &cron),
        ("ADMIN_TOKEN", &admin),
    ];
    for (words, start) in [
        (&["reconcile"][..], "compared "),
        (&["reconcile", "--report-only"], ""),
    ] {
        let run = exo::run(words, &variables).await;
        // Other tests may have left open findings.
        let is_open = !run.out.ends_with("open: 0\n");
        assert_eq!(run.code, i32::from(is_open), "{run:?}");
        assert!(run.out.starts_with(start), "{run:?}");
        assert!(run.out.contains("open: "), "{run:?}");
        assert_eq!(run.err, "");
    }
}

#[tokio::test]
async fn missing_variables_exit_with_2() {
    let deployment = Deployment::start(open(json!([]), json!([]))).await;
    for (words, variables) in [(&[][..], &[][..]), (&["--report-only"], &[CRON])] {
        let run = reconcile(&deployment, words, variables).await;
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{words:?}");
        assert!(run.err.starts_with("exo: error[variable]: "), "{run:?}");
    }
    for url in ["", "http://api.example.com", "api.example.com"] {
        let run = exo::run(&["reconcile"], &[ADMIN, ("EXODRIVE_URL", url)]).await;
        assert_eq!(run.code, 2, "{url}");
        assert!(
            run.err.starts_with("exo: error[variable]: EXODRIVE_URL "),
            "{run:?}"
        );
    }
    assert_eq!(deployment.requests(), [""; 0]);
}

#[tokio::test]
async fn refusal_names_problem_but_no_token() {
    let problem = json!({"type": "about:blank", "title": "Unauthorized", "status": 401,
                         "code": "unauthorized", "detail": "This needs an operator."});
    let deployment =
        Deployment::start(move |_| response(StatusCode::UNAUTHORIZED, problem.clone())).await;
    let run = reconcile(&deployment, &[], &[CRON, ADMIN]).await;
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    let message = format!(
        "{}api/admin/payments/reconcile responded 401: unauthorized: This needs an operator.",
        deployment.url
    );
    assert_eq!(run.err, format!("exo: error[refused]: {message}\n"));
    assert_eq!(deployment.requests().len(), 1);

    let run = reconcile(&deployment, &["--json"], &[CRON, ADMIN]).await;
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    let document = json!({"error": {"code": "refused", "message": message}});
    assert_eq!(run.err, format!("{document}\n"));
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let other = Deployment::start(open(json!([]), json!([]))).await;
    let location = format!("{}api/admin/payments/reconcile", other.url);
    let deployment = Deployment::start(move |_| {
        (
            StatusCode::PERMANENT_REDIRECT,
            [(header::LOCATION, location.clone())],
        )
            .into_response()
    })
    .await;
    let run = reconcile(&deployment, &[], &[ADMIN]).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(other.requests(), [""; 0]);
}

#[tokio::test]
async fn unusable_response_exits_with_3() {
    for body in ["<html>", "{}", r#"{"success":true,"drift":null}"#, "[]"] {
        let deployment = Deployment::start(move |_| body.into_response()).await;
        let run = reconcile(&deployment, &[], &[ADMIN]).await;
        assert_eq!((run.code, run.out.as_str()), (3, ""), "{body}");
        assert!(
            run.err
                .starts_with("exo: error[answer_not_understood]: http://127.0.0.1:"),
            "{run:?}"
        );
    }
    let run = exo::run(
        &["reconcile"],
        &[ADMIN, ("EXODRIVE_URL", "http://127.0.0.1:1")],
    )
    .await;
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    assert_eq!(
        run.err,
        "exo: error[deployment_unreachable]: http://127.0.0.1:1/api/admin/payments/reconcile \
         did not respond: no connection. Check EXODRIVE_URL and the network\n"
    );
}
