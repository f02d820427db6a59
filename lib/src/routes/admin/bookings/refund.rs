//! `POST /api/admin/bookings/{id}/refund`: refunds a captured payment, or a part of it. The booking
//! stays as it is.

use crate::{
    app::App,
    clients::supabase::{Refund, RefundOrder, RefundRequest},
    domain::{
        money::{Amount, Currency},
        rate_limit::Tier,
        refusal::Refusal,
    },
    flows::{
        payment::{
            refund::make_refund,
            run::{RunLimits, SharedStop},
        },
        traffic::admission::admit,
    },
    routes::{
        access::require_admin,
        body::optional_json_fields,
        bookings::party::read_booking_id,
        idempotency_key::{IDEMPOTENCY_KEY, read_idempotency_key},
        problems::Problem,
        reason::reason_field,
    },
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

/// A refund that an operator requests.
#[derive(Debug)]
struct RefundInput {
    /// `None` refunds everything that is left.
    amount: Option<Amount>,
    /// The currency of the amount, which must be the payment's.
    currency: Option<Currency>,
    idempotency_key: Option<String>,
    reason: Option<String>,
}

pub(in crate::routes) async fn refund(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    let operator = require_admin(app, request).await?;
    let booking_id = read_booking_id(request)?;
    let input = read(request)?;

    let order = app
        .database(request.deadline)
        .order_refund(&RefundRequest {
            booking_id,
            amount: input.amount,
            currency: input.currency,
            idempotency_key: input.idempotency_key.as_deref(),
            reason: input.reason.as_deref(),
            actor: &operator.name,
            request_id: &request.id,
        })
        .await?;
    let ordered = match order {
        RefundOrder::Ordered(refund) => refund,
        RefundOrder::Refused(refusal) => return Err(refusal.into()),
    };
    let stop = SharedStop::new();
    let limits = RunLimits::of_request(request.deadline, &stop);
    let reply = refund_reply(booking_id, &ordered);
    let refund_id = ordered.id;
    // The order is stored. Unless PayPal refuses it, the cron makes it later.
    Ok(match make_refund(app, &limits, ordered).await {
        Ok(refund) => refund_reply(booking_id, &refund),
        Err(error) => {
            log::warn!("refund={refund_id} not made: {error}");
            reply
        }
    })
}

fn refund_reply(booking_id: Uuid, refund: &Refund) -> Reply {
    let mut body = json!({
        "success": true,
        "bookingId": booking_id,
        "refundId": refund.id,
        "amount": refund.money.amount,
        "currency": refund.money.currency,
        "status": refund.status,
    });
    if refund.parts.len() > 1 {
        body["parts"] = json!(refund.parts);
    }
    if let Some(code) = &refund.failure_code {
        body["failureCode"] = json!(code);
    }
    Reply::json(StatusCode::OK, &body)
}

/// A partial refund needs a key. Without one, a retry would look like a second refund.
fn read(request: &Request) -> Result<RefundInput, Problem> {
    const KEY: Refusal = Refusal::new(
        "required",
        "the header is required with amount, so that a retry is not a second refund",
    );
    const ZERO: Refusal = Refusal::new("invalid_amount", "must be greater than zero");
    let mut fields = optional_json_fields(request)?;
    fields.refuse_others(&["amount", "currency", "reason"]);
    let parse = |text: &str| match Amount::parse(text) {
        Ok(amount) if amount.decimal().is_zero() => Err(ZERO),
        parsed => parsed,
    };
    let (amount, currency) = fields.exact_money("amount", parse, Currency::parse);
    let reason = reason_field(&mut fields);
    let idempotency_key = read_idempotency_key(request, &mut fields);
    if amount.is_some() && idempotency_key.is_none() && !fields.has_errors() {
        fields.refuse(IDEMPOTENCY_KEY, KEY);
    }
    Ok(fields.finish(RefundInput {
        amount,
        currency,
        idempotency_key,
        reason,
    })?)
}
