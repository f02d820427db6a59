//! `exo cache`.

use crate::{
    deployment::{Deployment, variable},
    exo::{self, RunOutput},
};
use serde_json::{Value, json};

const ADMIN: (&str, &str) = ("ADMIN_TOKEN", "first-token, second-token");

async fn run(body: Value, words: &[&str]) -> (RunOutput, Vec<String>) {
    let deployment = Deployment::with_body(body).await;
    let run = deployment.exo(words, &[ADMIN]).await;
    (run, deployment.requests())
}

fn warming(status: &str, left: u32, errors: &Value) -> Value {
    json!({"success": status == "completed", "metrics": {
        "startTime": "…", "endTime": "…", "duration": 41, "keysWarmed": 43, "status": status,
        "left": left, "errors": errors,
        "warmed": {"pages": 3, "cars": 20, "availability": 20},
    }})
}

#[tokio::test]
async fn warm_prints_a_table() {
    let (run, requests) = run(
        warming("completed", 0, &json!([])),
        &["cache", "warm", "--emergency", "--days", "30"],
    )
    .await;
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(
        run.out,
        "KIND               NUMBER\n\
         pages of the list  3\n\
         cars               20\n\
         availability       20\n\
         failed             0\n\
         not started        0\n\
         completed in 41 ms\n"
    );
    assert_eq!(
        requests,
        [
            r#"POST /api/admin/cache-warm Bearer first-token {"availabilityDays":30,"emergency":true}"#
        ]
    );
}

#[tokio::test]
async fn incomplete_warming_exits_with_1() {
    let errors = json!(["car 123\u{1b}[2J could not be warmed"]);
    let (partial, _) = run(warming("partial", 7, &errors), &["cache", "warm"]).await;
    assert_eq!((partial.code, partial.err.as_str()), (1, ""));
    assert!(
        partial.out.ends_with(
            "failed             1\n\
             not started        7\n\
             car 123\u{fffd}[2J could not be warmed\n\
             partial in 41 ms\n"
        ),
        "{partial:?}"
    );
    let (skipped, _) = run(warming("skipped", 0, &json!([])), &["cache", "warm"]).await;
    assert_eq!(skipped.code, 1, "there is no Redis to warm: {skipped:?}");
}

#[tokio::test]
async fn clear_reports_its_outcome() {
    for (success, cleared, code, start) in [
        (true, true, 0, "cleared\n"),
        (true, false, 0, "nothing to clear"),
        (false, false, 1, "not cleared"),
    ] {
        let body = json!({"success": success, "scope": "cars", "carId": "123", "cleared": cleared});
        let words = ["cache", "clear", "--scope", "cars", "--car", "123"];
        let (run, requests) = run(body, &words).await;
        assert_eq!((run.code, run.err.as_str()), (code, ""));
        assert!(run.out.starts_with(start), "{run:?}");
        let body = r#"{"carId":"123","scope":"cars"}"#;
        let line = format!("POST /api/admin/cache/clear Bearer first-token {body}");
        assert_eq!(requests, [line]);
    }
}

#[tokio::test]
async fn json_is_the_response() {
    for (body, words, code) in [
        (
            warming("completed", 0, &json!([])),
            ["cache", "warm", "--json"],
            0,
        ),
        (
            warming("partial", 7, &json!(["car 123\u{1b}[2J"])),
            ["cache", "--json", "warm"],
            1,
        ),
        (
            json!({"success": false, "scope": "all", "carId": null, "cleared": false}),
            ["--json", "cache", "clear"],
            1,
        ),
    ] {
        let (run, _) = run(body.clone(), &words).await;
        assert_eq!((run.code, run.err.as_str()), (code, ""), "{words:?}");
        assert_eq!(run.out, format!("{body}\n"));
    }
}

#[tokio::test]
async fn missing_token_sends_no_request() {
    let deployment = Deployment::with_body(json!({})).await;
    for words in [
        &["cache", "warm"][..],
        &["cache", "clear"],
        &["findings"],
        &["metrics"],
        &["rate-limits"],
    ] {
        let run = deployment.exo(words, &[("CRON_SECRET", "x")]).await;
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{words:?}");
        assert!(run.err.contains("ADMIN_TOKEN is not set"), "{run:?}");
    }
    assert_eq!(deployment.requests(), [""; 0]);
}

#[tokio::test]
async fn product_warms_and_clears() {
    let (url, admin) = (variable("BASE_URL"), variable("ADMIN_TOKEN"));
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
