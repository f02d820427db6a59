//! Holds: bookings whose days are kept until the customer pays.

use super::lock::{Lock, LockTimeout};
use crate::{
    app::App,
    clients::supabase::{Booking, BookingCreation, BookingRefusal, BookingRequest, DatabaseError},
    flows::cache::invalidate::invalidate,
    instance::cache_key::Subject,
    platform::Deadline,
};

/// A booking that waits for its payment.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) booking: Box<Booking>,
    /// Whether this request created the booking, not an earlier one like it.
    pub(crate) is_new: bool,
}

/// The reason that there is no hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Locked(#[from] LockTimeout),
    #[error("refused: {0:?}")]
    Refused(BookingRefusal),
}

/// Creates the booking of `request` under `lock`, and releases the lock.
///
/// The car's cached days are invalidated before the response, so that no later request sees them as
/// free.
pub(crate) async fn hold(
    app: &App,
    deadline: Deadline,
    lock: Lock,
    request: &BookingRequest<'_>,
) -> Result<Hold, HoldError> {
    let result = app.database(deadline).create_booking(request).await;
    let subjects = match &result {
        // A replay invalidates too: the response to the first request may have been lost on its way
        // to this instance.
        Ok(BookingCreation::Created { booking } | BookingCreation::Replayed { booking }) => {
            Subject::changed_by_booking(&booking.car())
        }
        Ok(BookingCreation::Refused(_)) => Vec::new(),
        // It is unknown whether there is a booking, and the car's other name is not known. Entries
        // under that name stay stale for seconds.
        Err(_) => vec![Subject::Days(request.car.clone()), Subject::Fleet],
    };
    invalidate(app, subjects, lock.into_release()).await;

    match result? {
        BookingCreation::Created { booking } => Ok(Hold {
            booking,
            is_new: true,
        }),
        BookingCreation::Replayed { booking } => Ok(Hold {
            booking,
            is_new: false,
        }),
        BookingCreation::Refused(refusal) => Err(HoldError::Refused(refusal)),
    }
}
