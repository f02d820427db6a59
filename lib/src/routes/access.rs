//! Access control for operators and crons.

use crate::{
    app::App,
    clients::supabase::User,
    flows::traffic::{
        callers::signed_in_user,
        operators::{FailedLogin, begin_request, record_failed_login},
    },
    routes::problems::{Code, Problem},
    web::request::Request,
};

/// A caller with an operator's rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    /// For the audit log: the position of the token in `ADMIN_TOKEN`, or the user's id at Supabase.
    pub(super) name: String,
}

/// Requires an operator: a bearer token from `ADMIN_TOKEN`, or of a Supabase user with the role
/// `admin`.
///
/// Call it after admission, because a user's token can cost a call to Supabase.
pub(super) async fn require_admin(app: &App, request: &Request) -> Result<Operator, Problem> {
    if let Some(operator) = find_operator(app, request).await? {
        return Ok(operator);
    }
    if app.config().admin_tokens.is_empty() && request.bearer().is_none() {
        return Err(
            Problem::new(Code::NotConfigured).detail("ADMIN_TOKEN is not set on this deployment.")
        );
    }
    record_failed_login(app, request, FailedLogin::Operator);
    Err(Problem::new(Code::Unauthenticated)
        .detail("Send Authorization: Bearer with an operator's token."))
}

/// The operator who sent the request, `None` for other callers.
///
/// Every request of an operator passes here, and is in the audit log for that reason. A change that
/// cannot be recorded is refused.
pub(super) async fn find_operator(
    app: &App,
    request: &Request,
) -> Result<Option<Operator>, Problem> {
    let operator = identify_operator(app, request).await?;
    if let Some(Operator { name }) = &operator
        && let Err(error) = begin_request(app, request, name).await
    {
        return Err(Problem::from(error)
            .detail("The audit log cannot record this request, so nothing was done."));
    }
    Ok(operator)
}

async fn identify_operator(app: &App, request: &Request) -> Result<Option<Operator>, Problem> {
    let Some(token) = request.bearer() else {
        return Ok(None);
    };
    if let Some(position) = admin_token_position(app, token) {
        let name = format!("operator:{position}");
        return Ok(Some(Operator { name }));
    }
    let user = signed_in_user(app, request.deadline, token).await?;
    Ok(user.filter(User::is_admin).map(|user| Operator {
        name: format!("user:{}", user.id),
    }))
}

/// The position of `token` in `ADMIN_TOKEN`, from 1.
///
/// Every token is compared, so that the time does not show which one matched.
fn admin_token_position(app: &App, token: &str) -> Option<usize> {
    let secrets = app.config().admin_tokens.iter();
    secrets.enumerate().fold(None, |position, (index, secret)| {
        let is_match = secret.matches(token);
        position.or(is_match.then_some(index + 1))
    })
}

/// The caller of a cron route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CronCaller {
    Cron,
    /// A caller without credentials. The route responds, but does no work.
    Anonymous,
}

/// Requires the cron or an operator.
pub(super) async fn require_cron_or_admin(app: &App, request: &Request) -> Result<(), Problem> {
    match (
        identify_cron(app, request),
        find_operator(app, request).await?,
    ) {
        (Ok(CronCaller::Cron), _) | (_, Some(_)) => Ok(()),
        (Ok(CronCaller::Anonymous), None) => Err(Problem::new(Code::Unauthenticated)
            .detail("Send Authorization: Bearer with CRON_SECRET or an operator's token.")),
        (Err(problem), None) => {
            record_failed_cron(app, request, &problem);
            Err(problem)
        }
    }
}

/// Identifies the caller of a cron route. A wrong secret is refused.
pub(super) fn cron_caller(app: &App, request: &Request) -> Result<CronCaller, Problem> {
    identify_cron(app, request).inspect_err(|problem| record_failed_cron(app, request, problem))
}

/// Without `CRON_SECRET` no secret is wrong.
fn record_failed_cron(app: &App, request: &Request, problem: &Problem) {
    if problem.code == Code::Unauthenticated {
        record_failed_login(app, request, FailedLogin::Cron);
    }
}

fn identify_cron(app: &App, request: &Request) -> Result<CronCaller, Problem> {
    if !request.headers.contains_key(http::header::AUTHORIZATION) {
        return Ok(CronCaller::Anonymous);
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
