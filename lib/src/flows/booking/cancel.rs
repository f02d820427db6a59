//! Cancellation of bookings.
//!
//! The database cancels the booking, frees its days and records the money that is owed, in one
//! transaction. A void, a refund or a capture of the kept part follows at PayPal. It is tried at
//! once, and the crons retry it.

use crate::{
    app::App,
    clients::supabase::{
        CancelRefusal, CancelRequest, CancelResult, Cancellation, DatabaseError, PaymentName,
        RefundStatus, Settlement,
    },
    flows::{
        cache::invalidate::invalidate_days,
        payment::{
            capture::capture_now, observe::observe_payment, refund::make_refund,
            void::void_authorization,
        },
    },
    platform::Deadline,
};

/// The reason that a booking is not canceled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CancelError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("refused: {0:?}")]
    Refused(CancelRefusal),
}

/// Cancels the booking of `request`, unless it is canceled, and settles its money at PayPal.
pub(crate) async fn cancel(
    app: &App,
    deadline: Deadline,
    request: &CancelRequest<'_>,
) -> Result<Cancellation, CancelError> {
    let database = app.database(deadline);
    let mut result = database.cancel_booking(request).await?;
    if let CancelResult::Refused(CancelRefusal::PaymentInProgress { payment_id }) = result {
        // A capture whose response was lost would block the cancellation until the next run of the
        // cron.
        match observe_payment(app, deadline, PaymentName::Id(payment_id)).await {
            Ok(_) => result = database.cancel_booking(request).await?,
            Err(error) => log::warn!("payment={payment_id} not observed: {error}"),
        }
    }
    let mut cancellation = match result {
        CancelResult::Cancelled(cancellation) => cancellation,
        CancelResult::Refused(refusal) => return Err(CancelError::Refused(refusal)),
    };
    invalidate_days(app, [cancellation.car.clone()]).await;
    let settled = settle(app, deadline, request, &cancellation.settlement).await;
    // If the whole price is kept, its capture refunds nothing.
    if let Some(status) = settled
        && cancellation.refund_status == RefundStatus::Pending
    {
        cancellation.refund_status = status;
    }
    Ok(cancellation)
}

/// Settles the money at PayPal. Returns `None` if there is nothing to do or it did not succeed.
async fn settle(
    app: &App,
    deadline: Deadline,
    request: &CancelRequest<'_>,
    settlement: &Settlement,
) -> Option<RefundStatus> {
    let booking_id = request.booking_id;
    let settled = match settlement {
        Settlement::None => return None,
        Settlement::Void {
            payment_id,
            authorization_id,
        } => void_authorization(
            app,
            deadline,
            *payment_id,
            authorization_id,
            "booking_cancelled",
        )
        .await
        .map(|()| RefundStatus::Voided)
        .map_err(|error| error.to_string()),
        Settlement::Capture => {
            capture_now(app, deadline, booking_id, request.actor, request.request_id)
                .await
                .map(|_| RefundStatus::Voided)
                .map_err(|error| error.to_string())
        }
        Settlement::Refund { refund_id } => make_refund(app, deadline, *refund_id)
            .await
            .map(|_| RefundStatus::Refunded)
            .map_err(|error| error.to_string()),
    };
    settled
        .inspect_err(|error| log::warn!("booking={booking_id} canceled, not settled: {error}"))
        .ok()
}
