//! Requests that must be read before their admission, and could not be.

use super::problems::Problem;
use crate::{
    app::App, domain::rate_limit::Tier, flows::traffic::admission::admit, web::request::Request,
};

/// Counts a request that could not be read, and returns its problem.
///
/// A request that needs a key of Redis (a cached response, a car's lock) is read before it is
/// admitted. Unreadable requests count too: otherwise they would have no limit.
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
