//! `GET, DELETE /api/admin/rate-limit-monitoring`: the requests over their rate limit.

use super::window::read_minutes;
use crate::{
    app::App,
    domain::{rate_limit::Tier, refusal::parse_text},
    flows::{
        traffic::admission::admit,
        traffic::violations::{self, Violation, ViolationList},
    },
    routes::{access::require_admin, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeMap;

/// The most violations in a response. The totals count all.
const MAX_LISTED: usize = 100;

pub(in crate::routes) async fn monitor(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    if request.method == Method::DELETE {
        return Ok(clear(app, request).await);
    }
    let (minutes, identifier) = read_minutes(request, |fields| {
        fields.optional("identifier", |text| parse_text(text, 100))
    })?;

    let now = app.platform().now();
    let window = SignedDuration::from_mins(minutes.into());
    let list = violations::list(app, now.checked_sub(window).unwrap_or(now)).await;
    let list = list.unwrap_or_else(|error| {
        log::warn!("request={} violations: {error}", request.id);
        None
    });
    let is_available = list.is_some();
    let ViolationList {
        violations,
        truncated,
    } = list.unwrap_or_default();
    let violations: Vec<Violation> = violations
        .into_iter()
        .filter(|violation| {
            let client = identifier.as_ref();
            client.is_none_or(|client| violation.identifier == *client)
        })
        .collect();
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "success": true,
            "minutes": minutes,
            "available": is_available,
            "truncated": truncated,
            "total": violations.len(),
            "byTier": totals(&violations, |violation| &violation.tier),
            "byRoute": totals(&violations, |violation| &violation.route),
            "byIdentifier": totals(&violations, |violation| &violation.identifier),
            "violations": violations.iter().take(MAX_LISTED).collect::<Vec<_>>(),
        }),
    ))
}

async fn clear(app: &App, request: &Request) -> Reply {
    let cleared = violations::clear(app).await.unwrap_or_else(|error| {
        log::error!("request={} violations: {error}", request.id);
        false
    });
    let is_off = app.redis().is_none();
    Reply::json(
        StatusCode::OK,
        &json!({ "success": cleared || is_off, "cleared": cleared }),
    )
}

fn totals<'a>(
    violations: &'a [Violation],
    by: impl Fn(&'a Violation) -> &'a String,
) -> BTreeMap<&'a str, u32> {
    let mut totals = BTreeMap::new();
    for violation in violations {
        *totals.entry(by(violation).as_str()).or_default() += 1;
    }
    totals
}
