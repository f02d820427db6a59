//! `GET /api/admin/metrics` and the routes below it: the traffic of the last minutes by route.

mod report;

use self::report::{TARGET_HIT_RATE, advice, cached_routes, hit_rate, outcomes, problems, traffic};
use super::window::read_minutes;
use crate::{
    app::App,
    domain::{
        metrics::{Counts, Kind},
        rate_limit::Tier,
    },
    flows::traffic::{admission::admit, metrics::window},
    routes::{access::require_admin, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// Rates and latencies, with advice for each route.
pub(in crate::routes) async fn overview(app: &App, request: &Request) -> Result<Reply, Problem> {
    report(app, request, |counts| {
        let routes: Map<String, Value> = counts
            .routes()
            .map(|(route, counts)| {
                let mut members = traffic(counts);
                members.insert("advice".to_owned(), advice(counts).into());
                (route.to_owned(), members.into())
            })
            .collect();
        json!({ "total": traffic(&counts.total()), "routes": routes })
    })
    .await
}

/// Problems by route and code.
pub(in crate::routes) async fn errors(app: &App, request: &Request) -> Result<Reply, Problem> {
    report(app, request, |counts| {
        let routes: Map<String, Value> = counts
            .routes()
            .filter(|(_, counts)| counts.of(Kind::Problem).next().is_some())
            .map(|(route, counts)| (route.to_owned(), problems(counts)))
            .collect();
        json!({ "total": problems(&counts.total()), "routes": routes })
    })
    .await
}

/// Hit rates by route.
pub(in crate::routes) async fn cache(app: &App, request: &Request) -> Result<Reply, Problem> {
    report(app, request, |counts| {
        let routes: Map<String, Value> = cached_routes(counts)
            .map(|(route, counts)| (route.to_owned(), outcomes(counts)))
            .collect();
        json!({ "total": outcomes(&counts.total()), "routes": routes })
    })
    .await
}

/// Advice on hit rates.
pub(in crate::routes) async fn cache_analysis(
    app: &App,
    request: &Request,
) -> Result<Reply, Problem> {
    report(app, request, |counts| {
        let analysis: Vec<Value> = cached_routes(counts)
            .map(|(route, counts)| {
                json!({ "route": route, "hitRate": hit_rate(counts), "advice": advice(counts) })
            })
            .collect();
        let total = outcomes(&counts.total());
        json!({ "target": TARGET_HIT_RATE, "total": total, "analysis": analysis })
    })
    .await
}

/// The report over the window in the request. `members` writes what differs between the reports.
async fn report(
    app: &App,
    request: &Request,
    members: impl FnOnce(&Counts) -> Value,
) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let (minutes, ()) = read_minutes(request, |_| ())?;

    let counts = match window(app, minutes).await {
        Ok(counts) => counts,
        Err(error) => {
            log::warn!("request={} metrics: {error}", request.id);
            None
        }
    };
    let mut body = json!({
        "success": true,
        "minutes": minutes,
        // Only Redis adds up the counts of all instances.
        "available": counts.is_some(),
    });
    let members = members(&counts.unwrap_or_default());
    if let (Some(body), Value::Object(members)) = (body.as_object_mut(), members) {
        body.extend(members);
    }
    Ok(Reply::json(StatusCode::OK, &body))
}
