//! `GET /api/admin/payments/drift`: payments that do not match their bookings or PayPal, with a
//! repair for each.

use crate::{
    app::App,
    clients::supabase::{DeadLetter, DriftListing, OpenFinding},
    domain::{finding::FindingKind, rate_limit::Tier, refusal::Refusal},
    flows::traffic::admission::admit,
    routes::{access::require_admin, problems::Problem},
    web::{
        fields::{FieldErrors, Fields},
        reply::Reply,
        request::Request,
    },
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A finding, and its repair by an operator.
#[derive(Debug, Serialize)]
pub(super) struct FindingWithRepair {
    #[serde(flatten)]
    finding: OpenFinding,
    repair: &'static str,
}

impl FindingWithRepair {
    pub(super) fn new(finding: OpenFinding) -> Self {
        let kind = FindingKind::deserialize(Value::from(finding.kind.as_str()));
        Self {
            repair: kind.map_or("Look the payment up at PayPal.", FindingKind::advice),
            finding,
        }
    }
}

/// One page of the findings and of the dead letters.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DriftReport {
    #[serde(rename = "drift")]
    findings: Vec<FindingWithRepair>,
    pagination: Value,
    dead_letters: Vec<DeadLetter>,
    dead_letter_pagination: Value,
}

/// The largest page.
const MAX_LIMIT: u32 = 200;
/// The first page of the findings that are not acknowledged.
pub(super) const FIRST_PAGE: DriftListing = DriftListing {
    page: 1,
    limit: MAX_LIMIT,
    is_acknowledged: false,
};

pub(in crate::routes) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let listing = read(&request.query)?;

    let report = drift_report(app, request, listing).await?;
    let mut body = json!(report);
    body["success"] = json!(true);
    Ok(Reply::json(StatusCode::OK, &body))
}

fn read(query: &str) -> Result<DriftListing, FieldErrors> {
    const PAGE: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 10000");
    const LIMIT: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 200");
    let mut fields = Fields::from_query(query);
    let listing = DriftListing {
        page: fields
            .optional_integer("page", 1, 10_000, PAGE)
            .unwrap_or(1),
        limit: fields
            .optional_integer("limit", 1, MAX_LIMIT, LIMIT)
            .unwrap_or(50),
        is_acknowledged: fields.optional_flag("acknowledged").unwrap_or_default(),
    };
    fields.finish(listing)
}

pub(super) async fn drift_report(
    app: &App,
    request: &Request,
    listing: DriftListing,
) -> Result<DriftReport, Problem> {
    let drift = app
        .database(request.deadline)
        .payment_drift(listing)
        .await?;
    let findings = drift.findings.into_iter().map(FindingWithRepair::new);
    Ok(DriftReport {
        findings: findings.collect(),
        pagination: drift.pagination,
        dead_letters: drift.dead_letters,
        dead_letter_pagination: drift.dead_letter_pagination,
    })
}
