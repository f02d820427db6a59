//! Who may do this.

use crate::{
    app::App,
    clients::supabase::User,
    flows::traffic::callers::signed_in_user,
    routes::problems::{Code, Problem},
    web::request::Request,
};

/// Whoever may do what operators do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    /// For the audit log: the place of their token in `ADMIN_TOKEN`, or their id at Supabase.
    pub(super) name: String,
}

/// Lets operators pass: a bearer token that is one of `ADMIN_TOKEN`, or a Supabase user's whose
/// role is admin.
///
/// Comes after the request was let in, because the second kind asks Supabase.
pub(super) async fn require_admin(app: &App, request: &Request) -> Result<Operator, Problem> {
    if let Some(operator) = operator(app, request).await? {
        return Ok(operator);
    }
    if app.config().admin_tokens.is_empty() && request.bearer().is_none() {
        return Err(
            Problem::new(Code::NotConfigured).detail("ADMIN_TOKEN is not set on this deployment.")
        );
    }
    Err(Problem::new(Code::Unauthenticated)
        .detail("Send Authorization: Bearer with an operator's token."))
}

/// The operator who is asking, if it is one.
pub(super) async fn operator(app: &App, request: &Request) -> Result<Option<Operator>, Problem> {
    let Some(token) = request.bearer() else {
        return Ok(None);
    };
    // Every token is compared, so the time taken does not tell which one matched.
    let place =
        app.config()
            .admin_tokens
            .iter()
            .enumerate()
            .fold(None, |found, (place, secret)| {
                let is_this = secret.matches(token);
                found.or(is_this.then_some(place + 1))
            });
    if let Some(place) = place {
        let name = format!("operator:{place}");
        return Ok(Some(Operator { name }));
    }
    let user = signed_in_user(app, request.deadline, token).await?;
    Ok(user.filter(User::is_admin).map(|user| Operator {
        name: format!("user:{}", user.id),
    }))
}

/// Who calls a cron's route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CronCaller {
    /// The cron: work is done.
    Cron,
    /// Someone without any credentials: told that the route is there, nothing is done.
    Anyone,
}

/// Lets the cron pass, and operators.
pub(super) async fn require_cron_or_admin(app: &App, request: &Request) -> Result<(), Problem> {
    match (cron_caller(app, request), operator(app, request).await?) {
        (Ok(CronCaller::Cron), _) | (_, Some(_)) => Ok(()),
        (Ok(CronCaller::Anyone), None) => Err(Problem::new(Code::Unauthenticated)
            .detail("Send Authorization: Bearer with CRON_SECRET or an operator's token.")),
        (Err(problem), None) => Err(problem),
    }
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
