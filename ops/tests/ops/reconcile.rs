//! `exo reconcile` against a deployment that answers what a test wants.

use crate::{
    deployment::{Deployment, answer, given},
    exo::{self, Ended},
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

async fn reconcile(deployment: &Deployment, words: &[&str], variables: &[(&str, &str)]) -> Ended {
    deployment
        .exo(&[&["reconcile"], words].concat(), variables)
        .await
}

/// What a deployment answers in which `drift` and `dead_letters` are open.
fn open(drift: Value, dead_letters: Value) -> impl Fn(&str) -> Response<Body> {
    move |what| {
        let mut body = json!({"success": true, "drift": drift, "deadLetters": dead_letters, "more": {"to": "come"}});
        if what == RECONCILE {
            body["checked"] = json!(12);
            body["repaired"] = json!(3);
            body["failed"] = json!(0);
        }
        answer(StatusCode::OK, body)
    }
}

fn drift() -> Value {
    json!([
        {"paymentId": "pay-1", "bookingId": "b-1", "reference": "EXO-7", "kind": "amount_mismatch",
         "detail": "12.00 USD instead of 10.00 USD", "foundAt": "2025-07-01T10:00:00Z", "repair": "Refund the difference.", "new": [1]},
        {"paymentId": "pay-22", "bookingId": "b-2", "reference": null, "kind": "refund_refused",
         "detail": "", "foundAt": "2025-07-02T10:00:00Z", "repair": "Fund\u{1b}[31m"},
    ])
}

const TABLE: &str = "\
PAYMENT  BOOKING  KIND             SINCE                 WHAT TO DO
pay-1    EXO-7    amount_mismatch  2025-07-01T10:00:00Z  Refund the difference. (12.00 USD instead of 10.00 USD)
pay-22   b-2      refund_refused   2025-07-02T10:00:00Z  Fund\u{fffd}[31m
open: 2
";

#[tokio::test]
async fn nothing_open_is_exit_code_0() {
    let deployment = Deployment::answering(open(json!([]), json!([]))).await;
    let ended = reconcile(&deployment, &[], &[CRON, ADMIN]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(
        ended.out,
        "compared 12, repaired 3, not compared 0\nopen: 0\n"
    );
    assert_eq!(
        deployment.asked(),
        [format!("{RECONCILE} Bearer the-secret-of-the-cron")]
    );
}

#[tokio::test]
async fn what_is_open_is_a_table_and_exit_code_1() {
    let deployment = Deployment::answering(open(drift(), json!([]))).await;
    let ended = reconcile(&deployment, &["--repair-safe"], &[ADMIN]).await;
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    assert_eq!(
        ended.out,
        format!("compared 12, repaired 3, not compared 0\n{TABLE}")
    );
    assert_eq!(
        deployment.asked(),
        [format!("{RECONCILE} Bearer first-token")]
    );
}

#[tokio::test]
async fn an_event_that_could_not_be_applied_is_open_too() {
    let letters = json!([{"eventId": "WH-1", "eventType": "PAYMENT.CAPTURE.COMPLETED", "resourceId": null,
                          "error": "unknown_payment", "receivedAt": "2025-07-01T10:00:00Z"}]);
    let deployment = Deployment::answering(open(json!([]), letters)).await;
    let ended = reconcile(&deployment, &["--report-only"], &[ADMIN]).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(
        ended.out,
        "EVENT  TYPE                       ERROR            SINCE                 WHAT TO DO\n\
         WH-1   PAYMENT.CAPTURE.COMPLETED  unknown_payment  2025-07-01T10:00:00Z  \
         see to the cause, then POST /api/admin/webhooks/WH-1/replay\n\
         open: 1\n"
    );
}

#[tokio::test]
async fn a_payment_that_could_not_be_compared_is_exit_code_1() {
    let body = json!({"success": false, "checked": 1, "repaired": 0, "failed": 2, "drift": []});
    let deployment = Deployment::answering(move |_| answer(StatusCode::OK, body.clone())).await;
    let ended = reconcile(&deployment, &[], &[CRON]).await;
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (1, "compared 1, repaired 0, not compared 2\nopen: 0\n")
    );
}

#[tokio::test]
async fn a_report_starts_no_comparison() {
    let deployment = Deployment::answering(open(drift(), json!([]))).await;
    let ended = reconcile(&deployment, &["--report-only"], &[CRON, ADMIN]).await;
    assert_eq!((ended.code, ended.out.as_str()), (1, TABLE));
    assert_eq!(deployment.asked(), [format!("{DRIFT} Bearer first-token")]);
}

#[tokio::test]
async fn the_product_answers_what_is_understood() {
    let (url, cron, admin) = (
        given("BASE_URL"),
        given("CRON_SECRET"),
        given("ADMIN_TOKEN"),
    );
    let variables = [
        ("EXODRIVE_URL", url.as_str()),
        ("CRON_SECRET", &cron),
        ("ADMIN_TOKEN", &admin),
    ];
    for (words, begins) in [
        (&["reconcile"][..], "compared "),
        (&["reconcile", "--report-only"], ""),
    ] {
        let ended = exo::run(words, &variables).await;
        // Other tests may have left something open.
        let is_open = !ended.out.ends_with("open: 0\n");
        assert_eq!(ended.code, i32::from(is_open), "{ended:?}");
        assert!(ended.out.starts_with(begins), "{ended:?}");
        assert!(ended.out.contains("open: "), "{ended:?}");
        assert_eq!(ended.err, "");
    }
}

#[tokio::test]
async fn what_is_missing_in_the_environment_is_exit_code_2() {
    let deployment = Deployment::answering(open(json!([]), json!([]))).await;
    for (words, variables) in [(&[][..], &[][..]), (&["--report-only"], &[CRON])] {
        let ended = reconcile(&deployment, words, variables).await;
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{words:?}");
        assert!(ended.err.starts_with("exo: error[variable]: "), "{ended:?}");
    }
    for url in ["", "http://api.example.com", "api.example.com"] {
        let ended = exo::run(&["reconcile"], &[ADMIN, ("EXODRIVE_URL", url)]).await;
        assert_eq!(ended.code, 2, "{url}");
        assert!(
            ended.err.starts_with("exo: error[variable]: EXODRIVE_URL "),
            "{ended:?}"
        );
    }
    assert_eq!(deployment.asked(), [""; 0]);
}

#[tokio::test]
async fn a_refusal_is_exit_code_3_and_names_the_problem_but_no_token() {
    let problem = json!({"type": "about:blank", "title": "Unauthorized", "status": 401, "code": "unauthorized",
                         "detail": "This needs an operator."});
    let deployment =
        Deployment::answering(move |_| answer(StatusCode::UNAUTHORIZED, problem.clone())).await;
    let ended = reconcile(&deployment, &[], &[CRON, ADMIN]).await;
    assert_eq!((ended.code, ended.out.as_str()), (3, ""));
    assert_eq!(
        ended.err,
        format!(
            "exo: error[refused]: {}api/admin/payments/reconcile answered 401: unauthorized: This needs an operator.\n",
            deployment.url
        )
    );
    assert_eq!(deployment.asked().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Deployment::answering(open(json!([]), json!([]))).await;
    let location = format!("{}api/admin/payments/reconcile", elsewhere.url);
    let deployment = Deployment::answering(move |_| {
        (
            StatusCode::PERMANENT_REDIRECT,
            [(header::LOCATION, location.clone())],
        )
            .into_response()
    })
    .await;
    let ended = reconcile(&deployment, &[], &[ADMIN]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert_eq!(elsewhere.asked(), [""; 0]);
}

#[tokio::test]
async fn an_answer_that_is_none_is_exit_code_3() {
    for body in ["<html>", "{}", r#"{"success":true,"drift":null}"#, "[]"] {
        let deployment = Deployment::answering(move |_| body.into_response()).await;
        let ended = reconcile(&deployment, &[], &[ADMIN]).await;
        assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{body}");
        assert!(
            ended.err.starts_with("exo: error[answer_not_understood]: "),
            "{ended:?}"
        );
    }
    let nobody = exo::run(
        &["reconcile"],
        &[ADMIN, ("EXODRIVE_URL", "http://127.0.0.1:1")],
    )
    .await;
    assert_eq!((nobody.code, nobody.out.as_str()), (3, ""));
    assert_eq!(
        nobody.err,
        "exo: error[deployment_unreachable]: no answer from http://127.0.0.1:1/api/admin/payments/reconcile: \
         there is no connection to it\n"
    );
}
