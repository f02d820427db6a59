//! Cancellation of bookings.
//!
//! The database cancels the booking, frees its days and records the money that is owed, in one
//! transaction. Voids, refunds or a capture of the kept part follow at PayPal. They are tried at
//! once, and the crons retry them.

use crate::{
    app::App,
    clients::supabase::{
        CancelRefusal, CancelRequest, CancelResult, Cancellation, DatabaseError, PaymentName,
        Settlement,
    },
    flows::{
        cache::invalidate::invalidate_days,
        payment::{
            capture::capture_now,
            due_voids::settle_void,
            observe::observe_payment,
            refund::make_part,
            run::{RunLimits, SharedStop},
        },
    },
    platform::Deadline,
};
use uuid::Uuid;

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
    let mut attempt = CancelRequest {
        look_first: true,
        ..*request
    };
    let cancellation = loop {
        match database.cancel_booking(&attempt).await? {
            CancelResult::Cancelled(cancellation) => break cancellation,
            // Refunds in PayPal's console count. If PayPal does not answer, the record decides.
            CancelResult::LookFirst { payment_ids } => {
                for payment_id in payment_ids {
                    observe_or_warn(app, deadline, payment_id).await;
                }
                attempt.look_first = false;
            }
            // The response of a capture may be lost. Even if PayPal does not show its outcome, the
            // days are freed, and the money is settled when it does.
            CancelResult::Refused(CancelRefusal::PaymentInProgress { payment_id })
                if !attempt.despite_doubt =>
            {
                observe_or_warn(app, deadline, payment_id).await;
                attempt.despite_doubt = true;
            }
            CancelResult::Refused(refusal) => return Err(CancelError::Refused(refusal)),
        }
    };
    invalidate_days(app, [cancellation.car.clone()]).await;
    if cancellation.settlements.is_empty() {
        return Ok(cancellation);
    }
    let stop = SharedStop::new();
    let limits = RunLimits::of_request(deadline, &stop);
    for settlement in &cancellation.settlements {
        settle(app, &limits, request, settlement).await;
    }
    // A repeated cancellation shows what became of the money.
    Ok(match database.cancel_booking(request).await {
        Ok(CancelResult::Cancelled(settled)) => settled,
        Ok(CancelResult::Refused(_) | CancelResult::LookFirst { .. }) | Err(_) => cancellation,
    })
}

async fn observe_or_warn(app: &App, deadline: Deadline, payment_id: Uuid) {
    if let Err(error) = observe_payment(app, deadline, PaymentName::Id(payment_id)).await {
        log::warn!("payment={payment_id} not observed: {error}");
    }
}

/// Settles money at PayPal. The crons retry a void or refund that fails.
async fn settle(
    app: &App,
    limits: &RunLimits<'_>,
    request: &CancelRequest<'_>,
    settlement: &Settlement,
) {
    if limits.stop(app.platform()).is_some() {
        return;
    }
    let booking_id = request.booking_id;
    let settled = match settlement {
        Settlement::Void {
            payment_id,
            authorization_id,
        } => settle_void(
            app,
            limits,
            *payment_id,
            authorization_id,
            "booking_cancelled",
        )
        .await
        .map_err(|error| error.to_string()),
        Settlement::Capture => capture_now(
            app,
            limits.deadline,
            booking_id,
            request.actor,
            request.request_id,
        )
        .await
        .map(drop)
        .map_err(|error| error.to_string()),
        Settlement::Refund { refund_id } => make_part(app, limits, *refund_id)
            .await
            .map(drop)
            .map_err(|error| error.to_string()),
    };
    if let Err(error) = settled {
        log::warn!("booking={booking_id} canceled, not settled: {error}");
    }
}
