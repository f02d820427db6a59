//! `GET /api/admin/payments/drift`: payments that do not match their bookings or PayPal, with a
//! repair for each.

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

/// A finding, and its repair by an operator.
#[derive(Debug, Serialize)]
pub(super) struct FindingWithRepair {
    #[serde(flatten)]
    finding: OpenFinding,
    repair: &'static str,
}

/// All open findings and dead letters.
#[derive(Debug)]
pub(super) struct DriftReport {
    pub(super) findings: Vec<FindingWithRepair>,
    pub(super) dead_letters: Vec<DeadLetter>,
}

pub(in crate::routes) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;

    let DriftReport {
        findings,
        dead_letters,
    } = drift_report(app, request).await?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "drift": findings, "deadLetters": dead_letters }),
    ))
}

pub(super) async fn drift_report(app: &App, request: &Request) -> Result<DriftReport, Problem> {
    let drift = app.database(request.deadline).payment_drift().await?;
    let findings = drift.findings.into_iter().map(|finding| FindingWithRepair {
        repair: finding.kind.advice(),
        finding,
    });
    Ok(DriftReport {
        findings: findings.collect(),
        dead_letters: drift.dead_letters,
    })
}
