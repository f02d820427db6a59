//! `POST /api/admin/bookings/{id}/void`: voids the authorization of a booking and cancels the
//! booking.

use crate::{
    app::App,
    clients::supabase::CancelRequest,
    domain::rate_limit::Tier,
    flows::{booking::cancel, traffic::admission::admit},
    routes::{
        access::require_admin,
        bookings::{cancel::cancellation_reply, party::read_booking_id},
        problems::Problem,
        reason::read_reason,
    },
    web::{reply::Reply, request::Request},
};

pub(in crate::routes) async fn void(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    let operator = require_admin(app, request).await?;
    let booking_id = read_booking_id(request)?;
    let reason = read_reason(request)?;

    let cancel_request = CancelRequest {
        booking_id,
        actor: &operator.name,
        by_operator: true,
        void_only: true,
        despite_doubt: false,
        look_first: false,
        reason: reason.as_deref(),
        request_id: &request.id,
    };
    let cancellation = cancel::cancel(app, request.deadline, &cancel_request).await?;
    Ok(cancellation_reply(booking_id, &cancellation))
}
