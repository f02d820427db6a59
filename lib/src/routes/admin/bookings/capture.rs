//! `POST /api/admin/bookings/{id}/capture`: captures the payment of a booking before its schedule.

use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::{payment::capture::capture_now, traffic::admission::admit},
    routes::{access::require_admin, bookings::party::read_booking_id, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;

pub(in crate::routes) async fn capture(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    let operator = require_admin(app, request).await?;
    let booking_id = read_booking_id(request)?;

    let capture = capture_now(
        app,
        request.deadline,
        booking_id,
        &operator.name,
        &request.id,
    )
    .await?;
    // PayPal decides later about a pending capture.
    let (status, state) = if capture.is_pending {
        (StatusCode::ACCEPTED, "pending")
    } else {
        (StatusCode::OK, "captured")
    };
    Ok(Reply::json(
        status,
        &json!({
            "success": true,
            "bookingId": booking_id,
            "captureId": capture.id,
            "status": state,
        }),
    ))
}
