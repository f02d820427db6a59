//! `GET /api/demo/redis`: whether Redis answers, and how fast.

use super::access::find_operator;
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

    let started = app.platform().now();
    let result = match app.redis() {
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
        .duration_since(started)
        .as_millis()
        .max(0);
    let mode = match &app.config().redis {
        Redis::Upstash { .. } if result.is_ok() => "normal",
        Redis::Upstash { .. } => "degraded",
        Redis::Disabled => "disabled",
        Redis::Bypassed => "bypass",
    };
    let mut report = json!({
        "connected": result.is_ok(),
        "latency_ms": result.is_ok().then_some(latency),
        "mode": mode,
    });
    // An error counts as no operator, because the route responds while Supabase is down.
    let is_operator = matches!(find_operator(app, request).await, Ok(Some(_)));
    if let (true, Some(report)) = (is_operator, report.as_object_mut()) {
        report.insert("error".to_owned(), result.err().into());
        if let Redis::Upstash { url, .. } = &app.config().redis {
            report.insert("endpoint".to_owned(), url.clone().into());
        }
    }
    Ok(Reply::json(StatusCode::OK, &json!({ "redis": report })))
}
