//! `POST /api/bookings/authorize-paypal-order`: authorizes the payment of an approved order and
//! confirms the booking.

use crate::{
    app::App,
    domain::{payment::parse_order_id, payment_state::PaymentState, rate_limit::Tier},
    flows::{
        payment::authorize::{self, AuthorizedBooking},
        traffic::admission::admit,
    },
    routes::{body::json_fields, problems::Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;

pub(in crate::routes) async fn authorize(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Payment).await?;
    let order_id = read(request)?;

    let reply = match authorize::authorize(app, request.deadline, &order_id).await? {
        AuthorizedBooking::Confirmed(booking) => Reply::json(
            StatusCode::OK,
            &json!({
                "success": true,
                "bookingId": booking.booking_id,
                "authorizationId": booking.authorization_id,
                "status": booking.status,
                "captureScheduledAt": booking.capture_scheduled_at,
            }),
        ),
        AuthorizedBooking::Pending(booking) => Reply::json(
            StatusCode::ACCEPTED,
            &json!({
                "success": true,
                "bookingId": booking.booking_id,
                "authorizationId": booking.authorization_id,
                "status": booking.status,
                "paymentStatus": PaymentState::AuthorizationPending,
                "holdExpiresAt": booking.hold_expires_at,
            }),
        ),
    };
    Ok(reply)
}

fn read(request: &Request) -> Result<String, Problem> {
    let mut fields = json_fields(request)?;
    let order_id = fields.required("orderID", parse_order_id);
    Ok(fields.finish_required(order_id)?)
}
