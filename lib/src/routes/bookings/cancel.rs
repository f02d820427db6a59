//! `POST /api/bookings/{id}/cancel`: cancels a booking and refunds it by the policy.

use super::party::{Party, read_booking_id, require_party};
use crate::{
    app::App,
    clients::supabase::{CancelRequest, Cancellation},
    domain::rate_limit::Tier,
    flows::{booking::cancel, traffic::admission::admit},
    routes::{access::Operator, problems::Problem, reason::read_reason},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

pub(in crate::routes) async fn cancel(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Payment).await?;
    let booking_id = read_booking_id(request)?;
    let party = require_party(app, request, booking_id).await?;
    let reason = read_reason(request)?;

    let (actor, by_operator) = match &party {
        Party::Customer => ("customer", false),
        Party::Operator(Operator { name }) => (name.as_str(), true),
    };
    let cancel_request = CancelRequest {
        booking_id,
        actor,
        by_operator,
        void_only: false,
        despite_doubt: false,
        look_first: false,
        reason: reason.as_deref(),
        request_id: &request.id,
    };
    let cancellation = cancel::cancel(app, request.deadline, &cancel_request).await?;
    Ok(cancellation_reply(booking_id, &cancellation))
}

/// A retry gets the same reply.
pub(in crate::routes) fn cancellation_reply(
    booking_id: Uuid,
    cancellation: &Cancellation,
) -> Reply {
    let mut refund = json!({
        "percent": cancellation.percent,
        "amount": cancellation.refund.amount,
        "currency": cancellation.refund.currency,
        "status": cancellation.refund_status,
    });
    if let Some(code) = &cancellation.failure_code {
        refund["failureCode"] = json!(code);
    }
    Reply::json(
        StatusCode::OK,
        &json!({
            "success": true,
            "bookingId": booking_id,
            "status": "cancelled",
            "refund": refund,
        }),
    )
}
