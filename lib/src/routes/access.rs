//! Who may do this.

use crate::{
    app::App,
    http::request::Request,
    problem::{Code, Problem},
};

/// Lets operators pass: a bearer token that is one of `ADMIN_TOKEN`, or a Supabase user's whose role is admin.
///
/// Comes after the request was let in, because the second kind asks Supabase.
pub(super) async fn require_admin(app: &App, request: &Request) -> Result<(), Problem> {
    if is_admin(app, request).await? {
        return Ok(());
    }
    if app.config().admin_tokens.is_empty() && request.bearer().is_none() {
        return Err(
            Problem::new(Code::NotConfigured).detail("ADMIN_TOKEN is not set on this deployment.")
        );
    }
    Err(Problem::new(Code::Unauthenticated)
        .detail("Send Authorization: Bearer with an operator's token."))
}

/// Whether an operator is asking.
pub(super) async fn is_admin(app: &App, request: &Request) -> Result<bool, Problem> {
    let Some(token) = request.bearer() else {
        return Ok(false);
    };
    // Every token is compared, so the time taken does not tell which one matched.
    let is_known = app
        .config()
        .admin_tokens
        .iter()
        .fold(false, |found, secret| secret.matches(token) | found);
    if is_known || !is_jwt(token) {
        return Ok(is_known);
    }
    let role = app.database(request.deadline).user_role(token).await?;
    Ok(role.as_deref() == Some("admin"))
}

/// Whether `token` has the shape of a JWT (RFC 7519): three parts of base64url. Ours have no dots.
fn is_jwt(token: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    token.split('.').count() == 3 && token.split('.').all(is_part)
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
