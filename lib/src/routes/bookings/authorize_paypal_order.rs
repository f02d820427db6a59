//! `POST /api/bookings/authorize-paypal-order`: holds the money of an approved order and confirms
//! the booking.

use crate::{
    app::App,
    domain::{payment::parse_order_id, rate_limit::Tier},
    flows::{payment::authorize, traffic::admission::admit},
    routes::{body::json_fields, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;

pub(in crate::routes) async fn authorize(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Payment).await?;
    let order_id = read(request)?;

    let authorized = authorize::authorize(app, request.deadline, &order_id).await?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "success": true,
            "bookingId": authorized.booking,
            "authorizationId": authorized.authorization_id,
            "status": "upcoming",
            "captureScheduledAt": authorized.capture_scheduled_at,
        }),
    ))
}

fn read(request: &Request) -> Result<String, Problem> {
    let mut fields = json_fields(request)?;
    let order_id = fields.required("orderID", parse_order_id);
    order_id.ok_or_else(|| fields.refused().into())
}
