//! `GET, POST /api/admin/cache-warm`: loads the responses that visitors request first.

mod input;
mod plan;
mod run;

use self::{input::WarmInput, run::Progress};
use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::traffic::admission::admit,
    routes::{access::require_admin, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;

pub(in crate::routes) async fn warm(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let input = WarmInput::read(request)?;

    let started = app.platform().now();
    let progress = match app.redis() {
        Some(_) => {
            let tasks = plan::tasks(app, request.deadline, &input).await?;
            run::run(app, request.deadline, tasks).await
        }
        None => Progress::default(),
    };
    let ended = app.platform().now();
    let is_complete = progress.errors.is_empty() && progress.left == 0;
    let status = match (app.redis(), is_complete) {
        (None, _) => "skipped",
        (Some(_), true) => "completed",
        (Some(_), false) => "partial",
    };
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "success": is_complete,
            "metrics": {
                "startTime": started,
                "endTime": ended,
                "duration": ended.duration_since(started).as_millis().max(0),
                "keysWarmed": progress.warmed.total(),
                "warmed": progress.warmed,
                "left": progress.left,
                "status": status,
                "errors": progress.errors,
            },
        }),
    ))
}
