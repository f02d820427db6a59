//! The audit of operators' requests, and failed logins.
//!
//! A change is in the audit log before its work begins, and is refused if that fails. Its outcome
//! follows as a second row. A read has one row, which its response awaits for a second. A row that
//! fails is written again after the response, and reported in the log if that fails too.

use crate::{
    app::App,
    clients::supabase::{DatabaseError, OperatorAction, OperatorRequest},
    domain::rate_limit::{Client, Rule, Tier},
    platform::Deadline,
    web::request::Request,
};
use http::StatusCode;
use ipnet::IpNet;
use serde_json::json;
use std::{collections::BTreeSet, net::IpAddr, time::Duration};
use uuid::Uuid;

/// The time of each of two attempts to record a change before its work.
const BEFORE_CHANGE: Duration = Duration::from_secs(2);
/// The time that a response waits for its row.
const BEFORE_RESPONSE: Duration = Duration::from_secs(1);
/// The time of an attempt after the response.
const AFTER_RESPONSE: Duration = Duration::from_secs(5);
/// The most parameters that a row names.
const MAX_PARAMETERS: usize = 20;
/// The most failed logins that an instance records. Each one costs a call to the database, and
/// strangers cause them.
const FAILED_LOGINS: Rule = Rule {
    limit: 60,
    window_seconds: 60,
};

/// Notes the operator of `request`. A change is recorded, or it must not be made.
pub(crate) async fn begin_request(
    app: &App,
    request: &Request,
    operator: &str,
) -> Result<(), DatabaseError> {
    request.notes.set_operator(operator);
    if !request.is_change {
        return Ok(());
    }
    let row = audit_row(app, request, operator, OperatorAction::Change, None);
    match record(app, request, &row, BEFORE_CHANGE).await {
        // The first attempt may have written the row. The second does not write another.
        Err(_) => record(app, request, &row, BEFORE_CHANGE).await,
        Ok(()) => Ok(()),
    }
}

/// Records the outcome of an operator's request. Requests of others leave no row.
pub(crate) async fn finish_request(
    app: &App,
    request: &Request,
    status: StatusCode,
    problem: Option<&'static str>,
) {
    let Some(operator) = request.notes.operator() else {
        return;
    };
    let action = if request.is_change {
        OperatorAction::Outcome
    } else {
        OperatorAction::Read
    };
    let row = audit_row(app, request, operator, action, Some((status, problem)));
    if record(app, request, &row, BEFORE_RESPONSE).await.is_ok() {
        return;
    }
    app.after_response(|app| {
        Box::pin(async move {
            let deadline = Deadline::after(app.platform().now(), AFTER_RESPONSE);
            let recorded = app.database(deadline).record_operator_request(&row).await;
            if let Err(error) = recorded {
                log::error!(
                    "request={} actor={} subject={} detail={} is not in the audit log: {error}",
                    row.request_id,
                    row.actor,
                    row.subject_id,
                    row.detail
                );
            }
        })
    });
}

async fn record(
    app: &App,
    request: &Request,
    row: &OperatorRequest,
    time: Duration,
) -> Result<(), DatabaseError> {
    let now = app.platform().now();
    let deadline = Deadline::after(now, request.deadline.allow(now, time));
    app.database(deadline).record_operator_request(row).await
}

fn audit_row(
    app: &App,
    request: &Request,
    operator: &str,
    action: OperatorAction,
    outcome: Option<(StatusCode, Option<&'static str>)>,
) -> OperatorRequest {
    let (subject_type, subject_id) = subject(request);
    let status = outcome.map(|(status, _)| status.as_u16());
    let parameters = parameter_names(request.route, &request.query);
    OperatorRequest {
        actor: operator.to_owned(),
        action,
        subject_type,
        subject_id,
        request_id: request.id.clone(),
        detail: json!({
            "method": request.method.as_str(),
            "route": request.route,
            "parameters": (!parameters.is_empty()).then_some(parameters),
            "status": status,
            "code": outcome.and_then(|(_, problem)| problem),
        }),
        now: app.platform().now(),
    }
}

/// The object in the path, otherwise the route.
fn subject(request: &Request) -> (&'static str, String) {
    let id = request.parameter.as_deref().unwrap_or_default();
    let booking = Uuid::try_parse(id).ok();
    match booking.filter(|_| request.route.contains("/bookings/")) {
        Some(booking) => ("booking", booking.to_string()),
        None if request.route.contains("/webhooks/") && is_event_id(id) => {
            ("webhook", id.to_owned())
        }
        None => ("route", request.route.to_owned()),
    }
}

fn is_event_id(id: &str) -> bool {
    (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The names of the parameters. Their values may be personal data. A platform may repeat the
/// parameter of the path in the query, as Vercel does.
fn parameter_names(route: &str, query: &str) -> BTreeSet<String> {
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, _)| name.into_owned())
        .filter(|name| name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .filter(|name| !route.contains(&format!("{{{name}}}")))
        .take(MAX_PARAMETERS)
        .collect()
}

/// A login that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailedLogin {
    /// The token is not an operator's.
    Operator,
    /// The secret is not the crons'.
    Cron,
}

/// Records a failed login after the response. A request without credentials is none.
pub(crate) fn record_failed_login(app: &App, request: &Request, login: FailedLogin) {
    if !request.headers.contains_key(http::header::AUTHORIZATION) {
        return;
    }
    let client = Client::named("failed logins");
    let now = u64::try_from(app.platform().now().as_millisecond()).unwrap_or(0);
    let limits = app.local_limits();
    if !limits
        .decide(Tier::Admin, &client, FAILED_LOGINS, now)
        .allowed
    {
        return;
    }
    let kind = match login {
        FailedLogin::Operator => "operator_login_failed",
        FailedLogin::Cron => "cron_login_failed",
    };
    let detail = json!({
        "method": request.method.as_str(),
        "route": request.route,
        "network": request.address.and_then(network),
    });
    let request_id = request.id.clone();
    app.after_response(|app| {
        Box::pin(async move {
            let deadline = Deadline::after(app.platform().now(), AFTER_RESPONSE);
            let database = app.database(deadline);
            let recorded = database.record_security_event(kind, &detail, &request_id);
            if let Err(error) = recorded.await {
                log::warn!("request={request_id} {kind} is not recorded: {error}");
            }
        })
    });
}

/// The network of an address, which is not personal data as the address would be.
fn network(address: IpAddr) -> Option<String> {
    let address = address.to_canonical();
    let prefix = if address.is_ipv4() { 24 } else { 48 };
    let network = IpNet::new(address, prefix).ok()?;
    Some(network.trunc().to_string())
}

#[cfg(test)]
#[path = "operators_tests.rs"]
mod tests;
