//! `POST /api/admin/bookings/{id}/void`: gives an authorization back, all of it, and the booking up with it.

use super::{
    access::require_admin, booking::booking_id, bookings_cancel::answer, reason::read_reason,
};
use crate::{
    app::App,
    clients::supabase::CancelRequest,
    domain::rate_limit::Tier,
    flows::{admission::admit, cancel},
    http::{reply::Reply, request::Request},
    problem::Problem,
};

pub(super) async fn void(app: &App, request: &Request) -> Result<Reply, Problem> {
    let reason = read_reason(request);
    admit(app, request, Tier::Admin).await?;
    let operator = require_admin(app, request).await?;
    let id = booking_id(request)?;
    let reason = reason?;

    let wish = CancelRequest {
        booking: id,
        actor: &operator.name,
        by_operator: true,
        void_only: true,
        reason: reason.as_deref(),
        request_id: &request.id,
    };
    let voided = cancel::cancel(app, request.deadline, &wish).await?;
    Ok(answer(id, &voided))
}
