//! `GET /api/webhooks/retry`: the cron that applies the events in the inbox.

use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::{
        payment::webhook::{InboxRun, process_inbox},
        traffic::admission::admit,
    },
    routes::{
        access::{CronCaller, cron_caller},
        cron::{CronCounts, run_cron},
        problems::Problem,
    },
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::{Value, json};

/// The cron's name in `cron_runs`.
const NAME: &str = "webhooks-retry";

pub(in crate::routes) async fn run(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    match cron_caller(app, request)? {
        CronCaller::Anonymous => {
            let last_run = app.database(request.deadline).last_cron_run(NAME).await?;
            Ok(reply(InboxRun::default(), Some(json!(last_run))))
        }
        CronCaller::Cron => {
            let work = process_inbox(app, request.deadline);
            let run = run_cron(app, request, NAME, work, |run| CronCounts {
                succeeded: run.applied,
                failed: run.failed,
            })
            .await?;
            Ok(reply(run, None))
        }
    }
}

fn reply(run: InboxRun, last_run: Option<Value>) -> Reply {
    let mut body = json!({
        "success": true,
        "message": "Webhook retry processor is running",
        "applied": run.applied,
        "failed": run.failed,
    });
    if let (Some(last_run), Some(body)) = (last_run, body.as_object_mut()) {
        body.insert("lastRun".to_owned(), last_run);
    }
    Reply::json(StatusCode::OK, &body)
}
