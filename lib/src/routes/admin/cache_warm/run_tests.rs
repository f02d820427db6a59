use super::{super::plan::pages, *};
use crate::{
    platform::{Platform, TransportError},
    scripted::{REDIS, ScriptedPlatform, config},
};
use futures_util::FutureExt;
use std::sync::Arc;

/// Warms the first `count` pages. Returns the progress and the paths of the calls to upstreams.
fn warm_pages(platform: ScriptedPlatform, count: u32, seconds: u64) -> (Progress, Vec<String>) {
    let platform = Arc::new(platform);
    let config = config(&REDIS, &[]).unwrap();
    let app = App::new(config, Arc::clone(&platform) as Arc<dyn Platform>);
    let deadline = Deadline::after(platform.now(), Duration::from_secs(seconds));
    let progress = run(&app, deadline, pages(count).collect());
    let progress = progress.now_or_never().unwrap();
    (progress, platform.paths())
}

#[test]
fn warmed_responses_count_by_kind() {
    let replies = [
        r#"[{"result":[1,0,1,null,"ab"]}]"#,
        r#"{"success":true}"#,
        r#"[{"result":"OK"},{"result":1}]"#,
    ];
    let script = ScriptedPlatform::new(replies.map(|body| Ok((200, body))));
    let (progress, calls) = warm_pages(script, 1, 120);
    assert_eq!(
        serde_json::to_string(&progress).unwrap(),
        r#"{"warmed":{"pages":1,"cars":0,"availability":0},"left":0,"errors":[]}"#
    );
    assert_eq!(calls, ["/pipeline", "/rest/v1/rpc/list_cars", "/pipeline"]);
}

#[test]
fn no_task_starts_near_the_deadline() {
    let (progress, calls) = warm_pages(ScriptedPlatform::new([]), 5, 14);
    assert_eq!((progress.left, progress.warmed.total()), (5, 0));
    assert!(progress.errors.is_empty() && calls.is_empty());
}

#[test]
fn run_stops_after_ten_errors() {
    let script = ScriptedPlatform::new([(); 2 * MAX_ERRORS].map(|()| Err(TransportError::NotSent)));
    let (progress, _) = warm_pages(script, 100, 120);
    assert_eq!((progress.errors.len(), progress.left), (MAX_ERRORS, 90));
    assert_eq!(progress.errors[0], "page 1 of the list could not be warmed");
}
