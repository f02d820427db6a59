//! `POST /api/bookings/{id}/cancel`: gives a booking up, and its money back as far as the policy says.

use super::{
    access::Operator,
    booking::{Party, booking_id, require_party},
    reason::read_reason,
};
use crate::{
    app::App,
    clients::supabase::{CancelRequest, Cancellation, RefundStatus},
    domain::rate_limit::Tier,
    flows::{admission::admit, cancel},
    http::{reply::Reply, request::Request},
    problem::Problem,
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

pub(super) async fn cancel(app: &App, request: &Request) -> Result<Reply, Problem> {
    let reason = read_reason(request);
    admit(app, request, Tier::Payment).await?;
    let id = booking_id(request)?;
    let party = require_party(app, request, id).await?;
    let reason = reason?;

    let (actor, by_operator) = match &party {
        Party::Holder => ("customer", false),
        Party::Operator(Operator { name }) => (name.as_str(), true),
    };
    let wish = CancelRequest {
        booking: id,
        actor,
        by_operator,
        void_only: false,
        reason: reason.as_deref(),
        request_id: &request.id,
    };
    let cancelled = cancel::cancel(app, request.deadline, &wish).await?;
    Ok(answer(id, &cancelled))
}

/// The same answer the first time and every time after.
pub(super) fn answer(booking: Uuid, cancelled: &Cancellation) -> Reply {
    Reply::json(
        StatusCode::OK,
        &json!({
            "success": true,
            "bookingId": booking,
            "status": "cancelled",
            "refund": {
                "percent": cancelled.percent,
                "amount": cancelled.amount,
                "currency": cancelled.currency,
                "status": cancelled.refund_status.unwrap_or(RefundStatus::None),
            },
        }),
    )
}
