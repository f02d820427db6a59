//! `POST /api/admin/bookings/{id}/reauthorize`: reauthorizes the payment of a booking, so that
//! PayPal honors its funds again.

use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::{payment::reauthorize::reauthorize_now, traffic::admission::admit},
    routes::{access::require_admin, bookings::party::read_booking_id, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;

pub(in crate::routes) async fn reauthorize(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    let operator = require_admin(app, request).await?;
    let booking_id = read_booking_id(request)?;

    let authorization_id = reauthorize_now(
        app,
        request.deadline,
        booking_id,
        &operator.name,
        &request.id,
    )
    .await?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "bookingId": booking_id, "authorizationId": authorization_id }),
    ))
}
