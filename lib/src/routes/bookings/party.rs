//! The booking in the path, and the parties that may see and cancel it.

use crate::{
    app::App,
    domain::booking::parse_booking_id,
    flows::booking::token::is_booking_token,
    routes::{
        access::{Operator, find_operator},
        problems::{Code, Problem},
    },
    web::request::Request,
};
use uuid::Uuid;

/// A person who may see and cancel a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::routes) enum Party {
    /// Known by the booking's token.
    Customer,
    Operator(Operator),
}

/// Requires the booking's token or an operator.
pub(in crate::routes) async fn require_party(
    app: &App,
    request: &Request,
    booking_id: Uuid,
) -> Result<Party, Problem> {
    let secret = &app.config().booking_token_secret;
    let token = booking_token_of(request);
    if token.is_some_and(|token| is_booking_token(secret, booking_id, &token)) {
        return Ok(Party::Customer);
    }
    match find_operator(app, request).await? {
        Some(operator) => Ok(Party::Operator(operator)),
        None => Err(Problem::new(Code::Unauthenticated).detail(
            "Send the bookingToken as Authorization: Bearer, as X-Booking-Token or as ?token=.",
        )),
    }
}

/// The token in the request: the bearer token, the header or the query, in this order.
fn booking_token_of(request: &Request) -> Option<String> {
    let header = || request.header("x-booking-token");
    let query = || {
        form_urlencoded::parse(request.query.as_bytes())
            .find(|(name, _)| name == "token")
            .map(|(_, token)| token.into_owned())
    };
    request
        .bearer()
        .or_else(header)
        .map(str::to_owned)
        .or_else(query)
}

/// The id in the path. An invalid id is an unknown booking.
pub(in crate::routes) fn read_booking_id(request: &Request) -> Result<Uuid, Problem> {
    let id = request.parameter.as_deref().unwrap_or_default();
    parse_booking_id(id).map_err(|_| Problem::new(Code::BookingNotFound))
}
