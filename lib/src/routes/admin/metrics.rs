//! `GET /api/admin/metrics` and what stands below it: what was served in the last minutes, by
//! route.

use super::window::read_minutes;
use crate::{
    app::App,
    domain::{
        metrics::{Counts, Kind, RouteCounts, per_mille},
        rate_limit::Tier,
    },
    flows::{traffic::admission::admit, traffic::metrics::window},
    routes::{access::require_admin, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// Rates and latencies, and of each route what the other reports say of it.
pub(in crate::routes) async fn overview(app: &App, request: &Request) -> Result<Reply, Problem> {
    report(app, request, |counts| {
        let routes: Map<String, Value> = counts
            .routes()
            .map(|(route, counts)| {
                let mut shown = traffic(counts);
                shown.insert("advice".to_owned(), advise(counts).into());
                (route.to_owned(), shown.into())
            })
            .collect();
        json!({ "total": traffic(&counts.total()), "routes": routes })
    })
    .await
}

/// Errors by route and code.
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

/// The cache's hit rate by route.
pub(in crate::routes) async fn cache(app: &App, request: &Request) -> Result<Reply, Problem> {
    report(app, request, |counts| {
        let routes: Map<String, Value> = cached(counts)
            .map(|(route, counts)| (route.to_owned(), outcomes(counts)))
            .collect();
        json!({ "total": outcomes(&counts.total()), "routes": routes })
    })
    .await
}

/// What to do about the hit rate.
pub(in crate::routes) async fn cache_analysis(
    app: &App,
    request: &Request,
) -> Result<Reply, Problem> {
    report(app, request, |counts| {
        let advice: Vec<Value> = cached(counts)
            .map(|(route, counts)| {
                json!({ "route": route, "hitRate": hit_rate(counts), "advice": advise(counts) })
            })
            .collect();
        json!({ "target": 85, "total": outcomes(&counts.total()), "analysis": advice })
    })
    .await
}

async fn report(
    app: &App,
    request: &Request,
    written: impl FnOnce(&Counts) -> Value,
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
        // Without Redis nobody adds up what the instances count.
        "available": counts.is_some(),
    });
    let more = written(&counts.unwrap_or_default());
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

fn cached(counts: &Counts) -> impl Iterator<Item = (&str, &RouteCounts)> {
    counts
        .routes()
        .filter(|(_, counts)| counts.of(Kind::Cache).next().is_some())
}

fn traffic(counts: &RouteCounts) -> Map<String, Value> {
    let requests = counts.requests();
    let latency = json!({
        "p50": counts.percentile(50),
        "p95": counts.percentile(95),
        "p99": counts.percentile(99),
    });
    let error_rate = per_cent(per_mille(counts.server_errors(), requests));
    [
        ("requests", requests.into()),
        ("errorRate", error_rate),
        ("hitRate", hit_rate(counts)),
        ("latencyMs", latency),
        ("statuses", by_name(counts, Kind::Status).into()),
        ("codes", by_name(counts, Kind::Problem).into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

fn problems(counts: &RouteCounts) -> Value {
    let requests = counts.requests();
    json!({
        "requests": requests,
        "serverErrors": counts.server_errors(),
        "errorRate": per_cent(per_mille(counts.server_errors(), requests)),
        "codes": by_name(counts, Kind::Problem),
    })
}

fn outcomes(counts: &RouteCounts) -> Value {
    json!({ "hitRate": hit_rate(counts), "outcomes": by_name(counts, Kind::Cache) })
}

fn by_name(counts: &RouteCounts, kind: Kind) -> Map<String, Value> {
    counts
        .of(kind)
        .map(|(name, number)| (name.to_owned(), number.into()))
        .collect()
}

fn hit_rate(counts: &RouteCounts) -> Value {
    let (hits, all) = counts.cache_hits();
    per_cent(per_mille(hits, all))
}

/// Per cent with one decimal, null when there is nothing to tell of.
fn per_cent(per_mille: Option<u64>) -> Value {
    per_mille.map_or(Value::Null, |tenths| {
        let text = format!("{}.{}", tenths / 10, tenths % 10);
        serde_json::from_str(&text).unwrap_or(Value::Null)
    })
}

/// What an operator does about a route's hit rate, by what most of its misses are; nothing about
/// one that is not cached.
fn advise(counts: &RouteCounts) -> Option<&'static str> {
    counts.of(Kind::Cache).next()?;
    let (hits, all) = counts.cache_hits();
    let bypassed: u64 = counts
        .of(Kind::Cache)
        .filter(|(outcome, _)| *outcome == "BYPASS")
        .map(|(_, number)| number)
        .sum();
    Some(match per_mille(hits, all) {
        _ if bypassed * 10 > all => "Redis is off or fails: see /api/demo/redis.",
        Some(rate) if rate >= 850 => "Nothing to do.",
        _ if all < 100 => "Too few requests to tell; warm the cache if visitors wait.",
        _ => {
            "Warm the cache (POST /api/admin/cache-warm); a rate that stays low means few repeats, or many bookings."
        }
    })
}
