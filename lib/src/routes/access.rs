//! Who may do this.

use crate::{
    app::App,
    http::request::Request,
    problem::{Code, Problem},
};

/// Lets operators pass: a bearer token that is one of `ADMIN_TOKEN`.
pub(super) fn require_admin(app: &App, request: &Request) -> Result<(), Problem> {
    if app.config().admin_tokens.is_empty() {
        return Err(
            Problem::new(Code::NotConfigured).detail("ADMIN_TOKEN is not set on this deployment.")
        );
    }
    if is_admin(app, request) {
        Ok(())
    } else {
        Err(Problem::new(Code::Unauthenticated)
            .detail("Send Authorization: Bearer with an operator's token."))
    }
}

/// Whether an operator is asking. Every token is compared, so the time taken does not tell which one matched.
pub(super) fn is_admin(app: &App, request: &Request) -> bool {
    request.bearer().is_some_and(|token| {
        app.config()
            .admin_tokens
            .iter()
            .fold(false, |found, secret| secret.matches(token) | found)
    })
}

/// Who calls a cron's route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CronCaller {
    /// The cron: work is done.
    Cron,
    /// Someone without any credentials: told that the route is there, nothing is done.
    Anyone,
}

/// Tells the cron from others; a wrong secret is refused.
pub(super) fn cron_caller(app: &App, request: &Request) -> Result<CronCaller, Problem> {
    if !request.headers.contains_key(http::header::AUTHORIZATION) {
        return Ok(CronCaller::Anyone);
    }
    let Some(secret) = &app.config().cron_secret else {
        return Err(
            Problem::new(Code::NotConfigured).detail("CRON_SECRET is not set on this deployment.")
        );
    };
    match request.bearer() {
        Some(token) if secret.matches(token) => Ok(CronCaller::Cron),
        _ => Err(Problem::new(Code::Unauthenticated)
            .detail("Send Authorization: Bearer with CRON_SECRET.")),
    }
}
