//! `POST /api/admin/bookings/{id}/reauthorize`: renews the authorization of a booking, so that PayPal honours its funds again.

use super::{access::require_admin, booking::booking_id};
use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::{admission::admit, reauthorize::renew_now},
    http::{reply::Reply, request::Request},
    problem::Problem,
};
use http::StatusCode;
use serde_json::json;

pub(super) async fn reauthorize(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    let operator = require_admin(app, request).await?;
    let id = booking_id(request)?;

    let renewed = renew_now(app, request.deadline, id, &operator.name, &request.id).await?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "bookingId": id, "authorizationId": renewed }),
    ))
}
