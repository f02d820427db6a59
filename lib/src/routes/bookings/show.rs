//! `GET /api/bookings/{id}`: a booking, for its holder and for operators.

use crate::{
    app::App,
    domain::{booking::parse_booking_id, rate_limit::Tier},
    flows::{booking::token::is_booking_token, traffic::admission::admit},
    routes::{
        access::{Operator, operator},
        problems::{Code, Problem},
    },
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

pub(in crate::routes) async fn show(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Public).await?;
    let id = booking_id(request)?;
    require_party(app, request, id).await?;

    let booking = app
        .database(request.deadline)
        .get_booking(id)
        .await?
        .ok_or_else(|| Problem::new(Code::BookingNotFound))?;
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "booking": booking }),
    ))
}

/// Whoever may act on a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::routes) enum Party {
    /// The holder of its token.
    Holder,
    /// An operator.
    Operator(Operator),
}

/// Lets the holder of the booking's token pass, and operators.
pub(in crate::routes) async fn require_party(
    app: &App,
    request: &Request,
    booking: Uuid,
) -> Result<Party, Problem> {
    let in_query = form_urlencoded::parse(request.query.as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, token)| token.into_owned());
    let token = request
        .bearer()
        .or_else(|| request.header("x-booking-token"))
        .map(str::to_owned)
        .or(in_query);
    if token.is_some_and(|token| is_booking_token(app, booking, &token)) {
        return Ok(Party::Holder);
    }
    match operator(app, request).await? {
        Some(operator) => Ok(Party::Operator(operator)),
        None => Err(Problem::new(Code::Unauthenticated).detail(
            "Send the bookingToken as Authorization: Bearer, as X-Booking-Token or as ?token=.",
        )),
    }
}

/// The booking that the path names. An id that no booking can have names no booking.
pub(in crate::routes) fn booking_id(request: &Request) -> Result<Uuid, Problem> {
    let id = request.parameter.as_deref().unwrap_or_default();
    parse_booking_id(id).map_err(|_| Problem::new(Code::BookingNotFound))
}
