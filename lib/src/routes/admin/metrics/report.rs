//! The members of the reports.

use crate::domain::metrics::{Counts, Kind, RouteCounts, per_mille};
use serde_json::{Map, Value, json};

/// The hit rate to aim at, in per cent.
pub(super) const TARGET_HIT_RATE: u64 = 85;
/// Fewer cached responses say nothing about the hit rate.
const MIN_RESPONSES: u64 = 100;

/// The routes that have responded through the cache.
pub(super) fn cached_routes(counts: &Counts) -> impl Iterator<Item = (&str, &RouteCounts)> {
    counts.routes().filter(|(_, counts)| is_cached(counts))
}

fn is_cached(counts: &RouteCounts) -> bool {
    counts.of(Kind::Cache).next().is_some()
}

pub(super) fn traffic(counts: &RouteCounts) -> Map<String, Value> {
    let requests = counts.requests();
    let latency = json!({
        "p50": counts.percentile(50),
        "p95": counts.percentile(95),
        "p99": counts.percentile(99),
    });
    let error_rate = percentage(per_mille(counts.server_errors(), requests));
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

pub(super) fn problems(counts: &RouteCounts) -> Value {
    let requests = counts.requests();
    json!({
        "requests": requests,
        "serverErrors": counts.server_errors(),
        "errorRate": percentage(per_mille(counts.server_errors(), requests)),
        "codes": by_name(counts, Kind::Problem),
    })
}

pub(super) fn outcomes(counts: &RouteCounts) -> Value {
    json!({ "hitRate": hit_rate(counts), "outcomes": by_name(counts, Kind::Cache) })
}

fn by_name(counts: &RouteCounts, kind: Kind) -> Map<String, Value> {
    counts
        .of(kind)
        .map(|(name, number)| (name.to_owned(), number.into()))
        .collect()
}

pub(super) fn hit_rate(counts: &RouteCounts) -> Value {
    let (hits, all) = counts.cache_hits();
    percentage(per_mille(hits, all))
}

/// A percentage with one decimal, null without requests.
fn percentage(per_mille: Option<u64>) -> Value {
    per_mille.map_or(Value::Null, |tenths| {
        let text = format!("{}.{}", tenths / 10, tenths % 10);
        serde_json::from_str(&text).unwrap_or(Value::Null)
    })
}

/// The advice about the hit rate of a route. `None` when the route is not cached.
pub(super) fn advice(counts: &RouteCounts) -> Option<&'static str> {
    if !is_cached(counts) {
        return None;
    }
    let (hits, all) = counts.cache_hits();
    let bypassed: u64 = counts
        .of(Kind::Cache)
        .filter(|(outcome, _)| *outcome == "BYPASS")
        .map(|(_, number)| number)
        .sum();
    Some(match per_mille(hits, all) {
        _ if bypassed * 10 > all => "Redis is off or fails: see /api/demo/redis.",
        Some(rate) if rate >= 10 * TARGET_HIT_RATE => "Nothing to do.",
        _ if all < MIN_RESPONSES => "Too few requests to tell; warm the cache if visitors wait.",
        _ => {
            "Warm the cache (POST /api/admin/cache-warm); a rate that stays low means few repeats, or many bookings."
        }
    })
}
