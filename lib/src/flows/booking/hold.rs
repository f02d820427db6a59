//! Holding a car: the database decides, the cache is told.

use super::lock::{Lock, LockTimeout};
use crate::{
    app::App,
    clients::supabase::{
        Booking, BookingRequest, CarIdentity, CreateOutcome, CreatedBooking, DatabaseError,
    },
    flows::cache::invalidate::invalidate,
    instance::cache_key::Subject,
    platform::Deadline,
};

/// A car that is held.
#[derive(Debug)]
pub struct Hold {
    /// The booking.
    pub booking: Booking,
    /// Whether this request made it, or an earlier one like it.
    pub is_new: bool,
}

/// Why no car is held.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The database gave no answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Another booking of the car is being made.
    #[error(transparent)]
    Locked(#[from] LockTimeout),
    /// The database decided against it.
    #[error("refused: {:?}", .0.outcome)]
    Refused(Box<CreatedBooking>),
}

/// Makes the booking that `request` asks for under `lock`, gives the lock back, and makes the car's
/// cached days invalid before anyone is told, so that nobody who reads after the answer sees them
/// free.
pub async fn hold(
    app: &App,
    deadline: Deadline,
    lock: Lock,
    request: &BookingRequest<'_>,
) -> Result<Hold, HoldError> {
    let result = app.database(deadline).create_booking(request).await;
    let changed = match &result {
        // Also when it was made before: the answer to the first request may have been lost on its
        // way to us.
        Ok(CreatedBooking {
            booking: Some(booking),
            ..
        }) => Subject::changed_by_booking(&CarIdentity {
            id: booking.car_id,
            slug: booking.car_slug.clone(),
        }),
        Ok(_) => Vec::new(),
        // Whether there is a booking is not known. This is the name the client uses, the other is
        // stale for seconds.
        Err(_) => vec![Subject::Days(request.car.clone()), Subject::Fleet],
    };
    invalidate(app, changed, lock.into_release()).await;

    let created = result?;
    match (created.outcome, created.booking) {
        (CreateOutcome::Created, Some(booking)) => Ok(Hold {
            booking,
            is_new: true,
        }),
        (CreateOutcome::Replayed, Some(booking)) => Ok(Hold {
            booking,
            is_new: false,
        }),
        (outcome, booking) => Err(HoldError::Refused(Box::new(CreatedBooking {
            outcome,
            booking,
            ..created
        }))),
    }
}
