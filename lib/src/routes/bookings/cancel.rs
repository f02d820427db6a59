//! `POST /api/bookings/{id}/cancel`: gives a booking up, and its money back as far as the policy
//! says.

use super::show::{Party, booking_id, require_party};
use crate::{
    app::App,
    clients::supabase::{CancelRequest, Cancellation, RefundStatus},
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
    let id = booking_id(request)?;
    let party = require_party(app, request, id).await?;
    let reason = read_reason(request)?;

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
pub(in crate::routes) fn answer(booking: Uuid, cancelled: &Cancellation) -> Reply {
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
