//! `exo findings`.

use crate::{
    deployment::{Deployment, response, variable},
    exo,
};
use axum::http::StatusCode;
use serde_json::{Value, json};

const ADMIN: (&str, &str) = ("ADMIN_TOKEN", "first-token, second-token");
const DRIFT: &str = "GET /api/admin/payments/drift";
const ACKNOWLEDGE: &str = "POST /api/admin/payments/findings/acknowledge";

fn finding() -> Value {
    json!({"paymentId": "pay-1", "bookingId": "b-1", "reference": "EXO-7", "kind": "amount_mismatch",
           "detail": "", "foundAt": "2025-07-01T10:00:00Z", "repair": "Refund the difference."})
}

fn page(total: u32) -> Value {
    json!({"success": true, "drift": [finding()],
           "pagination": {"page": 2, "limit": 1, "total": total, "totalPages": total,
                          "hasNext": true, "hasPrev": true},
           "deadLetters": [], "deadLetterPagination": {"total": 1}})
}

#[tokio::test]
async fn page_is_shown_with_total() {
    let deployment = Deployment::with_body(page(7)).await;
    let run = deployment
        .exo(&["findings", "--page", "2", "--limit", "1"], &[ADMIN])
        .await;
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    assert_eq!(
        run.out,
        "PAYMENT  BOOKING  KIND             SINCE                 ADVICE\n\
         pay-1    EXO-7    amount_mismatch  2025-07-01T10:00:00Z  Refund the difference.\n\
         open: 8\n"
    );
    let expected = format!("{DRIFT}?page=2&limit=1 Bearer first-token");
    assert_eq!(deployment.requests(), [expected]);
}

#[tokio::test]
async fn acknowledged_findings_need_no_operator() {
    let deployment = Deployment::with_body(page(7)).await;
    let words = ["findings", "--acknowledged", "--json"];
    let run = deployment.exo(&words, &[ADMIN]).await;
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(run.out, format!("{}\n", page(7)));
    let expected = format!("{DRIFT}?page=1&limit=50&acknowledged=true Bearer first-token");
    assert_eq!(deployment.requests(), [expected]);
}

#[tokio::test]
async fn finding_is_acknowledged_with_reason() {
    let body = json!({"success": true, "finding": finding()});
    let deployment = Deployment::with_body(body.clone()).await;
    let words = [
        "findings",
        "--acknowledge",
        "pay-1",
        "--kind",
        "amount_mismatch",
        "--reason",
        "paid in cash",
    ];
    let run = deployment.exo(&words, &[ADMIN]).await;
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(run.out, "acknowledged: pay-1 amount_mismatch\n");
    let sent = json!({"paymentId": "pay-1", "kind": "amount_mismatch", "reason": "paid in cash"});
    assert_eq!(
        deployment.requests(),
        [format!("{ACKNOWLEDGE} Bearer first-token {sent}")]
    );
    let run = deployment
        .exo(&[&words[..], &["--json"]].concat(), &[ADMIN])
        .await;
    assert_eq!((run.code, run.out), (0, format!("{body}\n")));
}

#[tokio::test]
async fn unknown_finding_is_refused() {
    let problem = json!({"title": "There is no such open finding", "code": "finding_not_found"});
    let deployment =
        Deployment::start(move |_| response(StatusCode::NOT_FOUND, problem.clone())).await;
    let words = [
        "findings",
        "--acknowledge",
        "p",
        "--kind",
        "x",
        "--reason",
        "y",
    ];
    let run = deployment.exo(&words, &[ADMIN]).await;
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    let text = "responded 404: finding_not_found: There is no such open finding";
    assert!(run.err.contains(text), "{run:?}");
}

#[tokio::test]
async fn product_lists_findings() {
    let (url, admin) = (variable("BASE_URL"), variable("ADMIN_TOKEN"));
    let variables = [("EXODRIVE_URL", url.as_str()), ("ADMIN_TOKEN", &admin)];
    for words in [&["findings"][..], &["findings", "--acknowledged"]] {
        let run = exo::run(words, &variables).await;
        assert!(run.out.contains("open: "), "{run:?}");
        assert_eq!(run.err, "");
    }
    let unknown = "00000000-0000-4000-8000-000000000000";
    let words = [
        "findings",
        "--acknowledge",
        unknown,
        "--kind",
        "x",
        "--reason",
        "y",
    ];
    let run = exo::run(&words, &variables).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.err.contains("finding_not_found"), "{run:?}");
}
