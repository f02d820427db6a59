//! `POST /api/admin/bookings/{id}/refund`: gives back what was captured, or a part of it. The
//! booking stays as it is.

use crate::{
    app::App,
    clients::supabase::{RefundOutcome, RefundRequest, RefundState},
    domain::{money::Amount, rate_limit::Tier, refusal::Refusal},
    flows::{payment::refund, traffic::admission::admit},
    routes::{
        access::require_admin,
        body::optional_json_fields,
        bookings::{create::read_idempotency_key, show::booking_id},
        problems::{Problem, not_refunded},
        reason::reason_field,
    },
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

/// What an operator asks for.
#[derive(Debug)]
struct Asked {
    amount: Option<Amount>,
    idempotency_key: Option<String>,
    reason: Option<String>,
}

pub(in crate::routes) async fn refund(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    let operator = require_admin(app, request).await?;
    let id = booking_id(request)?;
    let asked = read(request)?;

    let ordered = app
        .database(request.deadline)
        .order_refund(&RefundRequest {
            booking: id,
            amount: asked.amount,
            idempotency_key: asked.idempotency_key.as_deref(),
            reason: asked.reason.as_deref(),
            actor: &operator.name,
            request_id: &request.id,
        })
        .await?;
    let (RefundOutcome::Ordered | RefundOutcome::Replayed, Some(refund)) =
        (ordered.outcome, ordered.refund_id)
    else {
        return Err(not_refunded(&ordered));
    };
    // What is ordered is made, now or by the cron.
    let state = match refund::make(app, request.deadline, refund).await {
        Ok(state) => state,
        Err(error) => {
            log::warn!("refund={refund} not made: {error}");
            let status = error.is_final().then(|| "refused".to_owned());
            RefundState { status, ..ordered }
        }
    };
    Ok(answer(id, refund, &state))
}

fn answer(booking: Uuid, refund: Uuid, state: &RefundState) -> Reply {
    let status = match state.status.as_deref() {
        Some("ordered") | None => "pending",
        Some(status) => status,
    };
    Reply::json(
        StatusCode::OK,
        &json!({
            "success": true,
            "bookingId": booking,
            "refundId": refund,
            "amount": state.amount,
            "currency": state.currency,
            "status": status,
        }),
    )
}

/// A part of the money needs a key: nobody could tell a repeat from a second refund.
fn read(request: &Request) -> Result<Asked, Problem> {
    const KEY: Refusal = Refusal::new(
        "required",
        "the header is required with amount, so that a repeat is not a second refund",
    );
    const NOTHING: Refusal = Refusal::new("invalid_amount", "must be more than nothing");
    let mut fields = optional_json_fields(request)?;
    let amount = fields.optional_amount("amount", |text| match Amount::parse(text) {
        Ok(amount) if amount.decimal().is_zero() => Err(NOTHING),
        parsed => parsed,
    });
    let reason = reason_field(&mut fields);
    let idempotency_key = read_idempotency_key(request, &mut fields);
    if amount.is_some() && idempotency_key.is_none() && fields.is_clean() {
        fields.refuse("Idempotency-Key", KEY);
    }
    if fields.is_clean() {
        Ok(Asked {
            amount,
            idempotency_key,
            reason,
        })
    } else {
        Err(fields.refused().into())
    }
}
