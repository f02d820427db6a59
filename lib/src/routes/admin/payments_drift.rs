//! `GET /api/admin/payments/drift`: where money and bookings do not fit together, and what to do
//! about it.

use crate::{
    app::App,
    clients::supabase::{DeadLetter, OpenFinding},
    domain::rate_limit::Tier,
    flows::traffic::admission::admit,
    routes::{access::require_admin, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

/// A finding, and what an operator does about it.
#[derive(Debug, Serialize)]
pub(in crate::routes) struct Advised {
    #[serde(flatten)]
    finding: OpenFinding,
    repair: &'static str,
}

/// Everything that is open.
#[derive(Debug)]
pub(in crate::routes) struct Open {
    pub(super) findings: Vec<Advised>,
    pub(super) dead_letters: Vec<DeadLetter>,
}

pub(in crate::routes) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;

    let Open {
        findings,
        dead_letters,
    } = drift(app, request).await?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "drift": findings, "deadLetters": dead_letters }),
    ))
}

/// What is open, with advice.
pub(in crate::routes) async fn drift(app: &App, request: &Request) -> Result<Open, Problem> {
    let drift = app.database(request.deadline).payment_drift().await?;
    let findings = drift.findings.into_iter().map(|finding| Advised {
        repair: finding.kind.advice(),
        finding,
    });
    Ok(Open {
        findings: findings.collect(),
        dead_letters: drift.dead_letters,
    })
}
