//! `GET /api/webhooks/retry`: the cron that applies what the inbox still holds.

use super::access::{CronCaller, cron_caller};
use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::{
        admission::admit,
        webhook::{Worked, work_inbox},
    },
    http::{reply::Reply, request::Request},
    problem::Problem,
};
use http::StatusCode;
use serde_json::json;

/// The cron's name in `cron_runs`.
const NAME: &str = "webhooks-retry";

pub(super) async fn run(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    let database = app.database(request.deadline);
    if cron_caller(app, request)? == CronCaller::Anyone {
        let last_run = database.last_cron_run(NAME).await?;
        return Ok(answer(Worked::default(), Some(json!(last_run))));
    }
    let run = database.begin_cron_run(NAME).await?;
    let worked = match work_inbox(app, request.deadline).await {
        Ok(worked) => worked,
        Err(error) => {
            database
                .finish_cron_run(run, 0, 0, Some("database_unavailable"))
                .await?;
            return Err(error.into());
        }
    };
    database
        .finish_cron_run(run, worked.applied, worked.failed, None)
        .await?;
    Ok(answer(worked, None))
}

fn answer(worked: Worked, last_run: Option<serde_json::Value>) -> Reply {
    let mut body = json!({
        "success": true,
        "message": "Webhook retry processor is running",
        "applied": worked.applied,
        "failed": worked.failed,
    });
    if let (Some(last_run), Some(body)) = (last_run, body.as_object_mut()) {
        body.insert("lastRun".to_owned(), last_run);
    }
    Reply::json(StatusCode::OK, &body)
}
