//! `GET /api/health`: the state of the upstreams. 503 when the database is down.

use crate::{
    app::App,
    clients::upstash::Command,
    config::Redis,
    domain::rate_limit::Tier,
    flows::traffic::admission::admit,
    routes::problems::Problem,
    web::{reply::Reply, request::Request},
};
use futures_util::future::join;
use http::StatusCode;
use serde_json::json;

pub(super) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Public).await?;

    let database = app.database(request.deadline);
    let (database, redis) = join(database.health_check(), redis_state(app)).await;
    if let Err(error) = &database {
        log::error!("request={} health: {error}", request.id);
    }
    let (status, summary) = match (&database, redis) {
        (Err(_), _) => (StatusCode::SERVICE_UNAVAILABLE, "down"),
        (Ok(()), "down") => (StatusCode::OK, "degraded"),
        (Ok(()), _) => (StatusCode::OK, "ok"),
    };
    Ok(Reply::json(
        status,
        &json!({
            "status": summary,
            "version": env!("CARGO_PKG_VERSION"),
            "commit": app.config().commit,
            "checks": {
                "database": if database.is_ok() { "up" } else { "down" },
                "redis": redis,
            },
        }),
    ))
}

async fn redis_state(app: &App) -> &'static str {
    match (&app.config().redis, app.redis()) {
        (Redis::Bypassed, _) => "bypassed",
        (_, None) => "disabled",
        (_, Some(redis)) => match redis.pipeline(&[Command::ping()]).await {
            Ok(_) => "up",
            Err(_) => "down",
        },
    }
}
