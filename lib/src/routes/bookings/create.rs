//! `POST /api/bookings`: holds a car for fifteen minutes.

use super::booking_input::BookingInput;
use crate::{
    app::App,
    clients::supabase::Booking,
    domain::rate_limit::Tier,
    flows::{
        booking::{
            hold::hold,
            lock::{Lock, lock_of},
            token::booking_token,
        },
        traffic::admission::admit_with_lock,
    },
    routes::{problems::Problem, unreadable::reject_unreadable},
    web::{reply::Reply, request::Request},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

pub(in crate::routes) async fn create(app: &App, request: &Request) -> Result<Reply, Problem> {
    // Parsed before the admission, which tries to take the car's lock in the same round trip.
    let input = match BookingInput::read(request) {
        Ok(input) => input,
        Err(problem) => return Err(reject_unreadable(app, request, Tier::Booking, problem).await),
    };
    let lock = lock_of(app.platform(), &input.car);
    let attempt = admit_with_lock(app, request, Tier::Booking, &lock).await?;

    let lock = Lock::acquire(app, lock, attempt).await?;
    let booking_request = input.booking_request(&request.id);
    let hold = hold(app, request.deadline, lock, &booking_request).await?;
    let status = if hold.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(booking_reply(app, status, &hold.booking))
}

fn booking_reply(app: &App, status: StatusCode, booking: &Booking) -> Reply {
    let id = booking.id;
    let config = app.config();
    let token = booking_token(&config.booking_token_secret, id);
    let path = format!("/api/bookings/{id}");
    let reply = Reply::json(
        status,
        &json!({
            "success": true,
            "bookingId": id,
            "reference": booking.reference,
            "status": booking.status,
            "holdExpiresAt": booking.hold_expires_at,
            "price": booking.price,
            "bookingToken": token,
            "bookingUrl": format!("{}{path}?token={token}", config.public_base_url),
        }),
    );
    match HeaderValue::from_str(&path) {
        Ok(location) => reply.with_header(header::LOCATION, location),
        Err(_) => reply,
    }
}
