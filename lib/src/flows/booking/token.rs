//! The token that opens a booking to its customer.

use crate::domain::secret::Secret;
use uuid::Uuid;

/// The token of a booking: an HMAC of its id, so it can be issued again and is stored nowhere.
#[must_use]
pub(crate) fn booking_token(secret: &Secret, booking_id: Uuid) -> String {
    secret.sign(&format!("booking:{booking_id}"))
}

/// Compares `candidate` with the booking's token in constant time.
#[must_use]
pub(crate) fn is_booking_token(secret: &Secret, booking_id: Uuid, candidate: &str) -> bool {
    Secret::new(booking_token(secret, booking_id)).matches(candidate)
}
