//! Giving a booking up.
//!
//! The database cancels, frees the days and writes down what is owed, in one transaction. What
//! follows at PayPal (a void, a refund, a capture of the part that is kept) is tried at once and,
//! where it does not succeed, done by the crons.

use crate::{
    app::App,
    clients::supabase::{
        CancelOutcome, CancelRequest, Cancellation, DatabaseError, PaymentName, RefundStatus,
        Settlement,
    },
    flows::{
        cache::invalidate::invalidate_days,
        payment::{
            capture::{CaptureError, capture_now},
            observe, refund, void,
        },
    },
    platform::Deadline,
};

/// Why a booking is not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The database gave no answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It cannot be cancelled, or not now.
    #[error("refused: {0:?}")]
    Refused(CancelOutcome),
}

/// Cancels the booking of `request`, or finds it cancelled, and settles its money as far as PayPal
/// answers.
pub async fn cancel(
    app: &App,
    deadline: Deadline,
    request: &CancelRequest<'_>,
) -> Result<Cancellation, CancelError> {
    let database = app.database(deadline);
    let mut cancelled = database.cancel_booking(request).await?;
    if cancelled.outcome == CancelOutcome::PaymentInProgress
        && let Some(payment) = cancelled.payment_id
    {
        // A capture whose answer was lost would stand in the way until the next run asks; asking
        // now is as good.
        match observe::payment(app, deadline, PaymentName::Ours(payment)).await {
            Ok(_) => cancelled = database.cancel_booking(request).await?,
            Err(error) => log::warn!("payment={payment} not observed: {error}"),
        }
    }
    if !matches!(
        cancelled.outcome,
        CancelOutcome::Cancelled | CancelOutcome::AlreadyCancelled
    ) {
        return Err(CancelError::Refused(cancelled.outcome));
    }
    invalidate_days(app, cancelled.car.take().map(Into::into)).await;
    let settled = settle(app, deadline, request, &cancelled).await;
    // Where all of it is kept, taking it gives nothing back.
    if settled.is_some() && cancelled.refund_status == Some(RefundStatus::Pending) {
        cancelled.refund_status = settled;
    }
    Ok(cancelled)
}

/// Does what is owed. `None` when there is nothing to do, or it could not be done yet: then it is
/// pending.
async fn settle(
    app: &App,
    deadline: Deadline,
    request: &CancelRequest<'_>,
    cancelled: &Cancellation,
) -> Option<RefundStatus> {
    let booking = request.booking;
    let settled = match cancelled.settlement? {
        Settlement::None => return None,
        Settlement::Void => {
            let (payment, authorization) =
                (cancelled.payment_id?, cancelled.authorization_id.as_ref()?);
            void::void(app, deadline, payment, authorization, "booking_cancelled")
                .await
                .map(|()| RefundStatus::Voided)
                .map_err(|error| error.to_string())
        }
        Settlement::Capture => {
            capture_now(app, deadline, booking, request.actor, request.request_id)
                .await
                .map(|_| RefundStatus::Voided)
                .map_err(|error: CaptureError| error.to_string())
        }
        Settlement::Refund => refund::make(app, deadline, cancelled.refund_id?)
            .await
            .map(|_| RefundStatus::Refunded)
            .map_err(|error| error.to_string()),
    };
    settled
        .inspect_err(|error| log::warn!("booking={booking} cancelled, its money waits: {error}"))
        .ok()
}
