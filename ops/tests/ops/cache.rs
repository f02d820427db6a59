//! `exo cache`.

use crate::{
    deployment::{Deployment, answer, given},
    exo::{self, Ended},
};
use axum::http::StatusCode;
use serde_json::{Value, json};

const ADMIN: (&str, &str) = ("ADMIN_TOKEN", "first-token, second-token");

async fn run(body: Value, words: &[&str]) -> (Ended, Vec<String>) {
    let deployment = Deployment::answering(move |_| answer(StatusCode::OK, body.clone())).await;
    let ended = deployment.exo(words, &[ADMIN]).await;
    (ended, deployment.asked())
}

fn warmed(status: &str, left: u32, errors: &Value) -> Value {
    json!({"success": status == "completed", "metrics": {
        "startTime": "…", "endTime": "…", "duration": 41, "keysWarmed": 43, "status": status, "left": left, "errors": errors,
        "warmed": {"pages": 3, "cars": 20, "availability": 20},
    }})
}

#[tokio::test]
async fn what_was_warmed_is_a_table() {
    let (ended, asked) = run(
        warmed("completed", 0, &json!([])),
        &["cache", "warm", "--emergency", "--days", "30"],
    )
    .await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(
        ended.out,
        "KIND               NUMBER\n\
         pages of the list  3\n\
         cars               20\n\
         availability       20\n\
         failed             0\n\
         not begun          0\n\
         completed in 41 ms\n"
    );
    assert_eq!(
        asked,
        [
            r#"POST /api/admin/cache-warm Bearer first-token {"availabilityDays":30,"emergency":true}"#
        ]
    );
}

#[tokio::test]
async fn what_was_not_warmed_is_exit_code_1() {
    let errors = json!(["car 123\u{1b}[2J could not be warmed"]);
    let (ended, _) = run(warmed("partial", 7, &errors), &["cache", "warm"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    assert!(
        ended.out.ends_with(
            "failed             1\n\
             not begun          7\n\
             car 123\u{fffd}[2J could not be warmed\n\
             partial in 41 ms\n"
        ),
        "{ended:?}"
    );
    let (ended, _) = run(warmed("skipped", 0, &json!([])), &["cache", "warm"]).await;
    assert_eq!(ended.code, 1, "there is no Redis to warm: {ended:?}");
}

#[tokio::test]
async fn a_cleared_cache_is_said_to_be_and_one_that_is_not_as_well() {
    for (success, cleared, code, begins) in [
        (true, true, 0, "cleared\n"),
        (true, false, 0, "nothing to clear"),
        (false, false, 1, "not cleared"),
    ] {
        let body = json!({"success": success, "scope": "cars", "carId": "123", "cleared": cleared});
        let words = ["cache", "clear", "--scope", "cars", "--car", "123"];
        let (ended, asked) = run(body, &words).await;
        assert_eq!((ended.code, ended.err.as_str()), (code, ""));
        assert!(ended.out.starts_with(begins), "{ended:?}");
        let body = r#"{"carId":"123","scope":"cars"}"#;
        let line = format!("POST /api/admin/cache/clear Bearer first-token {body}");
        assert_eq!(asked, [line]);
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let deployment = Deployment::answering(|_| answer(StatusCode::OK, json!({}))).await;
    for words in [
        &["cache", "warm"][..],
        &["cache", "clear"],
        &["metrics"],
        &["rate-limits"],
    ] {
        let ended = deployment.exo(words, &[("CRON_SECRET", "x")]).await;
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{words:?}");
        assert!(ended.err.contains("ADMIN_TOKEN is not set"), "{ended:?}");
    }
    assert_eq!(deployment.asked(), [""; 0]);
}

#[tokio::test]
async fn the_product_warms_and_clears() {
    let (url, admin) = (given("BASE_URL"), given("ADMIN_TOKEN"));
    let variables = [("EXODRIVE_URL", url.as_str()), ("ADMIN_TOKEN", &admin)];
    let warm = exo::run(&["cache", "warm", "--cars", "2"], &variables).await;
    assert_eq!((warm.code, warm.err.as_str()), (0, ""), "{warm:?}");
    let rows = "pages of the list  3\ncars               2\navailability       2\n";
    assert!(warm.out.contains(rows), "{warm:?}");
    let clear = exo::run(&["cache", "clear", "--scope", "availability"], &variables).await;
    assert_eq!(
        (clear.code, clear.out.as_str()),
        (0, "cleared\n"),
        "{clear:?}"
    );
    let refused = exo::run(&["cache", "clear", "--car", "A B"], &variables).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.err.contains("422: invalid_fields"), "{refused:?}");
}
