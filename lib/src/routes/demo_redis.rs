//! `GET /api/demo/redis`: whether Redis answers, and how fast.

use super::access::operator;
use crate::{
    app::App,
    clients::upstash::Command,
    config::Redis,
    domain::rate_limit::Tier,
    flows::traffic::admission::admit,
    routes::problems::Problem,
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;

pub(super) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Public).await?;

    let asked_at = app.platform().now();
    let answer = match app.redis() {
        Some(redis) => redis
            .pipeline(&[Command::ping()])
            .await
            .map(drop)
            .map_err(|error| error.to_string()),
        None => Err("Redis is switched off".to_owned()),
    };
    let latency = app
        .platform()
        .now()
        .duration_since(asked_at)
        .as_millis()
        .max(0);
    let mode = match &app.config().redis {
        Redis::Upstash { .. } if answer.is_ok() => "normal",
        Redis::Upstash { .. } => "degraded",
        Redis::Disabled => "disabled",
        Redis::Bypassed => "bypass",
    };
    let mut report = json!({
        "connected": answer.is_ok(),
        "latency_ms": answer.is_ok().then_some(latency),
        "mode": mode,
    });
    // Nobody's role may keep this from being answered: while Supabase is down, only ADMIN_TOKEN
    // tells more.
    let is_operator = matches!(operator(app, request).await, Ok(Some(_)));
    if let (true, Some(report)) = (is_operator, report.as_object_mut()) {
        report.insert("error".to_owned(), answer.err().into());
        if let Redis::Upstash { url, .. } = &app.config().redis {
            report.insert("endpoint".to_owned(), url.clone().into());
        }
    }
    Ok(Reply::json(StatusCode::OK, &json!({ "redis": report })))
}
