//! `GET /api/bookings/{id}`: a booking, for its customer and for operators.

use super::party::{read_booking_id, require_party};
use crate::{
    app::App,
    domain::rate_limit::Tier,
    flows::traffic::admission::admit,
    routes::problems::{Code, Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;

pub(in crate::routes) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Public).await?;
    let booking_id = read_booking_id(request)?;
    require_party(app, request, booking_id).await?;

    let booking = app
        .database(request.deadline)
        .get_booking(booking_id)
        .await?
        .ok_or_else(|| Problem::new(Code::BookingNotFound))?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "booking": booking }),
    ))
}
