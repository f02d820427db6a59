//! The token that opens a booking to its customer.

use crate::{app::App, domain::secret::Secret};
use uuid::Uuid;

/// The token of `booking`: an HMAC of its id, so it can be issued again and is stored nowhere.
#[must_use]
pub(crate) fn booking_token(app: &App, booking: Uuid) -> String {
    app.config()
        .booking_token_secret
        .sign(&format!("booking:{booking}"))
}

/// Compares `candidate` with the token of `booking` in constant time.
#[must_use]
pub(crate) fn is_booking_token(app: &App, booking: Uuid, candidate: &str) -> bool {
    Secret::new(booking_token(app, booking)).matches(candidate)
}
