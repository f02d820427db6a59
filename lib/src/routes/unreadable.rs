//! Rejection of requests that are parsed before their admission.

use super::problems::Problem;
use crate::{
    app::App, domain::rate_limit::Tier, flows::traffic::admission::admit, web::request::Request,
};

/// Counts an invalid request and returns its problem, or the one of an exceeded limit.
///
/// A request that needs a key of Redis (a cached response, a car's lock) is parsed before it is
/// admitted. Invalid requests count too: otherwise they would have no limit.
pub(super) async fn reject_unreadable(
    app: &App,
    request: &Request,
    tier: Tier,
    problem: impl Into<Problem>,
) -> Problem {
    match admit(app, request, tier).await {
        Ok(()) => problem.into(),
        Err(exceeded) => exceeded.into(),
    }
}
