//! `POST /api/admin/payments/findings/acknowledge`: takes a finding off the open list, with an
//! operator's reason.

use super::payments_drift::FindingWithRepair;
use crate::{
    app::App,
    clients::supabase::Acknowledgement,
    domain::{
        rate_limit::Tier,
        refusal::{Refusal, parse_text, parse_token},
    },
    flows::traffic::admission::admit,
    routes::{
        access::require_admin,
        body::json_fields,
        problems::{Code, Problem},
    },
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

/// A finding, and why it needs no repair.
#[derive(Debug)]
struct AcknowledgementInput {
    payment_id: Uuid,
    kind: String,
    reason: String,
}

pub(in crate::routes) async fn acknowledge(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    let operator = require_admin(app, request).await?;
    let AcknowledgementInput {
        payment_id,
        kind,
        reason,
    } = read(request)?;

    let acknowledgement = app
        .database(request.deadline)
        .acknowledge_finding(payment_id, &kind, &reason, &operator.name, &request.id)
        .await?;
    match acknowledgement {
        Acknowledgement::Acknowledged { finding } => Ok(Reply::json(
            StatusCode::OK,
            &json!({ "success": true, "finding": FindingWithRepair::new(finding) }),
        )),
        Acknowledgement::FindingNotFound => Err(Problem::new(Code::FindingNotFound)),
    }
}

fn read(request: &Request) -> Result<AcknowledgementInput, Problem> {
    const ID: Refusal = Refusal::new("invalid_id", "must be the paymentId of a finding");
    let mut fields = json_fields(request)?;
    let payment_id = fields.required("paymentId", |text| Uuid::try_parse(text).map_err(|_| ID));
    let kind = fields.required("kind", |text| {
        parse_token(text, 40, |c| c.is_ascii_lowercase() || c == '_')
    });
    let reason = fields.required("reason", |text| parse_text(text, 200));
    let input = || {
        Some(AcknowledgementInput {
            payment_id: payment_id?,
            kind: kind?,
            reason: reason?,
        })
    };
    Ok(fields.finish_required(input())?)
}
